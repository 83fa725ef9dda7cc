"""Fast starts of servers and commands: slow modules are imported once, and each start forks that process.

Importing the providers' SDKs takes most of a start, seconds of it. What comes out of a fork is an ordinary server all
the same: it reads its environment, runs `manage.py serve`, and has sockets, threads and connections of its own.
Starting it as people do, from nothing, is tried by tests/test_first_run.py and tests/deploy.

    python -m tests.harness.nursery MODULE ...    one JSON command a line in, one JSON answer a line out
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Libraries alone, none of which reads the environment of a server when it is imported.
LIBRARIES = (
    "anthropic",
    "openai",
    "uvicorn",
    "uvloop",
    "django.core.asgi",
    "psycopg_pool",
    "pyromark",
    "nh3",
    "cryptography.hazmat.primitives.ciphers.aead",
    "django.db.models",
    "django.forms",
    "fido2.server",
    "lxml.html",
    "snowballstemmer",
)
# The whole product with the environment of the nursery; only FAULT_POINT may differ between its servers.
PRODUCT = ("bookbag.asgi",)


class Nursery:
    """The process that forks; it has imported `modules` in the environment `env`."""

    def __init__(self, modules: tuple[str, ...] = LIBRARIES, env: dict[str, str] | None = None) -> None:
        self.turn = threading.Lock()
        self.is_over = False
        command = [sys.executable, "-m", "tests.harness.nursery", *modules]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True)

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()
        self.process.wait()

    def _end(self) -> None:
        """Let the process kill its children and end."""
        self.is_over = True
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]

    def start(self, arguments: list[str], env: dict[str, str], log: Path) -> "Child":
        """Start `manage.py` with these arguments and environment, with its output to this file."""
        log.touch()
        return Child(self, self.ask(start=arguments, env=env, log=str(log)))

    def run(self, arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """`manage.py` with these arguments to its end, as `subprocess.run` with its outputs captured; `-m` imports a module."""
        with tempfile.TemporaryDirectory() as directory:
            log, errors = Path(directory) / "out", Path(directory) / "err"
            child = Child(self, self.ask(start=arguments, env=env, log=str(log), errors=str(errors)))
            code = child.wait(600)
            return subprocess.CompletedProcess(arguments, code, log.read_text(), errors.read_text())

    def ask(self, **command: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.turn:
            try:
                self.process.stdin.write(json.dumps(command) + "\n")
                self.process.stdin.flush()
                return json.loads(self.process.stdout.readline())
            except BaseException:
                # A test's time limit may strike between question and answer, and the next question would get the
                # answer to this one. So nothing more is asked of this process: it kills its children and ends.
                self._end()
                raise


class Child:
    """A forked server, with the part of Popen's interface that Server needs."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and self.nursery.is_over:
            self.returncode = -signal.SIGKILL
        if self.returncode is None:
            self.returncode = self.nursery.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float = 30.0) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a forked server", timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        # A dead child keeps its process id until it is polled, so this signals no other process.
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


_shared: Nursery | None = None


def shared() -> Nursery:
    """The nursery of this test process; it ends with it. A new one after one that is over."""
    global _shared
    if _shared is None or _shared.is_over:
        _shared = Nursery()
    return _shared


# --- In the process that forks -----------------------------------------------------------------------


def main(modules: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    # Threads do not survive a fork, and their locks would stay locked.
    assert threading.active_count() == 1
    born: set[int] = set()
    answers = os.fdopen(os.dup(1), "w")
    # Read without sys.stdin, because a fork would inherit what it had read ahead.
    with os.fdopen(os.dup(0)) as commands:
        for line in iter(commands.readline, ""):
            command = json.loads(line)
            if "start" in command:
                pid = os.fork()
                if pid == 0:
                    commands.close()
                    os.close(answers.fileno())
                    serve(command)
                born.add(pid)
                answer: int | None = pid
            else:
                pid, status = os.waitpid(command["poll"], os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if pid else None
                born.discard(pid)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
    for pid in born:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def serve(command: dict[str, Any]) -> None:
    """Become the server that the command describes; never returns."""
    code = 1
    try:
        _be_at_home(command)
        if command["start"][0] == "-m":
            importlib.import_module(command["start"][1])
        else:
            runpy.run_path("manage.py", run_name="__main__")
        code = 0
    except SystemExit as end:
        # Like the interpreter: a SystemExit with a text prints it and counts as a failure.
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _be_at_home(command: dict[str, Any]) -> None:
    errors_go_to = Path(command.get("errors", command["log"]))
    with (
        Path(command["log"]).open("ab") as log,
        errors_go_to.open("ab") as errors,
        Path(os.devnull).open("rb") as nothing,
    ):
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(errors.fileno(), 2)
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(command["env"])
    sys.argv = ["manage.py", *command["start"]]
    if "bookbag.settings" in sys.modules:
        from django.conf import settings

        settings.FAULT_POINT = command["env"].get("FAULT_POINT", "")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
