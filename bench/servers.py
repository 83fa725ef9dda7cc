"""Server processes: started on the core of the server under test, stopped whatever happens."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.machine import Cores

ROOT = Path(__file__).resolve().parent.parent
# Loopback only, so a proxy that the environment names must not be used.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Process:
    """One server on 127.0.0.1:`port`; its log is in `directory`."""

    cores = Cores(frozenset(), frozenset())

    def __init__(
        self, name: str, command: list[str], *, env: dict[str, str], directory: Path, port: int
    ) -> None:
        self.name, self.command, self.env, self.port = name, command, env, port
        self.log = directory / f"{name.lower()}-{port}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, health: str, seconds: float) -> "Process":
        """Start, and wait until `health` answers 200. Raises RuntimeError with the end of its log."""
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=self.cores.take_the_server_core,
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._answers(health):
                return self
            time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"{self.name} did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def _answers(self, path: str) -> bool:
        try:
            with OPENER.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def bookbag(*, env: dict[str, str], directory: Path) -> Process:
    """Bookbag as it is served for real, in one process."""
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    process = Process(
        "Bookbag", command, env=os.environ | {"TRAIN_WORKERS": "0"} | env, directory=directory, port=port
    )
    return process.start(health="/healthz", seconds=60)
