"""Database triggers that make the audit log append-only: an event can be neither changed nor deleted.

Installed after every `migrate`, because rebuilding a table (which SQLite does to alter one) drops its
triggers. Code that may empty the table, a test suite's flush say, removes them first.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "workspaces_auditevent"
REFUSAL = "An audit event is never changed or deleted."
VERBS = ("update", "delete")

SQLITE = """
CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table}
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
    """Create the triggers that are not there."""
    sql = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
    with connection.cursor() as cursor:
        for name, verb in names(connection).items():
            scope = "STATEMENT" if verb == "truncate" else "ROW"
            cursor.execute(
                sql.format(name=name, verb=verb.upper(), table=TABLE, scope=scope, refusal=REFUSAL)
            )


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers. The log is unguarded until `install`."""
    on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in names(connection):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that should be there and are not."""
    installed = (
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(installed, [TABLE])
        found = {name for (name,) in cursor.fetchall()}
    return sorted(set(names(connection)) - found)
