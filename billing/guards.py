"""The database's own enforcement: triggers that move balances and refuse what must never happen.

Each guard is written once and rendered for SQLite and for PostgreSQL, so the two mean the same. They
are installed after every `migrate` (billing/apps.py). On SQLite they are taken down while migrations
run, since that database changes a table by rebuilding it and loses the table's triggers as it does.

Refused here: changing or deleting a transfer or a resolved hold; a charge without its captured hold;
a reversal of more than the original; another slug for a plan. On PostgreSQL also any change of a balance by hand; SQLite cannot
tell such a change from a trigger's, there `verify_ledger` finds it. (The audit log has guards of its
own, workspaces/guards.py.)
"""

import hashlib
from dataclasses import dataclass

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TRANSFER, HOLD, ACCOUNT = "billing_transfer", "billing_hold", "billing_account"
PLAN = "billing_plan"
# 'capture:' and the hold's id in 32 hexadecimal digits, which is how SQLite stores it.
CAPTURE_ID = {"sqlite": "'capture:' || {}.id", "postgresql": "'capture:' || REPLACE({}.id::text, '-', '')"}


@dataclass(frozen=True)
class Guard:
    """A row trigger that either refuses (`when` true, and `unless` not found) or runs the statement `do`."""

    name: str
    table: str
    event: str
    when: str = ""
    unless: str = ""
    refuse: str = ""
    do: str = ""
    only: str = ""

    def sql(self, vendor: str) -> list[str]:
        """The statements that create this guard; SQLite needs one, PostgreSQL a function as well."""
        return self._sqlite() if vendor == "sqlite" else self._postgresql()

    def _sqlite(self) -> list[str]:
        conditions = [self.when] if self.when else []
        if self.unless:
            conditions.append(f"NOT EXISTS ({_dialect(self.unless, 'sqlite')})")
        when = f" WHEN {' AND '.join(conditions)}" if conditions else ""
        body = f"SELECT RAISE(ABORT, '{self.refuse}')" if self.refuse else _dialect(self.do, "sqlite")
        return [f"CREATE TRIGGER {self.name} {self.event} ON {self.table}{when} BEGIN {body}; END"]

    def _postgresql(self) -> list[str]:
        refusal = f"RAISE EXCEPTION '{self.refuse}' USING ERRCODE = 'integrity_constraint_violation';"
        if self.unless:
            body = f"IF NOT EXISTS ({_dialect(self.unless, 'postgresql')}) THEN {refusal} END IF;"
        else:
            body = refusal if self.refuse else f"{_dialect(self.do, 'postgresql')};"
        when = f" WHEN ({self.when})" if self.when else ""
        return [
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body} RETURN NEW; END $$",
            f"CREATE TRIGGER {self.name} {self.event} ON {self.table} FOR EACH ROW{when} "
            f"EXECUTE FUNCTION {self.name}()",
        ]

    def version(self, vendor: str) -> str:
        """Marks the installed trigger, so that one of another version is seen, and replaced by `install`."""
        return _digest("\n".join(self.sql(vendor)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _dialect(text: str, vendor: str) -> str:
    return text.format(
        new_capture_id=CAPTURE_ID[vendor].format("NEW"), capture_id=CAPTURE_ID[vendor].format("hold")
    )


GUARDS = (
    # --- Balances follow the rows -------------------------------------------------------------
    Guard(
        name="transfer_moves_posted",
        table=TRANSFER,
        event="AFTER INSERT",
        when="NEW.kind <> 'capture'",
        do="UPDATE billing_account SET posted = posted + NEW.amount WHERE id = NEW.account_id",
    ),
    Guard(
        name="hold_moves_held",
        table=HOLD,
        event="AFTER INSERT",
        do="UPDATE billing_account SET held = held + NEW.amount WHERE id = NEW.account_id",
    ),
    Guard(
        name="hold_frees_held",
        table=HOLD,
        event="AFTER UPDATE OF state",
        when="OLD.state = 'held' AND NEW.state IN ('released', 'expired')",
        do="UPDATE billing_account SET held = held - NEW.amount WHERE id = NEW.account_id",
    ),
    # Dated by the hold, so that a reply accepted before midnight is a charge of that day. The account
    # comes last: its row is the one that all replies of a workspace wait for.
    Guard(
        name="hold_captured_is_charged",
        table=HOLD,
        event="AFTER UPDATE OF state",
        when="OLD.state = 'held' AND NEW.state = 'captured'",
        do="INSERT INTO billing_transfer (account_id, kind, amount, external_id, reason, reply_id, created_at) VALUES"
        " (NEW.account_id, 'capture', -NEW.amount, {new_capture_id}, NEW.reason, NEW.reply_id, NEW.created_at);"
        " UPDATE billing_account SET posted = posted - NEW.amount, held = held - NEW.amount WHERE id = NEW.account_id",
    ),
    # --- What is written stays written --------------------------------------------------------
    Guard(
        name="transfer_never_changed",
        table=TRANSFER,
        event="BEFORE UPDATE",
        refuse="a transfer is never changed; correct it by another transfer",
    ),
    Guard(
        name="transfer_never_deleted",
        table=TRANSFER,
        event="BEFORE DELETE",
        refuse="a transfer is never deleted; correct it by another transfer",
    ),
    Guard(
        name="hold_begins_held",
        table=HOLD,
        event="BEFORE INSERT",
        when="NEW.state <> 'held'",
        refuse="a hold begins in the state held",
    ),
    Guard(
        name="hold_terms_never_changed",
        table=HOLD,
        event="BEFORE UPDATE",
        when="NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.amount <> OLD.amount"
        " OR NEW.reply_id <> OLD.reply_id OR NEW.created_at <> OLD.created_at",
        refuse="what a hold is for is never changed",
    ),
    Guard(
        name="hold_resolved_once",
        table=HOLD,
        event="BEFORE UPDATE",
        when="OLD.state <> 'held'",
        refuse="a hold is resolved once and then never changed",
    ),
    Guard(name="hold_never_deleted", table=HOLD, event="BEFORE DELETE", refuse="a hold is never deleted"),
    # --- No transfer without its ground -------------------------------------------------------
    # PostgreSQL knows that the trigger above is writing; SQLite has to look whether it could have been.
    Guard(
        name="capture_needs_its_hold",
        table=TRANSFER,
        event="BEFORE INSERT",
        when="NEW.kind = 'capture' AND pg_trigger_depth() = 0",
        refuse="a charge is written by the capture of its hold alone",
        only="postgresql",
    ),
    Guard(
        name="capture_needs_its_hold",
        table=TRANSFER,
        event="BEFORE INSERT",
        when="NEW.kind = 'capture'",
        unless="SELECT 1 FROM billing_hold hold WHERE hold.reply_id = NEW.reply_id AND hold.state = 'captured'"
        " AND hold.account_id = NEW.account_id AND hold.amount = -NEW.amount"
        " AND NEW.external_id = {capture_id}",
        refuse="a charge is written by the capture of its hold alone",
        only="sqlite",
    ),
    Guard(
        name="reversal_at_most_original",
        table=TRANSFER,
        event="BEFORE INSERT",
        when="NEW.kind = 'reversal'",
        unless="SELECT 1 FROM billing_transfer original WHERE original.id = NEW.reverses_id"
        " AND original.account_id = NEW.account_id AND original.kind <> 'reversal'"
        " AND (original.amount > 0) = (NEW.amount < 0) AND ABS(NEW.amount) <= ABS(original.amount)",
        refuse="a reversal takes back at most its original, in the same account",
    ),
    Guard(
        name="balance_moved_by_rows_alone",
        table=ACCOUNT,
        event="BEFORE UPDATE OF posted, held",
        when="pg_trigger_depth() = 0 AND (NEW.posted <> OLD.posted OR NEW.held <> OLD.held)",
        refuse="a balance is moved by transfers and holds, never by hand",
        only="postgresql",
    ),
    Guard(
        name="account_opens_empty",
        table=ACCOUNT,
        event="BEFORE INSERT",
        when="NEW.posted <> 0 OR NEW.held <> 0",
        refuse="an account opens with no credits",
    ),
    # --- What plans are known by --------------------------------------------------------------
    Guard(
        name="plan_slug_never_changed",
        table=PLAN,
        event="BEFORE UPDATE OF slug",
        when="NEW.slug <> OLD.slug",
        refuse="the slug of a plan is never changed",
    ),
)


def for_vendor(vendor: str) -> list[Guard]:
    return [guard for guard in GUARDS if guard.only in ("", vendor)]


def install(connection: BaseDatabaseWrapper) -> None:
    """Create what is missing or of another version. Harmless to repeat; skips tables not there yet."""
    absent = {*missing(connection), *of_another_version(connection)}
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for guard in for_vendor(connection.vendor):
            if guard.name in absent:
                cursor.execute(_drop(guard, connection.vendor))
                for statement in guard.sql(connection.vendor):
                    cursor.execute(statement)
                if connection.vendor == "postgresql":
                    version = guard.version("postgresql")
                    cursor.execute(f"COMMENT ON TRIGGER {guard.name} ON {guard.table} IS '{version}'")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take every guard down: before SQLite rebuilds tables, and before a test empties them."""
    present = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for guard in for_vendor(connection.vendor):
            if guard.table in present:
                cursor.execute(_drop(guard, connection.vendor))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of guards that are not in force: absent or switched off. What they refuse is not refused now."""
    in_force = _in_force(connection)
    return [guard.name for guard in _expected(connection) if guard.name not in in_force]


def of_another_version(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of guards that are in force and are not this code's: a release is being rolled out, forward or back."""
    in_force, vendor = _in_force(connection), connection.vendor
    return [
        guard.name
        for guard in _expected(connection)
        if guard.name in in_force and in_force[guard.name] != guard.version(vendor)
    ]


def _expected(connection: BaseDatabaseWrapper) -> list[Guard]:
    present = set(connection.introspection.table_names())
    return [guard for guard in for_vendor(connection.vendor) if guard.table in present]


def _drop(guard: Guard, vendor: str) -> str:
    return f"DROP TRIGGER IF EXISTS {guard.name}" + ("" if vendor == "sqlite" else f" ON {guard.table}")


def _in_force(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Version by name: on PostgreSQL from the comment of a trigger, on SQLite its very text."""
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
