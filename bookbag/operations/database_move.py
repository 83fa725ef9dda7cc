"""Copying a SQLite database into PostgreSQL, all or nothing.

The copy is one PostgreSQL transaction that is checked before the commit. So a killed move leaves the target as
`migrate` left it, and can simply be started again. During the copy the source is locked for writing and not changed.
Rows are copied unchanged, including ids and balances, with the guards' triggers off: balances are copied like any
other column (docs/decisions/0003-balances-moved-by-triggers.md). The full-text index is not copied: PostgreSQL makes
its own from the passages as they arrive.

    Refused            why nothing was moved, in words for an operator
    └── DoesNotFit     the values that PostgreSQL would not accept, row by row
"""

import hashlib
import ipaddress
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from agents import faults
from agents.running import live_leases, replies_are
from bookbag.operations.laws import broken_laws
from llm import factor_secrets, keys, ring, vault
from llm.management.report import describe
from llm.models import ProviderKey
from workspaces import database_guards

SOURCE = "source"
# Rows read at once. Few, because the text of a source may take four megabytes.
ROWS = 20
LOCK_SECONDS = 10
# Tables that `migrate` fills in an empty database; the source's rows replace these.
MADE_BY_MIGRATE = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "billing_plan",
    "django_content_type",
    "llm_chatmodel",
}
# On SQLite the search index consists of several tables with this prefix.
INDEX = "agents_passage_fts"
MOST_NAMED = 20

Say = Callable[[str], None]


class Refused(Exception):
    pass


class DoesNotFit(Refused):
    def __init__(self, found: list[str]) -> None:
        super().__init__(
            "PostgreSQL would not take these values, which SQLite let in; correct them and begin again:\n"
            + "\n".join(f"  {one}" for one in found)
        )


@dataclass(frozen=True)
class Content:
    """What a table holds: how many rows, and a digest that does not depend on their order."""

    rows: int = 0
    digest: int = 0

    def and_row(self, plain: Sequence[Any]) -> "Content":
        row = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).digest()
        return Content(self.rows + 1, (self.digest + int.from_bytes(row)) % 2**256)


def move(target: dict[str, Any], *, say: Say, with_unreadable_keys: bool = False) -> int:
    """Copy the current database to `target`, Django's settings of an empty PostgreSQL; returns the number of rows.

    Afterwards the target is this process's default database. `say` is called with each step. Raises Refused. Unless
    this returns, nothing of the copy is in the target.
    """
    if connection.vendor != "sqlite":
        raise Refused("The present database (DATABASE_URL) is not SQLite: only SQLite can be moved from.")
    if not target["ENGINE"].endswith("postgresql"):
        raise Refused("The target is not PostgreSQL: only PostgreSQL can be moved to.")
    _assert_at_rest()
    say("The present database")
    unreadable = _assert_sound(with_unreadable_keys, say)
    _change_over(target)
    with _source_locked():
        say("The target")
        _prepare(say)
        return _copy(unreadable, say)


# --- The source ----------------------------------------------------------------------------------------


def _assert_at_rest() -> None:
    """Raises Refused unless the tables are of this version and no other process uses the database."""
    path = str(connection.settings_dict["NAME"])
    if not Path(path).is_file():
        raise Refused("There is no present database: the file that DATABASE_URL names is not there.")
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise Refused("The present database is not up to date. Run `manage.py migrate` first.")
    unknown = set(MigrationRecorder(connection).applied_migrations()) - set(executor.loader.graph.nodes)
    ours = {app.label for app in apps.get_app_configs()}
    if [name for name in unknown if name[0] in ours and name not in executor.loader.replacements]:
        raise Refused(
            "The present database belongs to a newer version of Bookbag. Move it with that version."
        )
    _assert_no_lease("default")
    connection.close()
    if _is_open_elsewhere(path):
        raise Refused(
            "Another process has the present database open, a server that still runs most likely. Stop it (SIGTERM "
            "lets replies end), and begin again: what it writes from here on would not be moved."
        )


def _assert_no_lease(using: str) -> None:
    running = live_leases(using)
    if running:
        raise Refused(
            f"{replies_are(running).capitalize()} being written right now. Stop the server (SIGTERM lets replies "
            f"end), and begin again; after a crash its leases are over in {settings.LEASE_SECONDS:g} seconds."
        )


@contextmanager
def _source_locked() -> Iterator[None]:
    """Hold the source's write lock inside the block. Raises Refused if another process has it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(transaction.atomic(using=SOURCE))
        except DatabaseError:
            raise Refused(
                "Another process is writing to the present database. Stop it, and begin again."
            ) from None
        _assert_no_lease(SOURCE)
        yield


def _is_open_elsewhere(path: str) -> bool:
    """Whether another process has the file open.

    In WAL mode each connection holds a shared lock on the file until it closes.
    """
    address = f"file:{quote(path)}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)) as probe:
        try:
            probe.execute("PRAGMA locking_mode = EXCLUSIVE")
            probe.execute("BEGIN IMMEDIATE")
            probe.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


def _assert_sound(with_unreadable_keys: bool, say: Say) -> list[str]:
    """Check that the ledger adds up and all keys open; returns the keys that do not open, if those may be copied."""
    _assert_laws()
    say("  the ledger adds up")
    unreadable = _unreadable_keys("default")
    problems = [*ring.problems(), *unreadable]
    if problems and not with_unreadable_keys:
        raise Refused(
            "These provider keys do not open with VAULT_KEYS:\n" + "\n".join(problems) + "\n"
            "Put the right VAULT_KEYS back, or move the keys as they are with --with-unreadable-keys."
        )
    say(f"  {f'{len(unreadable)} keys do not open' if unreadable else 'every provider key opens'}")
    return unreadable


def _assert_laws() -> None:
    drifts = broken_laws()
    if drifts:
        raise Refused("The ledger does not add up:\n" + "\n".join(f"  {drift}" for drift in drifts))


def _unreadable_keys(using: str) -> list[str]:
    rows = ProviderKey.objects.using(using).sealed().select_related("workspace").order_by("pk")
    found = [describe(row) for row in rows.iterator(chunk_size=ROWS) if not _opens(row)]
    return sorted([*found, *(describe(row) for row in factor_secrets.unreadable(using))])


def _opens(row: ProviderKey) -> bool:
    try:
        keys.assert_opens(row)
    except vault.VaultError:
        return False
    return True


# --- The target ----------------------------------------------------------------------------------------


def _change_over(target: dict[str, Any]) -> None:
    """Make the target the `default` database, because migrations write to it and the laws query it."""
    connection.close()
    both = {"default": target, SOURCE: connections.settings["default"]}
    connections.settings.update(connections.configure_settings(both))
    del connections["default"]


def _prepare(say: Say) -> None:
    """Create the tables. Raises Refused if the target has rows or other tables, or is not in UTF-8."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise Refused(f"The target does not let us in: {_without_password(error)}") from None
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        (encoding,) = cursor.fetchone()
    if encoding != "UTF8":
        raise Refused(
            f"The target's encoding is {encoding}. Make it with: createdb --encoding UTF8 --template template0"
        )
    ours = {model._meta.db_table for model in _models()} | {"django_migrations"}
    strange = sorted(set(connection.introspection.table_names()) - ours)
    if strange:
        raise Refused(
            f"The target has tables that are not Bookbag's ({_few(strange)}). Take a database of its own."
        )
    _assert_unused()
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise Refused(f"The target's tables could not be made: {_without_password(error)}") from None
    say("  migrated")


def _assert_unused() -> None:
    present = set(connection.introspection.table_names())
    tables = [model._meta.db_table for model in _models()]
    used = [name for name in tables if name in present - MADE_BY_MIGRATE and _has_rows(name)]
    if used:
        raise Refused(
            f"The target has rows already ({_few(sorted(used))}). They are not from a move that was broken off, which "
            "leaves none. Nothing was changed there. Take an empty database."
        )


def _has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {_quoted(table)})")
        return bool(cursor.fetchone()[0])


def _without_password(error: BaseException) -> str:
    password = str(connection.settings_dict["PASSWORD"] or "")
    text = " ".join(str(error).split())
    return text.replace(password, "…") if password else text


# --- The copy ------------------------------------------------------------------------------------------


def _models() -> list[type[models.Model]]:
    """Every model with a table, including those of many-to-many relations."""
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def _copy(unreadable: list[str], say: Say) -> int:
    _say_what_stays(say)
    try:
        with transaction.atomic():
            _lock()
            _assert_unused()
            with _triggers_off():
                contents = {model: _copy_table(model, say) for model in _models()}
                _check_references()
            _set_sequences()
            say("Both sides compared")
            _compare(contents)
            say("  rows and digests agree")
            _assert_as_sound_as_before(unreadable)
            say("  the ledger adds up and the vault opens as before")
            faults.reach("move_copied")
    except (DatabaseError, psycopg.Error) as error:
        raise Refused(
            f"The copy failed ({_named(error)}), and nothing was moved. If the connection broke at the very end, "
            "it may have been: beginning again would say that the target has rows."
        ) from None
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return sum(content.rows for content in contents.values())


def _say_what_stays(say: Say) -> None:
    known = {model._meta.db_table for model in _models()} | {"django_migrations"}
    present = connections[SOURCE].introspection.table_names()
    left = sorted(name for name in set(present) - known if not name.startswith(INDEX))
    if left:
        say(f"  not moved, as Bookbag does not know them: {_few(left)}")


def _lock() -> None:
    tables = ", ".join(_quoted(model._meta.db_table) for model in _models())
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        cursor.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")


@contextmanager
def _triggers_off() -> Iterator[None]:
    """Switch off the guards, which would move each balance again and refuse rows that were valid when written.

    Foreign keys are still checked.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
        )
        guarded = [_quoted(name) for (name,) in cursor.fetchall()]
        for table in guarded:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in guarded:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _copy_table(model: type[models.Model], say: Say) -> Content:
    """Raises DoesNotFit."""
    fields, table = _fields(model), model._meta.db_table
    columns = ", ".join(_quoted(str(field.column)) for field in fields)
    content = Content()
    unfit: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {_quoted(table)}")
        with cursor.copy(f"COPY {_quoted(table)} ({columns}) FROM STDIN") as copy:
            for row in _rows(model, SOURCE):
                problems = [f"{_name(model, row)}: {problem}" for problem in _problems(fields, row)]
                unfit += problems
                if len(unfit) >= MOST_NAMED:
                    break
                if not problems:
                    copy.write_row(_for_postgresql(fields, row))
                    content = content.and_row(_plain_row(fields, row))
    if unfit:
        raise DoesNotFit(unfit)
    say(f"  {table:<40} {content.rows:>10,}")
    return content


def _fields(model: type[models.Model]) -> list[Any]:
    """The columns to copy: all except generated ones."""
    return [field for field in model._meta.concrete_fields if not field.generated]


def _name(model: type[models.Model], row: Sequence[Any]) -> str:
    """A row's name for messages: its id if that is a number or a UUID.

    Other keys may be secrets, as those of sessions are.
    """
    pk = row[_fields(model).index(model._meta.pk)]
    return (
        f"{model._meta.db_table} {pk}" if isinstance(pk, int | UUID) else f"a row of {model._meta.db_table}"
    )


def _rows(model: type[models.Model], using: str) -> Iterator[tuple[Any, ...]]:
    names = [field.attname for field in _fields(model)]
    return model._base_manager.using(using).order_by().values_list(*names).iterator(chunk_size=ROWS)


def _for_postgresql(fields: Sequence[Any], row: Sequence[Any]) -> list[Any]:
    return [
        field.get_db_prep_save(value, connection=connection) for field, value in zip(fields, row, strict=True)
    ]


def _check_references() -> None:
    """Check foreign keys now, not at the end of the transaction, because a table with pending checks cannot be altered."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _set_sequences() -> None:
    """Ids continue after the highest that was ever given, even if its row is deleted, because the audit log may name it."""
    with connections[SOURCE].cursor() as cursor:
        cursor.execute("SELECT name, seq FROM sqlite_sequence")
        given = dict(cursor.fetchall())
    with connection.cursor() as cursor:
        for model in _models():
            pk = model._meta.pk
            if not isinstance(pk, models.AutoField | models.BigAutoField | models.SmallAutoField):
                continue
            table = model._meta.db_table
            cursor.execute(f"SELECT COALESCE(MAX({_quoted(str(pk.column))}), 0) FROM {_quoted(table)}")
            last = max(cursor.fetchone()[0], given.get(table, 0))
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)",
                [_quoted(table), pk.column, max(last, 1), last > 0],
            )


# --- Comparing both sides --------------------------------------------------------------------------------


def _compare(contents: dict[type[models.Model], Content]) -> None:
    """Read everything back. Raises Refused with the tables that differ."""
    differ = []
    for model, content in contents.items():
        found = Content()
        for row in _rows(model, "default"):
            found = found.and_row(_plain_row(_fields(model), row))
        if found != content:
            differ.append(model._meta.db_table)
    if differ:
        raise Refused(f"What was read back is not what was written: {_few(differ)}. Nothing was moved.")


def _assert_as_sound_as_before(unreadable: list[str]) -> None:
    _assert_laws()
    missing = database_guards.missing(connection)
    if missing:
        raise Refused(f"Guards of the target are not in force: {_few(missing)}. Nothing was moved.")
    if _unreadable_keys("default") != unreadable:
        raise Refused("Not the same provider keys open in the target as in the source. Nothing was moved.")


def _plain_row(fields: Sequence[Any], row: Sequence[Any]) -> list[Any]:
    return [_plain(field, value) for field, value in zip(fields, row, strict=True)]


def _plain(field: Any, value: Any) -> Any:
    """A value as JSON, in the same form from both databases."""
    if isinstance(field, models.JSONField):
        return _numbers_alike(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | UUID):
        return str(value)
    if value is not None and isinstance(field, models.GenericIPAddressField):
        return str(ipaddress.ip_address(value))
    return value


def _numbers_alike(value: Any) -> Any:
    """PostgreSQL normalises numbers inside JSON: 1e2 becomes 100."""
    if isinstance(value, dict):
        return {name: _numbers_alike(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_numbers_alike(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _problems(fields: Sequence[Any], row: Sequence[Any]) -> Iterator[str]:
    """The columns whose values PostgreSQL would refuse, and why, without the values."""
    for field, value in zip(fields, row, strict=True):
        problem = _problem(field, value)
        if problem:
            yield f"{field.column} {problem}"


def _problem(field: Any, value: Any) -> str:
    if value is None:
        return "" if field.null else "is empty"
    if isinstance(value, str) and "\0" in value:
        return "holds a NUL"
    if isinstance(field, models.CharField) and field.max_length and len(value) > field.max_length:
        return f"is longer than {field.max_length} characters"
    if isinstance(field, models.IntegerField):
        least, most = connection.ops.integer_field_range(field.get_internal_type())
        if not (least is None or least <= value) or not (most is None or value <= most):
            return "is a number out of range"
    if isinstance(field, models.JSONField) and not _fits_json(value):
        return "holds a NUL or half of a character"
    return ""


def _fits_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_fits_json(name) and _fits_json(one) for name, one in value.items())
    if isinstance(value, list):
        return all(map(_fits_json, value))
    return not isinstance(value, str) or not (
        "\0" in value or any(0xD800 <= ord(one) <= 0xDFFF for one in value)
    )


# --- Words ---------------------------------------------------------------------------------------------


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _named(error: BaseException) -> str:
    """The kind of an error and the constraint, without the values that the database quotes."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.Error):
        return type(error).__name__
    parts = [type(cause).__name__, cause.diag.table_name, cause.diag.column_name, cause.diag.constraint_name]
    return " ".join(part for part in parts if part)
