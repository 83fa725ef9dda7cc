"""A fresh copy of the project in an empty home directory, and the commands that a new user runs in it.

The libraries are those of the test environment (`.ci/run` tries the download as well).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.harness.database import template
from tests.harness.live import database_url

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"Bookbag is at (http://\S+)")
# A busy machine takes long to prepare; what ends earlier is not waited for.
START_SECONDS = 240.0


@dataclass
class Copy:
    """A fresh copy of the project with nothing that git would not have brought."""

    directory: Path
    env: dict[str, str]

    def prepare(self, **env: str) -> subprocess.CompletedProcess[str]:
        """`quickstart --no-serve`."""
        return subprocess.run(
            [sys.executable, "manage.py", "quickstart", "--no-serve"],
            cwd=self.directory,
            env=self.env | env,
            capture_output=True,
            text=True,
        )

    def manage(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=self.directory, env=self.env | env, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path, db: None) -> Iterator[Copy]:
    # A name that must be escaped in a URL.
    directory, home = tmp_path / "book bag+50%", tmp_path / "home"
    home.mkdir()
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PORT": "0"}
    if connection.vendor == "sqlite":
        yield Copy(directory, env)
        _end_what_runs()
        return
    # Only here the copy uses the tests' PostgreSQL.
    name = f"first_run_{os.getpid()}"
    with _outside_transaction() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield Copy(directory, env | {"DATABASE_URL": database_url().rpartition("/")[0] + f"/{name}"})
    _end_what_runs()
    with _outside_transaction() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


# The servers that this test has started, each at the head of a process group.
_started: list[subprocess.Popen[bytes]] = []


def _end_what_runs() -> None:
    """End servers that a failed test, or `make`, has left behind."""
    while _started:
        process = _started.pop()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def kept_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collected by the first test that needs it; the sources are the same in every copy."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def quick_copy(copy: Copy, kept_static: Path) -> Copy:
    """A copy with static files already compressed and, on SQLite, a migrated database."""
    if connection.vendor == "sqlite":
        (copy.directory / "var").mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(template(), copy.directory / "var" / "bookbag.sqlite3")
    return Copy(copy.directory, copy.env | {"STATIC_ROOT": str(kept_static)})


def _outside_transaction() -> psycopg.Cursor[Any]:
    """A cursor of a connection that commits each statement, as CREATE DATABASE needs."""
    return psycopg.connect(**connection.get_connection_params(), autocommit=True).cursor()


class Running:
    """`quickstart` serving, as `make run` leaves it in a terminal."""

    def __init__(self, copy: Copy, *options: str, command: Sequence[str] = (), **env: str) -> None:
        self.log = copy.directory.parent / f"output-{time.monotonic_ns()}"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command or [sys.executable, "manage.py", "quickstart", *options],
                cwd=copy.directory,
                env=copy.env | env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        _started.append(self.process)
        self.url = self._wait_for_address()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = ADDRESS.search(self.output)
            if found:
                return found.group(1)
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(self.output)

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)
