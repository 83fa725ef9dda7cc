"""The installer of the database's guards, whichever app declared them."""

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_migrate, pre_migrate

from workspaces import database_guards
from workspaces.database_guards import Guard

pytestmark = pytest.mark.django_db

LEDGER, AUDIT, INDEX = "hold_never_deleted", "audit_refuse_update", "agents_passage_terms_insert"
# One of each app; the search index follows its table by guards on SQLite alone.
DECLARED = {LEDGER, AUDIT, INDEX} if connection.vendor == "sqlite" else {LEDGER, AUDIT}


def make_another_version(name: str, table: str, event: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(f"CREATE TRIGGER {name} {event} ON {table} BEGIN SELECT 1; END")
        else:
            cursor.execute(f"COMMENT ON TRIGGER {name} ON {table} IS 'older'")


def migrated(app: str) -> None:
    """What `migrate` tells one app at its end."""
    config = apps.get_app_config(app)
    post_migrate.send(config, app_config=config, using="default", verbosity=0, interactive=False, plan=[])


def test_every_declared_guard_is_in_force() -> None:
    assert database_guards.missing(connection) == []
    assert database_guards.of_another_version(connection) == []


def test_what_is_removed_is_missing_until_it_is_installed() -> None:
    database_guards.remove(connection)
    assert set(database_guards.missing(connection)) >= DECLARED

    database_guards.install(connection)
    assert database_guards.missing(connection) == []


def test_installing_twice_changes_nothing() -> None:
    database_guards.install(connection)
    database_guards.install(connection)

    assert database_guards.missing(connection) == []


@pytest.mark.parametrize(
    ("app", "name", "table", "event"),
    [
        ("billing", LEDGER, "billing_hold", "BEFORE DELETE"),
        ("workspaces", AUDIT, "workspaces_auditevent", "BEFORE UPDATE"),
        ("agents", INDEX, "agents_passage", "AFTER INSERT"),
    ],
)
def test_a_migration_replaces_a_guard_of_another_version(app: str, name: str, table: str, event: str) -> None:
    if name not in DECLARED:
        pytest.skip("PostgreSQL keeps the index by a generated column")
    make_another_version(name, table, event)
    assert database_guards.of_another_version(connection) == [name]
    assert database_guards.missing(connection) == []

    migrated(app)

    assert database_guards.of_another_version(connection) == []


def test_check_warns_of_what_is_not_in_force() -> None:
    assert [found for found in run_checks(databases=["default"]) if found.id == "workspaces.W001"] == []
    database_guards.remove(connection)

    (found,) = [found for found in run_checks(databases=["default"]) if found.id == "workspaces.W001"]
    assert all(name in found.msg for name in DECLARED)


def test_sqlite_migrates_without_the_guards_that_name_other_tables() -> None:
    """The ledger's go down for a plan, and only for a plan; the audit log is guarded throughout."""
    config = apps.get_app_config("billing")
    for plan in ([], [("a migration", False)]):
        pre_migrate.send(
            config, app_config=config, using="default", verbosity=0, interactive=False, plan=plan
        )
        is_down = LEDGER in database_guards.missing(connection)
        assert is_down == (bool(plan) and connection.vendor == "sqlite")
    workspaces = apps.get_app_config("workspaces")
    pre_migrate.send(workspaces, app_config=workspaces, using="default", plan=[("a migration", False)])
    assert AUDIT not in database_guards.missing(connection)


@pytest.mark.parametrize(
    ("guard", "statement"),
    [
        (Guard("g", "billing_plan", "BEFORE DELETE", refuse="never"), "DELETE FROM billing_plan"),
        (
            Guard("g", "billing_plan", "BEFORE UPDATE", when="NEW.name <> OLD.name", refuse="never"),
            "UPDATE billing_plan SET name = 'x'",
        ),
        (
            Guard(
                "g",
                "billing_plan",
                "BEFORE DELETE",
                unless={"sqlite": "SELECT 1 WHERE 1 = 0", "postgresql": "SELECT 1 WHERE FALSE"},
                refuse="never",
            ),
            "DELETE FROM billing_plan",
        ),
        (
            Guard(
                "g", "billing_plan", "BEFORE TRUNCATE", refuse="never", each="STATEMENT", only="postgresql"
            ),
            "TRUNCATE billing_plan CASCADE",
        ),
    ],
)
def test_a_guard_refuses_as_an_integrity_error(guard: Guard, statement: str) -> None:
    if guard.only not in ("", connection.vendor):
        pytest.skip("SQLite has no TRUNCATE")
    database_guards.install(connection, [guard])
    connection.check_constraints()
    with pytest.raises(IntegrityError, match="never"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_guard_of_a_table_that_is_not_there_is_not_expected() -> None:
    nowhere = [Guard("g", "no_such_table", "BEFORE DELETE", refuse="never")]
    database_guards.install(connection, nowhere)

    assert database_guards.missing(connection, nowhere) == []
