"""Migrates once per run, and restores the migrated state between tests that really commit.

The migrations take seconds, so the first process of a run makes a migrated template, and each process copies it.

Django's own flush deletes row by row, which the append-only triggers refuse, and forgets the rows that data
migrations made (plans, the catalogue). Here the whole state is copied once and copied back: by SQLite's backup, or
on PostgreSQL by emptying every table with its triggers off and refilling it. Row ids continue from where they were,
so that a running server finds nothing it remembers by id.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

_sqlite_state = sqlite3.connect(":memory:", check_same_thread=False)
_COPY = "state_after_migrations"


def _take_sqlite() -> None:
    connection.ensure_connection()
    connection.connection.backup(_sqlite_state)


def _restore_sqlite() -> None:
    connection.ensure_connection()
    database = connection.connection
    counters = database.execute("SELECT seq, name FROM sqlite_sequence").fetchall()
    _sqlite_state.backup(database)
    database.executemany("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", counters)
    known = {name for (name,) in database.execute("SELECT name FROM sqlite_sequence")}
    database.executemany(
        "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)",
        [row for row in counters if row[1] not in known],
    )


def other_sessions() -> tuple[int, int]:
    """PostgreSQL's sessions of others than this one, and how many of them left a transaction open.

    Sessions of clients: PostgreSQL's own workers, such as autovacuum, come and go as they like.
    """
    if connection.vendor != "postgresql":
        return 0, 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*), COUNT(*) FILTER (WHERE state LIKE 'idle in transaction%%') FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        sessions, in_transaction = cursor.fetchone()
    return sessions, in_transaction


def _tables(cursor: object) -> list[str]:
    cursor.execute(  # type: ignore[attr-defined]
        "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
        " AND tablename <> 'django_migrations'"
    )
    return [name for (name,) in cursor.fetchall()]  # type: ignore[attr-defined]


def _take_postgres() -> None:
    with connection.cursor() as cursor:
        tables = _tables(cursor)
        cursor.execute(f"DROP SCHEMA IF EXISTS {_COPY} CASCADE; CREATE SCHEMA {_COPY}")
        for table in tables:
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
            if cursor.fetchone()[0]:
                cursor.execute(f"CREATE TABLE {_COPY}.{table} AS TABLE {table}")


def _restore_postgres() -> None:
    with connection.cursor() as cursor:
        tables = _tables(cursor)
        cursor.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = %s", [_COPY])
        kept = [name for (name,) in cursor.fetchall()]
        steps = [f"DELETE FROM {table}" for table in tables]
        steps += [f"INSERT INTO {table} SELECT * FROM {_COPY}.{table}" for table in kept]
        _insist(cursor, "; ".join(_without_triggers(cursor, steps)))


def _without_triggers(cursor: Any, steps: list[str]) -> list[str]:
    """`steps` in a transaction in which no guard answers, nor a foreign key, since all tables are emptied."""
    begin = ["BEGIN", "SET LOCAL lock_timeout = '20s'"]
    cursor.execute("SHOW is_superuser")
    if cursor.fetchone() == ("on",):
        return [*begin, "SET LOCAL session_replication_role = replica", *steps, "COMMIT"]
    cursor.execute(
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
    )
    guarded = [name for (name,) in cursor.fetchall()]
    off = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in guarded]
    on = [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in guarded]
    # A table with foreign keys still to be checked cannot be altered.
    return [*begin, *off, *steps, "SET CONSTRAINTS ALL IMMEDIATE", *on, "COMMIT"]


def _insist(cursor: object, steps: str) -> None:
    """Run a transaction again while it meets a deadlock: a server may still be writing the end of a reply."""
    for attempts_left in reversed(range(5)):
        try:
            cursor.execute(steps)  # type: ignore[attr-defined]
        except OperationalError:
            # Otherwise the connection would stay in a failed transaction for every later test of this process.
            cursor.execute("ROLLBACK")  # type: ignore[attr-defined]
            if not attempts_left:
                raise
        else:
            return


def take() -> None:
    """Remember the state of the test database; called once, after the migrations."""
    _take_sqlite() if connection.vendor == "sqlite" else _take_postgres()


def restore() -> None:
    """Restore the remembered state, whatever any process has committed since."""
    _restore_sqlite() if connection.vendor == "sqlite" else _restore_postgres()


TEMPLATE = "template_of_the_tests"


def template() -> Path:
    """The file of a migrated SQLite database, as the template of this run."""
    return Path(os.environ["BOOKBAG_TEST_DIR"]) / f"{TEMPLATE}.sqlite3"


def _is_ours() -> bool:
    """Whether the databases of this run are files of its own; a server that somebody gave gets no template."""
    return connection.vendor == "sqlite" or (Path(os.environ["BOOKBAG_TEST_DIR"]) / "pg").exists()


def _make_template() -> None:
    """Migrate it, unless another process of this run has."""
    directory = Path(os.environ["BOOKBAG_TEST_DIR"])
    done = directory / "template.done"
    with (directory / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            usual = connection.settings_dict["NAME"]
            if connection.vendor == "postgresql":
                with connection.creation._nodb_cursor() as cursor:  # type: ignore[attr-defined]
                    cursor.execute(f"CREATE DATABASE {TEMPLATE}")
            connection.close()
            connection.settings_dict["NAME"] = TEMPLATE if connection.vendor == "postgresql" else template()
            try:
                call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
                call_command("createcachetable")
            finally:
                connection.close()
                connection.settings_dict["NAME"] = usual
            done.touch()


def _copy_template(verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
    """Stands in for Django's, which leaves an empty file."""
    name = str(connection.creation._get_test_db_name())  # type: ignore[attr-defined]
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{name}{suffix}").unlink()
    shutil.copyfile(template(), name)
    return name


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    if _is_ours():
        with django_db_blocker.unblock():
            _make_template()
        if connection.vendor == "sqlite":
            patch.setattr(connection.creation, "_create_test_db", _copy_template)
        else:
            patch.setitem(connection.settings_dict["TEST"], "TEMPLATE", TEMPLATE)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        take()
    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: restore())
    yield
    patch.undo()
