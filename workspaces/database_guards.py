"""Guards: database triggers that enforce a rule whatever code runs. One class, and one installer for all of them.

An app writes its guards in a module of its own and declares them when it starts (`declare`, called by its
`apps.py`). From then on each `migrate` creates those that are missing or of another version, `check` and `/readyz`
say which are not in force, and no app needs an installer of its own.

Each guard is written once and rendered for SQLite and PostgreSQL, so that both enforce the same.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate, pre_migrate

# SQL for both databases, or one text for each: {"sqlite": …, "postgresql": …}.
Sql = str | Mapping[str, str]


def _for(vendor: str, sql: Sql) -> str:
    return sql if isinstance(sql, str) else sql[vendor]


@dataclass(frozen=True)
class Guard:
    """A trigger that either refuses (`when` true, and `unless` finds no row) or runs the statements `do`.

    `refuse`: the message of the database's integrity error. `each`: ROW or, on PostgreSQL, STATEMENT. `only`: the
    one database that has this guard.
    """

    name: str
    table: str
    event: str
    when: str = ""
    unless: Sql = ""
    refuse: str = ""
    do: Sql = ""
    each: str = "ROW"
    only: str = ""

    def sql(self, vendor: str) -> list[str]:
        """The statements that create this guard; SQLite needs one, PostgreSQL a function as well."""
        return self._sqlite() if vendor == "sqlite" else self._postgresql()

    def _sqlite(self) -> list[str]:
        conditions = [self.when] if self.when else []
        if self.unless:
            conditions.append(f"NOT EXISTS ({_for('sqlite', self.unless)})")
        when = f" WHEN {' AND '.join(conditions)}" if conditions else ""
        body = f"SELECT RAISE(ABORT, '{self.refuse}')" if self.refuse else _for("sqlite", self.do)
        return [f"CREATE TRIGGER {self.name} {self.event} ON {self.table}{when} BEGIN {body}; END"]

    def _postgresql(self) -> list[str]:
        refusal = f"RAISE EXCEPTION '{self.refuse}' USING ERRCODE = 'integrity_constraint_violation';"
        if self.unless:
            body = f"IF NOT EXISTS ({_for('postgresql', self.unless)}) THEN {refusal} END IF;"
        else:
            body = refusal if self.refuse else f"{_for('postgresql', self.do)};"
        when = f" WHEN ({self.when})" if self.when else ""
        return [
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body} RETURN {self._row}; END $$",
            f"CREATE TRIGGER {self.name} {self.event} ON {self.table} FOR EACH {self.each}{when} "
            f"EXECUTE FUNCTION {self.name}()",
        ]

    @property
    def _row(self) -> str:
        """The row that the trigger function returns to continue: for an allowed deletion OLD, since there is no new row."""
        return "OLD" if self.unless and "DELETE" in self.event else "NEW"

    def drop(self, vendor: str) -> str:
        """The statement that drops the trigger if it exists."""
        return f"DROP TRIGGER IF EXISTS {self.name}" + ("" if vendor == "sqlite" else f" ON {self.table}")

    def version(self, vendor: str) -> str:
        """A digest of the trigger, by which `install` notices and replaces one of another version."""
        return _digest("\n".join(self.sql(vendor)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- Which guards there are ---------------------------------------------------------------------

_declared: dict[str, tuple[Guard, ...]] = {}
# Those of the declared guards, by app, that are removed while migrations run.
_down: dict[str, tuple[Guard, ...]] = {}


def declare(app: AppConfig, guards: Iterable[Guard], *, down_while_migrating: Iterable[Guard] = ()) -> None:
    """Have `guards` installed after every `migrate`; called once, by the app's `ready`.

    After every one, because SQLite alters a table by rewriting it and loses its triggers. Guards that name tables
    other than their own must be `down_while_migrating`: while a trigger names the old table, SQLite refuses to
    rename the new one into its place. They are installed again when the migrations end.
    """
    _declared[app.label], _down[app.label] = tuple(guards), tuple(down_while_migrating)
    post_migrate.connect(_put_up, sender=app)
    if _down[app.label]:
        pre_migrate.connect(_take_down, sender=app)


def _put_up(sender: AppConfig, using: str, **kwargs: Any) -> None:
    install(connections[using], _declared[sender.label])


def _take_down(sender: AppConfig, using: str, plan: list[Any], **kwargs: Any) -> None:
    if plan and connections[using].vendor == "sqlite":
        remove(connections[using], _down[sender.label])


def _expected(connection: BaseDatabaseWrapper, guards: Iterable[Guard] | None) -> list[Guard]:
    """Those of `guards` (None for all declared ones) whose table exists in this database."""
    chosen = [guard for some in _declared.values() for guard in some] if guards is None else guards
    tables = set(connection.introspection.table_names())
    return [guard for guard in chosen if guard.only in ("", connection.vendor) and guard.table in tables]


# --- Which are in force -------------------------------------------------------------------------


def install(connection: BaseDatabaseWrapper, guards: Iterable[Guard] | None = None) -> None:
    """Create guards that are missing or of another version. Safe to repeat; skips tables that do not exist yet."""
    in_force, vendor = _in_force(connection), connection.vendor
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for guard in _expected(connection, guards):
            version = guard.version(vendor)
            if in_force.get(guard.name) == version:
                continue
            for statement in (guard.drop(vendor), *guard.sql(vendor)):
                cursor.execute(statement)
            if vendor == "postgresql":
                cursor.execute(f"COMMENT ON TRIGGER {guard.name} ON {guard.table} IS '{version}'")


def remove(connection: BaseDatabaseWrapper, guards: Iterable[Guard] | None = None) -> None:
    """Remove guards. Until the next `install`, their rules are not enforced and their triggers do nothing."""
    with connection.cursor() as cursor:
        for guard in _expected(connection, guards):
            cursor.execute(guard.drop(connection.vendor))


def missing(connection: BaseDatabaseWrapper, guards: Iterable[Guard] | None = None) -> list[str]:
    """The names of guards that are not in force: absent or switched off."""
    in_force = _in_force(connection)
    return [guard.name for guard in _expected(connection, guards) if guard.name not in in_force]


def of_another_version(connection: BaseDatabaseWrapper, guards: Iterable[Guard] | None = None) -> list[str]:
    """The names of guards in force that differ from this code's, as while a release is rolled out or back."""
    in_force, vendor = _in_force(connection), connection.vendor
    return [
        guard.name
        for guard in _expected(connection, guards)
        if in_force.get(guard.name, "absent") not in ("absent", guard.version(vendor))
    ]


def _in_force(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The version of each guard in force, by name: from the trigger's comment on PostgreSQL, from its text on SQLite."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            return {name: _digest(sql) for name, sql in cursor.fetchall()}
        cursor.execute(
            "SELECT tgname, obj_description(oid, 'pg_trigger') FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
            " AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)"
        )
        return {name: version or "" for name, version in cursor.fetchall()}
