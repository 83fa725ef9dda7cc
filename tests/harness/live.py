"""The real server as a process of its own, on the test database and the provider double.

It runs the product's settings, not the tests', and can be killed and started again on the same address. Its output
is kept, for tests that search it for what must never be printed.
"""

import fcntl
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import OperationalError, connection, transaction

from agents.models import Reply
from tests.harness import nursery
from tests.harness.nursery import Child, Nursery
from tests.harness.provider import provider_variables
from tests.provider_double.client import Double

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
STOP_SECONDS = 15.0
LISTENING = re.compile(r"serving at (http://127\.0\.0\.1:\d+)")
# These servers have no proxy in front, do not wait for replies when they stop, and start no training workers unless
# a test asks for them.
BRISK = {"DRAIN_NOTICE_SECONDS": "0", "DRAIN_SECONDS": "5", "TRAIN_WORKERS": "0"}
# Only loopback is used, so a proxy of the environment must be ignored.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

COLLECT = "import django; django.setup(); from bookbag.static import collect_if_changed; collect_if_changed()"

StartServer = Callable[..., "Server"]
# Fixtures that give a test a server of its own, which makes it a deep test (tests/conftest.py).
OWN_SERVERS = {
    "start_server",
    "lend_server",
    "unit_server",
    "counted_server",
    "canary_server",
    "fork_servers",
}


class ServerDied(RuntimeError):
    """The server ended instead of answering; the text is the end of what it printed."""


def database_url() -> str:
    """The URL of the database this test uses, as another process would be given it."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{quote(str(database['NAME']))}"
    user = quote(database["USER"]) + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    if database["HOST"].startswith("/"):
        return f"postgres://{user}@/{database['HOST']}/{database['NAME']}"
    return f"postgres://{user}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"


class Server:
    """One Bookbag server, `manage.py serve`. `env` adds to or replaces its environment."""

    # An application to serve instead of the product's, for tests that look inside.
    application = ""
    options: tuple[str, ...] = ()
    # Runs in the new process before the command does.
    before_start: Callable[[], None] | None = None
    # The nursery to start it from; by default the shared one.
    nursery: Nursery | None = None

    def __init__(self, log: Path, env: dict[str, str]) -> None:
        self.log = log
        self.env = (
            os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings", "PYTHONUNBUFFERED": "1"} | BRISK | env
        )
        self.process: subprocess.Popen[bytes] | Child | None = None
        self.url = ""
        self._start_of_run = 0
        self._start_of_test = 0

    def start(self) -> "Server":
        """Start, and wait until /healthz answers. A second start keeps the address. Raises ServerDied."""
        self._start_of_run = self._printed()
        self.process = self._begin(["serve", "--port", self._port(), *self.options])
        self._wait_until_it_answers()
        return self

    def _begin(self, arguments: list[str]) -> "subprocess.Popen[bytes] | Child":
        env = self.env | self._another_application()
        if self.before_start is None:
            return (self.nursery or nursery.shared()).start(arguments, env, self.log)
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=self.before_start,
            )

    def _port(self) -> str:
        return self.url.rpartition(":")[2] or "0"

    def _another_application(self) -> dict[str, str]:
        if not self.application:
            return {}
        return {"DJANGO_SETTINGS_MODULE": "tests.served_settings", "SERVED_APPLICATION": self.application}

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running:
                raise ServerDied(self._printed_since_start()[-4000:])
            found = LISTENING.search(self._printed_since_start())
            if found:
                self.url = found.group(1)
                if self._is_healthy():
                    return
            time.sleep(0.05)
        self.kill()
        raise ServerDied(f"no answer in {START_SECONDS:.0f} s: {self._printed_since_start()[-4000:]}")

    def _is_healthy(self) -> bool:
        try:
            with OPENER.open(f"{self.url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _printed_since_start(self) -> str:
        return self.log.read_bytes()[self._start_of_run :].decode(errors="replace")

    def _printed(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def output(self) -> str:
        """What it has printed during this test, stdout and stderr, over every start."""
        return self.log.read_bytes()[self._start_of_test :].decode(errors="replace")

    def forget_output(self) -> None:
        self._start_of_test = self._printed()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def pause(self) -> None:
        """Pause the process with SIGSTOP, but not inside a transaction, which would block all others."""
        for _ in range(100):
            os.kill(self.pid, signal.SIGSTOP)
            if _replies_can_be_written():
                return
            self.go_on()
            time.sleep(0.05)
        raise AssertionError("it is always in a transaction")

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it like a power cut: no handler runs, nothing is flushed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Stop it like a deployment: SIGTERM, wait, then SIGKILL. Returns the exit code, 0 if it never ran."""
        if self.process is None:
            return 0
        if self.is_running:
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def restart(self) -> "Server":
        """Kill it and start it again on the same address."""
        self.kill()
        return self.start()


def _replies_can_be_written() -> bool:
    """Whether no reply (on SQLite: not the database) is locked."""
    try:
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0.2)) as other:
                other.execute("BEGIN IMMEDIATE")
                other.rollback()
        else:
            with transaction.atomic():
                list(Reply.objects.select_for_update(nowait=True))
    except (sqlite3.OperationalError, OperationalError):
        return False
    return True


@pytest.fixture(scope="session")
def collected_static() -> None:
    """The collected static files, made once per run by the first worker while the others wait."""
    directory = Path(os.environ["BOOKBAG_TEST_DIR"])
    done = directory / "static.done"
    with (directory / "static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            # Made in another directory first, because other workers may already read this one.
            collected = directory / "static.new"
            env = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings", "STATIC_ROOT": str(collected)}
            # Collected as `quickstart` does, so that `quickstart` leaves the directory alone. Collecting again would
            # remove files for a moment while servers read them.
            subprocess.run([sys.executable, "-c", COLLECT], cwd=ROOT, env=env, check=True)
            collected.rename(directory / "static")
            done.touch()


def new_server(name: str, double: Double, env: dict[str, str]) -> Server:
    """A server for one test or module, not yet started.

    Ends the shared server, unless the test uses it, because it would take some of the work that this one is tested
    for.
    """
    if not any(lending.lent for lending in _lendings):
        _end_shared()
    return _server(name, double, env)


def _server(name: str, double: Double, env: dict[str, str]) -> Server:
    stem = re.sub(r"\W+", "-", name)[:80]
    log = Path(os.environ["BOOKBAG_TEST_DIR"]) / f"server-{stem}-{os.getpid()}-{time.monotonic_ns()}.log"
    return Server(log, {"DATABASE_URL": database_url()} | provider_variables(double) | env)


@pytest.fixture
def start_server(
    transactional_db: None, provider_double: Double, collected_static: None, request: pytest.FixtureRequest
) -> Iterator[StartServer]:
    """Start a server with extra environment, `start_server(LEASE_SECONDS="2")`; ended with the test."""
    started: list[Server] = []

    def start(**env: str) -> Server:
        started.append(new_server(request.node.name, provider_double, env))
        return started[-1].start()

    yield start
    for server in started:
        server.stop()


# The shared server that `live` lends to one test after another.
_shared: list[Server] = []
_lendings: list["LendLive"] = []


def _end_shared() -> None:
    while _shared:
        _shared.pop().stop()


@pytest.fixture(scope="session")
def shared_server(django_db_setup: None) -> Iterator[list[Server]]:
    yield _shared
    _end_shared()


@pytest.fixture(scope="session")
def paths_on_shared(request: pytest.FixtureRequest) -> set[Path]:
    return {item.path for item in request.session.items if "lend_live" in getattr(item, "fixturenames", ())}


@pytest.fixture(scope="module", autouse=True)
def no_server_beside_tests_without_it(request: pytest.FixtureRequest, paths_on_shared: set[Path]) -> None:
    """End the shared server before tests without it.

    A server writes and sweeps by itself, which would disturb tests that check every row or sweep themselves.
    """
    if request.path not in paths_on_shared:
        _end_shared()


class LendLive:
    """Lends the shared server, which is started when a test first asks.

    So a test with a server of its own has no second one beside it.
    """

    def __init__(self, double: Double) -> None:
        self.double = double
        self.lent: Server | None = None

    def __call__(self) -> Server:
        if self.lent is None:
            if not _shared:
                _shared.append(_server("shared", self.double, {}))
            self.lent = _shared[0]
            if not self.lent.is_running:
                self.lent.start()
            self.lent.forget_output()
        return self.lent


@pytest.fixture
def lend_live(
    transactional_db: None, provider_double: Double, collected_static: None, shared_server: list[Server]
) -> Iterator[LendLive]:
    _lendings.append(LendLive(provider_double))
    yield _lendings[-1]
    _lendings.pop()


@pytest.fixture
def live(lend_live: LendLive) -> Server:
    """A server with the product's settings, shared by the tests of a run; one that was killed is started anew.

    Its memory is kept between tests, which does no harm, because row ids are never used twice.
    """
    return lend_live()
