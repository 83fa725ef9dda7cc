"""Puts the database back to what the migrations left, between tests that really commit.

Django's own flush deletes row by row, which the append-only triggers refuse, and forgets the rows that
data migrations made (plans, the catalogue). Here the whole state is copied once and copied back: by
SQLite's backup, or on PostgreSQL by emptying every table with its triggers off and refilling it.
Row ids go on from where they were, so nothing remembered by id in a running server comes alive again.
"""

import sqlite3
from collections.abc import Iterator

import pytest
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
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
        )
        guarded = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = %s", [_COPY])
        kept = [name for (name,) in cursor.fetchall()]
        steps = ["BEGIN", "SET LOCAL lock_timeout = '20s'"]
        steps += [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in guarded]
        steps += [f"DELETE FROM {table}" for table in tables]
        steps += [f"INSERT INTO {table} SELECT * FROM {_COPY}.{table}" for table in kept]
        # A table with foreign keys still to be checked cannot be altered.
        steps += ["SET CONSTRAINTS ALL IMMEDIATE"]
        steps += [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in guarded]
        _insist(cursor, "; ".join([*steps, "COMMIT"]))


def _insist(cursor: object, steps: str) -> None:
    """Run a transaction again while it meets a deadlock: a server may still be writing the end of a reply."""
    for attempts_left in reversed(range(5)):
        try:
            cursor.execute(steps)  # type: ignore[attr-defined]
        except OperationalError:
            # Else every later test of this process would find its connection in a failed transaction.
            cursor.execute("ROLLBACK")  # type: ignore[attr-defined]
            if not attempts_left:
                raise
        else:
            return


def take() -> None:
    """Remember the state of the test database; called once, after the migrations."""
    _take_sqlite() if connection.vendor == "sqlite" else _take_postgres()


def restore() -> None:
    """Bring the remembered state back, whatever has been committed since, in this process or another."""
    _restore_sqlite() if connection.vendor == "sqlite" else _restore_postgres()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        take()
    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: restore())
    yield
    patch.undo()
