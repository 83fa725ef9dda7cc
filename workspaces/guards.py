"""Database triggers that make the audit log append-only: an event can be neither changed nor deleted.

Installed after every `migrate`, because rebuilding a table (which SQLite does to alter one) drops its
triggers. Code that may empty the table, a test suite's flush say, removes them first.
"""

import hashlib

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "workspaces_auditevent"
REFUSAL = "An audit event is never changed or deleted."
VERBS = ("update", "delete")

SQLITE = """
CREATE TRIGGER {name} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{refusal}'); END
"""
POSTGRESQL = """
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$;
CREATE OR REPLACE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {scope} EXECUTE FUNCTION audit_refuse()
"""


def names(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The verb that each trigger refuses, by the trigger's name."""
    verbs = (*VERBS, "truncate") if connection.vendor == "postgresql" else VERBS
    return {f"audit_refuse_{verb}": verb for verb in verbs}


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are not there or are of another version."""
    due = {*missing(connection), *of_another_version(connection)}
    with connection.cursor() as cursor:
        for name in due:
            cursor.execute(_drop(connection, name))
            cursor.execute(_sql(connection, name))
            if connection.vendor == "postgresql":
                cursor.execute(f"COMMENT ON TRIGGER {name} ON {TABLE} IS '{_version(connection, name)}'")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers. The log is unguarded until `install`."""
    with connection.cursor() as cursor:
        for name in names(connection):
            cursor.execute(_drop(connection, name))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are absent or switched off."""
    return sorted(set(names(connection)) - set(_in_force(connection)))


def of_another_version(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are in force and are not this code's: a release is being rolled out."""
    in_force = _in_force(connection)
    return sorted(
        name
        for name in names(connection)
        if name in in_force and in_force[name] != _version(connection, name)
    )


def _sql(connection: BaseDatabaseWrapper, name: str) -> str:
    verb = names(connection)[name]
    scope = "STATEMENT" if verb == "truncate" else "ROW"
    text = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
    return text.format(name=name, verb=verb.upper(), table=TABLE, scope=scope, refusal=REFUSAL).strip()


def _drop(connection: BaseDatabaseWrapper, name: str) -> str:
    return f"DROP TRIGGER IF EXISTS {name}" + (f" ON {TABLE}" if connection.vendor == "postgresql" else "")


def _version(connection: BaseDatabaseWrapper, name: str) -> str:
    return _digest(_sql(connection, name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _in_force(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Version by name: on PostgreSQL from the comment of a trigger, on SQLite its very text."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE]
            )
            return {name: _digest(sql) for name, sql in cursor.fetchall()}
        cursor.execute(
            "SELECT tgname, obj_description(oid, 'pg_trigger') FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND tgenabled IN ('O', 'A')",
            [TABLE],
        )
        return {name: version or "" for name, version in cursor.fetchall()}
