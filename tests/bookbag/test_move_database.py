"""`move_database`: a whole Bookbag from SQLite into PostgreSQL, all of it or nothing, and not a row of the source changed."""

import hashlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from agents.models import Agent
from bookbag.demo import AGENT_NAME
from tests.factories import PASSWORD
from tests.harness import nursery
from tests.harness.chat import accepted, talk
from tests.harness.live import ROOT, Server, StartServer, database_url, new_server
from tests.harness.visitor import Visitor
from tests.harness.waiting import eventually
from tests.provider_double.client import Double
from workspaces.models import Workspace

pytestmark = [
    pytest.mark.deep,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="moves to PostgreSQL; it brings its own SQLite"
    ),
]

Completed = subprocess.CompletedProcess[str]


def manage(url: str, *command: str, module: str = "", **env: str) -> Completed:
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings", "DATABASE_URL": url} | env
    if not module:
        return nursery.shared().run(list(command), env)
    words = [sys.executable, "-m", module, *command]
    return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)


def done(run: Completed) -> str:
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def refused(run: Completed) -> str:
    assert run.returncode == 1, run.stdout
    assert "Traceback" not in run.stderr, run.stderr
    return run.stderr


def at(path: Path) -> str:
    return f"sqlite:///{quote(str(path))}"


# --- A source and a target -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def furnished(
    tmp_path_factory: pytest.TempPathFactory, double_process: Double, collected_static: None
) -> Path:
    """A SQLite database that was lived in: people, keys, agents, grants, and replies of a real server."""
    double_process.clear()  # of what another module's last test had it play
    path = tmp_path_factory.mktemp("source") / "bookbag.sqlite3"
    done(manage(at(path), "migrate", "--verbosity", "0"))
    done(manage(at(path), module="tests.bookbag.furnishing", DJANGO_SETTINGS_MODULE="tests.settings"))
    server = new_server("source", double_process, {"DATABASE_URL": at(path)})
    server.start()
    try:
        assert use(server, path) == [5, 0]
    finally:
        server.stop()
    return path


def use(server: Server, path: Path) -> list[int]:
    """Talk as people do, on credits and on an own key; returns what each was charged."""
    charged = []
    for email, slug, name in (
        ("edith@acme.test", "acme", "On credits"),
        ("gina@globex.test", "globex", "On an own key"),
    ):
        person = Visitor(server.url).sign_in(email, PASSWORD)
        charged.append(talk(person, agent_called(name, slug, path), f"Hello from {slug}").end.data["charged"])
    return charged


def agent_called(name: str, slug: str, path: Path) -> Agent:
    """Not from the test's database: as the source's file has it, which keeps its id wherever it goes."""
    (found,) = rows(path, f"SELECT id FROM agents_agent WHERE name = '{name}'")
    return Agent(pk=UUID(found[0]), workspace=Workspace(slug=slug))


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as there:
        return there.execute(query).fetchall()


@pytest.fixture
def source(furnished: Path, tmp_path: Path) -> Path:
    """A copy of one's own."""
    return Path(shutil.copy(furnished, tmp_path / "here.sqlite3"))


@contextmanager
def empty_database() -> Iterator[str]:
    """The address of one beside the test's, of an owner who may do nothing else."""
    name = f"moved_{os.getpid()}_{time.monotonic_ns()}"
    with outside() as there:
        there.execute(f"CREATE ROLE {name} LOGIN")
        there.execute(f"CREATE DATABASE {name} OWNER {name}")
    yield re.sub("^postgres://[^@]*@", f"postgres://{name}@", database_url().rpartition("/")[0]) + f"/{name}"
    with outside() as there:
        there.execute(f"DROP DATABASE {name} WITH (FORCE)")
        there.execute(f"DROP ROLE {name}")


@pytest.fixture
def target() -> Iterator[str]:
    with empty_database() as url:
        yield url


@pytest.fixture
def other_target() -> Iterator[str]:
    with empty_database() as url:
        yield url


def outside(name: str = "") -> psycopg.Connection[Any]:
    left_out = ("pool", "context", "cursor_factory")
    parameters = {
        key: value for key, value in connection.get_connection_params().items() if key not in left_out
    }
    if name:
        parameters["dbname"] = name
    return psycopg.connect(**parameters, autocommit=True)


def rows_of(target: str, query: str) -> list[tuple[Any, ...]]:
    with outside(target.rpartition("/")[2]) as there:
        return there.execute(query).fetchall()


def tables_of(path: Path) -> set[str]:
    """All but what is SQLite's own, the search index, and the list of migrations."""
    named = {name for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {
        name for name in named if not name.startswith(("sqlite_", "agents_passage_fts", "django_migrations"))
    }


def content(path: Path) -> str:
    """A digest of every row of the source."""
    with closing(sqlite3.connect(path)) as there:
        return hashlib.sha256("".join(there.iterdump()).encode()).hexdigest()


def is_untouched(target: str) -> bool:
    present = {
        name for (name,) in rows_of(target, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    }
    return "workspaces_user" not in present or not rows_of(target, "SELECT id FROM workspaces_user LIMIT 1")


# --- The whole way -------------------------------------------------------------------------------------


def test_everything_goes_over_and_life_goes_on(
    furnished: Path, source: Path, target: str, start_server: StartServer, provider_double: Double
) -> None:
    before = content(source)
    told = done(manage(at(source), "move_database", target))

    assert content(source) == before
    tables = tables_of(source)
    assert len(tables) > 25
    for table in tables:
        assert rows_of(target, f'SELECT COUNT(*) FROM "{table}"') == rows(
            source, f"SELECT COUNT(*) FROM {table}"
        ), table
    for query in (
        "SELECT id, posted, held FROM billing_account ORDER BY id",
        "SELECT id, account_id, kind, amount, external_id, reason FROM billing_transfer ORDER BY id",
        "SELECT id, action, actor_id, actor_email FROM workspaces_auditevent ORDER BY id",
        "SELECT text, question, charged, billing FROM agents_reply ORDER BY question",
        "SELECT id, heading, text, vector_by, length(vector) FROM agents_passage ORDER BY id",
        "SELECT title, content_hash FROM agents_source ORDER BY content_hash",
    ):
        assert rows_of(target, query) == rows(source, query), query
    (gone,) = rows(source, "SELECT seq FROM sqlite_sequence WHERE name = 'workspaces_user'")[0]
    (next_id,) = rows_of(target, "SELECT nextval(pg_get_serial_sequence('workspaces_user', 'id'))")[0]
    assert next_id > gone > max(number for (number,) in rows(source, "SELECT id FROM workspaces_user"))
    assert "both sides agree" in told
    assert "Set DATABASE_URL" in told

    done(manage(target, "verify_ledger"))
    assert "Every stored key opens." in done(manage(target, "vault_check"))
    server = start_server(DATABASE_URL=target)
    assert use(server, furnished) == [5, 0]
    edith = Visitor(server.url).sign_in("edith@acme.test", PASSWORD)
    guide = talk(edith, agent_called(AGENT_NAME, "acme", furnished), "When does the cafe Zurich open?")
    assert "opens at seven" in guide.end.data["text"]
    done(manage(target, "verify_ledger"))


def test_killed_before_its_end_it_leaves_nothing_and_is_begun_again(source: Path, target: str) -> None:
    before = content(source)
    killed = manage(at(source), "move_database", target, FAULT_POINT="move_copied")

    assert killed.returncode == -signal.SIGKILL
    assert "rows and digests agree" in killed.stdout
    assert eventually(lambda: is_untouched(target))
    assert content(source) == before
    done(manage(at(source), "move_database", target))


def peak_megabytes(source: Path, target: str) -> float:
    """The most memory that a move took."""
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings", "DATABASE_URL": at(source)}
    command = [sys.executable, "manage.py", "move_database", target]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def test_memory_does_not_grow_with_what_is_moved(source: Path, target: str, other_target: str) -> None:
    small = peak_megabytes(source, target)
    megabytes = 150
    with closing(sqlite3.connect(source)) as there, there:
        there.execute(
            f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {megabytes})"
            " INSERT INTO agents_source (id, agent_id, title, text, content_hash, created_at)"
            " SELECT LOWER(HEX(RANDOMBLOB(16))), (SELECT id FROM agents_agent LIMIT 1), 'A book',"
            " HEX(RANDOMBLOB(500000)), HEX(RANDOMBLOB(32)), '2026-01-01 00:00:00' FROM n"
        )

    assert peak_megabytes(source, other_target) < small + megabytes / 2
    assert rows_of(other_target, "SELECT COUNT(*) FROM agents_source WHERE title = 'A book'") == [
        (megabytes,)
    ]


# --- What it refuses -----------------------------------------------------------------------------------


def test_used_target_is_refused_and_left_alone(source: Path, target: str) -> None:
    done(manage(at(source), "move_database", target))
    again = refused(manage(at(source), "move_database", target))

    assert "The target has rows already" in again
    assert rows_of(target, "SELECT COUNT(*) FROM workspaces_user")[0][0] > 5


def test_target_with_tables_of_others_is_refused(source: Path, target: str) -> None:
    with outside(target.rpartition("/")[2]) as there:
        there.execute("CREATE TABLE invoices (id int)")

    assert "not Bookbag's (invoices)" in refused(manage(at(source), "move_database", target))
    assert rows_of(target, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("invoices",)]


def test_migrated_target_is_as_good_as_an_empty_one(source: Path, target: str) -> None:
    done(manage(target, "migrate", "--verbosity", "0"))

    assert "both sides agree" in done(manage(at(source), "move_database", target))


def test_running_server_is_noticed_with_and_without_a_reply(
    source: Path, target: str, start_server: StartServer, provider_double: Double
) -> None:
    server = start_server(DATABASE_URL=at(source))
    idle = refused(manage(at(source), "move_database", target))
    provider_double.script("hang_mid_stream", chunks=["one ", "two"], after=1)
    edith = Visitor(server.url).sign_in("edith@acme.test", PASSWORD)
    accepted(edith, agent_called("On credits", "acme", source))
    busy = refused(manage(at(source), "move_database", target))
    migrating = refused(manage(at(source), "migrate", "agents"))
    server.kill()
    killed = refused(
        manage(at(source), "move_database", target, LEASE_SECONDS="600", LEASE_LIFE_SECONDS="600")
    )

    assert "Another process has the present database open" in idle
    assert all("A reply is being written right now" in told for told in (busy, killed))
    assert "a reply is being written right now" in migrating
    assert is_untouched(target)


def test_other_directions_are_refused(source: Path, target: str, tmp_path: Path) -> None:
    backwards = refused(manage(target, "move_database", at(tmp_path / "there.sqlite3")))
    sideways = refused(manage(at(source), "move_database", at(tmp_path / "there.sqlite3")))
    nowhere = refused(manage(at(tmp_path / "nothing.sqlite3"), "move_database", target))

    assert "only SQLite can be moved from" in backwards
    assert "only PostgreSQL can be moved to" in sideways
    assert "There is no present database" in nowhere
    assert list(tmp_path.glob("nothing*")) == []


def test_keys_that_do_not_open_stop_it_until_it_is_told(source: Path, target: str) -> None:
    other = {"VAULT_KEYS": f"k2:{b64encode(os.urandom(32)).decode()}"}
    stopped = refused(manage(at(source), "move_database", target, **other))
    told = done(manage(at(source), "move_database", target, "--with-unreadable-keys", **other))

    assert "VAULT_KEYS lacks 'k1'" in stopped
    assert "2 keys do not open" in told
    assert "Every stored key opens." in done(manage(target, "vault_check"))


def test_ledger_that_does_not_add_up_is_not_moved(source: Path, target: str) -> None:
    with closing(sqlite3.connect(source)) as there, there:
        there.execute("UPDATE billing_account SET posted = posted + 1")

    assert "L1: account" in refused(manage(at(source), "move_database", target))
    assert is_untouched(target)


def test_values_that_do_not_fit_are_named_without_being_shown(source: Path, target: str) -> None:
    canary = "cAnArY" * 20
    with closing(sqlite3.connect(source)) as there, there:
        there.execute(f"UPDATE workspaces_workspace SET name = '{canary}' WHERE slug = 'acme'")
        there.execute(
            f"UPDATE agents_agent SET instructions = '{canary}' || CHAR(0) WHERE name = 'On credits'"
        )
    told = refused(manage(at(source), "move_database", target))

    assert re.search(r"workspaces_workspace \d+: name is longer than 80 characters", told)
    assert "cAnArY" not in told
    assert is_untouched(target)


def test_password_is_never_printed(source: Path) -> None:
    secret = "hUnTeR2cAnArY"
    closed = f"postgres://bookbag:{secret}@127.0.0.1:1/nothing"
    runs = [
        manage(at(source), "move_database", closed),
        manage(at(source), "move_database", TARGET_DATABASE_URL=closed),
        manage(at(source), "move_database", f"postgres://bookbag:{secret}/x@127.0.0.1/nothing"),
        manage(at(source), "move_database", f"mysql://bookbag:{secret}@127.0.0.1/nothing"),
    ]

    assert ["The target does not let us in" in refused(run) for run in runs] == [True, True, False, False]
    assert all(secret not in run.stdout + run.stderr for run in runs)
    assert "Say where to move it" in refused(manage(at(source), "move_database"))
