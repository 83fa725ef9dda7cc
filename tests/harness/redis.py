"""A real Redis on this machine for a test, which keeps nothing when it is killed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.proxies import PATIENT, free_port, need
from tests.harness.waiting import eventually


class Redis:
    """`url` is for REDIS_URL; it stays when the server is killed and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": self.directory,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with (self.directory / "output").open("ab") as output:
            self.process = subprocess.Popen(["redis-server", *words], stdout=output, stderr=output)
        assert eventually(self.answers, seconds=PATIENT), (self.directory / "output").read_text()

    def answers(self) -> bool:
        return self._ask("PING") == "PONG"

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return int(self._ask("LLEN", "rq:queue:default"))

    def _ask(self, *words: str) -> str:
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    need("redis-server")
    started = Redis(tmp_path)
    yield started
    started.kill()
