"""The real server started hundreds of times: imported once, then a process forked for each start.

Importing takes most of a start, seconds of it; what comes out is an ordinary server process all the same,
with sockets, threads and database connections of its own. Only FAULT_POINT may differ between the forks.

    python -m tests.reliability.nursery     one JSON command a line in, one JSON answer a line out
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.harness.live import ROOT, Server


class Nursery:
    """The process that forks. `env` is the environment of every server born in it."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.turn = threading.Lock()
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Nursery":
        command = [sys.executable, "-m", "tests.reliability.nursery"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self.process is not None
        self.process.communicate()

    def ask(self, **command: Any) -> Any:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.turn:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())


class Child:
    """A forked server, with as much of Popen's manners as a Server needs."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.nursery = nursery
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
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
        # Until polled, a dead one keeps its number, so this hits nobody else.
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class ForkedServer(Server):
    """A server of a nursery; killed and started again as any other."""

    def __init__(self, nursery: Nursery, log: Path, fault_point: str = "") -> None:
        super().__init__(log, nursery.env)
        self.nursery = nursery
        self.fault_point = fault_point

    def start(self) -> "ForkedServer":
        self.log.touch()
        self._start_of_run = self._printed()
        born = self.nursery.ask(start=self._port(), log=str(self.log), fault_point=self.fault_point)
        self.process = Child(self.nursery, born)  # type: ignore[assignment]
        self._wait_until_it_answers()
        return self


# --- In the process that forks -----------------------------------------------------------------------


def main() -> None:
    import bookbag.asgi  # noqa: F401 (what takes the time)

    # A thread would not be there in a fork, and what it had locked would stay locked.
    assert threading.active_count() == 1
    born: set[int] = set()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        command = json.loads(line)
        if "start" in command:
            pid = os.fork()
            if pid == 0:
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
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def serve(command: dict[str, Any]) -> None:
    from django.conf import settings
    from django.core.management import call_command

    with Path(command["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    settings.FAULT_POINT = command["fault_point"]
    try:
        call_command("serve", port=int(command["start"]))
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
