"""A new user's first minutes: a copy of the project, an empty home, one command, and again.

The libraries are those of the test environment (`.ci/run` tries the download as well).
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.harness.live import database_url
from tests.harness.visitor import SignInFailed, Visitor

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"Bookbag is at (http://\S+)")
PASSWORD = re.compile(r"Sign in with the password (\S+)   \(shown this once\)")
START_SECONDS = 60.0


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
    # A name that is not fit for a URL as it stands.
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
        return
    # The tests' PostgreSQL has no business in the copy's settings, except here.
    name = f"first_run_{os.getpid()}"
    with _outside_transaction() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield Copy(directory, env | {"DATABASE_URL": database_url().rpartition("/")[0] + f"/{name}"})
    with _outside_transaction() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def kept_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collected by the first test that needs it; the sources are the same in every copy."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def quick_copy(copy: Copy, kept_static: Path) -> Copy:
    """A copy that need not compress static files anew."""
    return Copy(copy.directory, copy.env | {"STATIC_ROOT": str(kept_static)})


def _outside_transaction() -> psycopg.Cursor[Any]:
    """A cursor of a connection that commits each statement, as CREATE DATABASE needs."""
    return psycopg.connect(**connection.get_connection_params(), autocommit=True).cursor()


class Running:
    """`quickstart` serving, as `make run` leaves it in a terminal."""

    def __init__(self, copy: Copy, **env: str) -> None:
        self.log = copy.directory.parent / f"output-{time.monotonic_ns()}"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "quickstart"],
                cwd=copy.directory,
                env=copy.env | env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
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


def test_make_run_serves_signs_in_and_loses_nothing(copy: Copy) -> None:
    first = Running(copy)
    password = PASSWORD.search(first.output)
    assert password
    with Visitor(first.url) as edith:
        edith.sign_in("edith@acme.test", password.group(1))
        assert "Bookbag Guide" in edith.get("/w/acme/agents/").text
    assert first.interrupt() == 0
    assert first.output.rstrip().endswith("Bookbag has stopped.")
    assert "Traceback" not in first.output
    settings = (copy.directory / ".env").read_bytes()

    second = Running(copy)
    assert "the password shown when they were made" in second.output
    assert password.group(1) not in second.output
    with Visitor(second.url) as gina:
        gina.sign_in("gina@globex.test", password.group(1))
    second.interrupt()
    assert (copy.directory / ".env").read_bytes() == settings


def test_prepare_twice_makes_the_cast_once(copy: Copy) -> None:
    first, second = copy.prepare(), copy.prepare()
    assert (first.returncode, second.returncode) == (0, 0)
    assert "made: workspaces acme and globex" in first.stdout
    assert "Static files   collected" in first.stdout
    assert "Demo cast      there" in second.stdout
    assert "Static files   unchanged" in second.stdout
    for command in ("verify_ledger", "vault_check"):
        run = copy.manage(command)
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.any_database
def test_demo_password_can_be_given_and_changed(quick_copy: Copy) -> None:
    assert "the password first-choice\n" in quick_copy.prepare(DEMO_PASSWORD="first-choice").stdout
    running = Running(quick_copy, DEMO_PASSWORD="second-choice")
    with Visitor(running.url) as oscar:
        with pytest.raises(SignInFailed):
            oscar.sign_in("oscar@bookbag.test", "first-choice")
        oscar.sign_in("oscar@bookbag.test", "second-choice")
        assert oscar.get("/admin/").status_code == 200
    running.interrupt()


@pytest.mark.any_database
def test_lost_settings_do_not_get_new_keks_over_sealed_keys(quick_copy: Copy) -> None:
    quick_copy.prepare()
    (quick_copy.directory / ".env").unlink()
    again = quick_copy.prepare()
    assert again.returncode == 1
    assert "VAULT_KEYS is not set, but the database holds provider keys" in again.stderr
    assert not (quick_copy.directory / ".env").exists()


@pytest.mark.any_database
def test_port_in_use_is_said_before_anything_is_done(quick_copy: Copy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = quick_copy.manage("quickstart", PORT=str(port))
    assert run.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in run.stderr
    assert f"PORT={port + 1} make run" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (quick_copy.directory / ".env").exists()


@pytest.mark.any_database
def test_platform_key_is_taken_from_the_environment_once(quick_copy: Copy) -> None:
    nowhere = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    secret = "sk-plAtf0rmKeyOfTheTests-aBcDeFgHiJkLmNoP9x7Z"
    first = quick_copy.prepare(
        OPENAI_API_KEY=secret, ANTHROPIC_API_KEY="sk-proj-wrong-provider-12345", **nowhere
    )
    assert "OpenAI sk-…9x7Z from OPENAI_API_KEY: provider not reached" in first.stdout
    assert "ANTHROPIC_API_KEY was not taken." in first.stdout
    second = quick_copy.prepare(OPENAI_API_KEY="sk-another-one-of-the-tests-000000000000", **nowhere)
    assert "OpenAI keeps sk-…9x7Z" in second.stdout
    for run in (first, second):
        assert secret not in run.stdout + run.stderr
        assert "wrong-provider" not in run.stdout + run.stderr


def test_help_of_make_lists_the_contract() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "lint", "soak", "bench", "provider-double"):
        assert f"make {target} " in listed
