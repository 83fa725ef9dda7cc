"""The canary of the whole suite: every secret that a test plants is looked for in everything that the tests produce.

*Planted* is every provider key that a test has sealed, has sent to the provider double or takes from the harness. After
each test they are looked for in the answers that the test got, in its database as it leaves it, in its mails and in its
captured output. After the last test they are looked for in all files of the run: the servers' logs, the databases with
their write-ahead logs, and the tests' own directories.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from llm import vault
from tests.canary import planted
from tests.canary.scanner import Scanner, is_distinctive
from tests.canary.sinks import Sink, files, leaks
from tests.harness.cast import GINAS_SECRET
from tests.harness.chat import ACME_SECRETS, PLATFORM_SECRETS
from tests.harness.visitor import Visitor

# A load test seals thousands; the first ones show whether such a test leaks.
MOST_SECRETS = 400
LARGEST_ANSWER = 4_000_000
PAGE = 4096
# On this page people set up an app that shows codes, so it has to show them the app's secret, which is sealed afterwards.
SHOWS_ITS_OWN = {"/accounts/second-factor/totp/activate/"}
IN_FILES = pytest.StashKey[list[str]]()


class Suite:
    """What this process has planted, and the answers that its current test got."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.scanner = Scanner({})
        self.answers: list[Sink] = []
        self.clean_pages: set[int] = set()
        for secret in (
            GINAS_SECRET,
            *PLATFORM_SECRETS.values(),
            *ACME_SECRETS.values(),
            *planted.SECRETS.values(),
        ):
            self.plant(secret)

    def plant(self, secret: str) -> None:
        if secret in self.secrets or not is_distinctive(secret) or len(self.secrets) >= MOST_SECRETS:
            return
        self.secrets.add(secret)
        self.scanner.add(f"a secret ending in {secret[-4:]}", secret)

    def take(self, name: str, head: str, body: bytes) -> None:
        self.answers.append((name, head.encode("utf-8", "replace")))
        if len(body) <= LARGEST_ANSWER:
            self.answers.append((name, body))


suite = Suite()


# --- Listening ------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def canary_listens() -> Iterator[None]:
    """Records what is sealed, and the answers that test clients and visitors get."""
    patch = pytest.MonkeyPatch()
    seal, ask, send = vault.seal, Client.request, Visitor.send

    def noting_seal(secret: vault.Secret, **more: Any) -> vault.Sealed:
        suite.plant(secret.reveal())
        return seal(secret, **more)

    def noting_request(self: Client, **environ: Any) -> Any:
        answer = ask(self, **environ)
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        body = b"" if answer.streaming or environ.get("PATH_INFO") in SHOWS_ITS_OWN else answer.content
        suite.take(f"answer to {environ.get('PATH_INFO')}", f"{head}\n{answer.cookies.output()}", body)
        return answer

    def noting_send(self: Visitor, request: httpx.Request, **options: Any) -> httpx.Response:
        answer = send(self, request, **options)
        name = f"answer to {request.url.path}"
        if options.get("stream"):
            answer.iter_text = _noting(answer.iter_text, name)  # type: ignore[method-assign]
        else:
            suite.take(name, str(answer.headers.multi_items()), answer.content)
        return answer

    patch.setattr(vault, "seal", noting_seal)
    patch.setattr(Client, "request", noting_request)
    patch.setattr(Visitor, "send", noting_send)
    yield
    patch.undo()


def _noting(iter_text: Any, name: str) -> Any:
    def noted(*args: Any) -> Iterator[str]:
        parts: list[str] = []
        try:
            for part in iter_text(*args):
                parts.append(part)
                yield part
        finally:
            suite.take(name, "", "".join(parts).encode())

    return noted


# --- After each test ------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    # Before the fixtures are torn down, so that the database is as the test left it.
    found = leaks(suite.scanner, _made_by(item))
    suite.answers.clear()
    yield
    if found:
        pytest.fail("a planted secret leaked:\n" + "\n".join(found[:20]), pytrace=False)


def _made_by(item: pytest.Item) -> list[Sink]:
    _ask_double(item)
    made = suite.answers + [(f"captured {what}", text.encode()) for _, what, text in item._report_sections]
    for number, sent in enumerate(getattr(mail, "outbox", [])):
        made.append((f"mail {number}", sent.message().as_bytes() + sent.body.encode()))
    if "db" in item.fixturenames or "transactional_db" in item.fixturenames:  # type: ignore[attr-defined]
        made.append(("the database", _changed_pages()))
    return made


def _ask_double(item: pytest.Item) -> None:
    double = getattr(item, "funcargs", {}).get("provider_double")
    if double is not None and double.process is not None and double.process.poll() is None:
        for secret in double.stats()["calls_per_secret"]:
            suite.plant(secret)


def _changed_pages() -> bytes:
    """The pages of SQLite's database that are new since the last look, uncommitted ones included.

    PostgreSQL needs none of this: its files keep what was rolled back or deleted, and are searched at the end.
    """
    if connection.vendor != "sqlite" or connection.connection is None:
        return b""
    data = connection.connection.serialize()
    changed = []
    for start in range(0, len(data), PAGE):
        page = data[start : start + PAGE]
        if hash(page) not in suite.clean_pages:
            suite.clean_pages.add(hash(page))
            changed.append(page)
    return b"".join(changed)


# --- After the last one ---------------------------------------------------------------------------

# Bytes. Each page is searched with the first bytes of the next, so that a find across two pages is not missed: nine
# characters take at most 54 bytes in any encoding.
DATABASE_PAGE = 8192
ACROSS = 64


def _once(made: Iterator[Sink]) -> Iterator[Sink]:
    """Each different page of the databases once: the workers' databases are copies of one, and most pages never change."""
    seen: set[int] = set()
    for name, data in made:
        if ".sqlite3" not in name and "/pg/" not in name:
            yield name, data
            continue
        for start in range(0, len(data), DATABASE_PAGE):
            page = data[start : start + DATABASE_PAGE + ACROSS]
            if hash(page) not in seen:
                seen.add(hash(page))
                yield name, page


_planted_by_workers: set[str] = set()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _planted_by_workers.update(getattr(node, "workeroutput", {}).get("planted", ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["planted"] = sorted(suite.secrets)
        return
    for secret in _planted_by_workers:
        suite.plant(secret)
    directories = [Path(os.environ["BOOKBAG_TEST_DIR"])]
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and factory._basetemp is not None:
        directories.append(factory._basetemp)
    # Python files are left out: a test may copy the checkout, whose tests contain the secrets that they plant.
    made = (sink for sink in files(*directories) if not sink[0].endswith((".py", ".pyc")))
    found = leaks(suite.scanner, _once(made))
    session.config.stash[IN_FILES] = found
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash.get(IN_FILES, [])
    if found:
        terminalreporter.section("planted secrets in the files of this run", red=True)
        for line in found[:50]:
            terminalreporter.line(line, red=True)
