"""The ledger's database guards: triggers that move balances and refuse forbidden changes.

workspaces/database_guards.py renders and installs them. They name each other's tables, so on SQLite they are removed
while migrations run.

Refused here: changing or deleting a transfer or a resolved hold; a charge without its captured hold; a reversal of
more than the original; another slug for a plan. On PostgreSQL also any change of a balance by hand. SQLite cannot
tell such a change from a trigger's; `verify_ledger` finds it there.
"""

from workspaces.database_guards import Guard

TRANSFER, HOLD, ACCOUNT = "billing_transfer", "billing_hold", "billing_account"
PLAN = "billing_plan"
# 'capture:' and the hold's id in 32 hexadecimal digits, which is how SQLite stores it.
CAPTURE_ID = {"sqlite": "'capture:' || {}.id", "postgresql": "'capture:' || REPLACE({}.id::text, '-', '')"}

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
    # The charge has the hold's date, so that a reply accepted before midnight counts for that day. The account is
    # updated last, to lock its row for the shortest time: all replies of a workspace wait for it.
    Guard(
        name="hold_captured_is_charged",
        table=HOLD,
        event="AFTER UPDATE OF state",
        when="OLD.state = 'held' AND NEW.state = 'captured'",
        do={
            vendor: "INSERT INTO billing_transfer"
            " (account_id, kind, amount, external_id, reason, reply_id, created_at) VALUES"
            f" (NEW.account_id, 'capture', -NEW.amount, {capture_id.format('NEW')},"
            " NEW.reason, NEW.reply_id, NEW.created_at);"
            " UPDATE billing_account SET posted = posted - NEW.amount, held = held - NEW.amount"
            " WHERE id = NEW.account_id"
            for vendor, capture_id in CAPTURE_ID.items()
        },
    ),
    # --- Rows that never change ---------------------------------------------------------------
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
    # --- Transfers that need another row ------------------------------------------------------
    # PostgreSQL can tell that the trigger above is writing; on SQLite the guard looks for a hold that the trigger
    # could be charging.
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
        f" AND NEW.external_id = {CAPTURE_ID['sqlite'].format('hold')}",
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
    # --- Slugs of plans -----------------------------------------------------------------------
    Guard(
        name="plan_slug_never_changed",
        table=PLAN,
        event="BEFORE UPDATE OF slug",
        when="NEW.slug <> OLD.slug",
        refuse="the slug of a plan is never changed",
    ),
)
