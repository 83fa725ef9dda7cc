"""The ledger's laws: queries that add up the rows anew and compare, without trusting triggers or code.

Each law is one query over whole tables, so a million transfers take seconds. `verify_ledger` prints the breaks, and
each test marked `money` ends with this check.
"""

from dataclasses import dataclass

from django.db import connection

from billing.guards import CAPTURE_ID, GUARDS
from billing.holds import lapsed
from billing.models import Account, Transfer
from workspaces.database_guards import missing, of_another_version


@dataclass(frozen=True)
class Law:
    """`query` selects one row for each break: an id and the figures that `says` words."""

    query: str
    says: str


LAWS = (
    # L1: posted is the sum of the transfers, and never below zero.
    Law(
        "SELECT account.id, account.posted, COALESCE(entries.total, 0) FROM billing_account account LEFT JOIN"
        " (SELECT account_id, SUM(amount) AS total FROM billing_transfer GROUP BY account_id) entries"
        " ON entries.account_id = account.id"
        " WHERE account.posted <> COALESCE(entries.total, 0) OR account.posted < 0",
        "L1: account {0} has posted {1}, its transfers come to {2}",
    ),
    # L2: held is the sum of the open holds, and never above posted.
    Law(
        "SELECT account.id, account.held, COALESCE(open.total, 0), account.posted FROM billing_account account"
        " LEFT JOIN (SELECT account_id, SUM(amount) AS total FROM billing_hold WHERE state = 'held'"
        " GROUP BY account_id) open ON open.account_id = account.id"
        " WHERE account.held <> COALESCE(open.total, 0) OR account.held > account.posted OR account.held < 0",
        "L2: account {0} has held {1} of posted {3}, its open holds come to {2}",
    ),
    # L3: captured holds and charges, one to one.
    Law(
        "SELECT hold.id FROM billing_hold hold LEFT JOIN billing_transfer charge"
        " ON charge.external_id = {capture_id} AND charge.kind = 'capture' AND charge.amount = -hold.amount"
        " AND charge.account_id = hold.account_id AND charge.reply_id = hold.reply_id"
        " WHERE hold.state = 'captured' AND charge.id IS NULL",
        "L3: hold {0} is captured and has no charge of its amount",
    ),
    Law(
        "SELECT charge.id FROM billing_transfer charge LEFT JOIN billing_hold hold"
        " ON hold.reply_id = charge.reply_id AND hold.state = 'captured' AND charge.external_id = {capture_id}"
        " WHERE charge.kind = 'capture' AND hold.id IS NULL",
        "L3: transfer {0} is a charge and has no captured hold",
    ),
    Law(
        "SELECT reply_id, COUNT(*) FROM billing_hold GROUP BY reply_id HAVING COUNT(*) > 1",
        "L3: reply {0} has {1} holds",
    ),
    # Reversals: once, in the same account, the other way, at most the original.
    Law(
        "SELECT reversal.id, reversal.amount, original.amount FROM billing_transfer reversal"
        " JOIN billing_transfer original ON original.id = reversal.reverses_id"
        " WHERE reversal.account_id <> original.account_id OR original.kind = 'reversal'"
        " OR (reversal.amount > 0) = (original.amount > 0) OR ABS(reversal.amount) > ABS(original.amount)",
        "Reversal: transfer {0} moves {1}, its original moved {2}",
    ),
    Law(
        "SELECT reverses_id, COUNT(*) FROM billing_transfer WHERE reverses_id IS NOT NULL"
        " GROUP BY reverses_id HAVING COUNT(*) > 1",
        "Reversal: transfer {0} is reversed {1} times",
    ),
    # Buckets: one for each transfer inward, never above it, and together never below posted.
    Law(
        "SELECT account.id, COALESCE(kept.total, 0), account.posted FROM billing_account account LEFT JOIN"
        " (SELECT account_id, SUM(remaining) AS total FROM billing_bucket GROUP BY account_id) kept"
        " ON kept.account_id = account.id WHERE COALESCE(kept.total, 0) < account.posted",
        "Buckets: account {0} has {1} in its buckets and posted {2}",
    ),
    Law(
        "SELECT transfer.id, transfer.amount FROM billing_transfer transfer LEFT JOIN billing_bucket bucket"
        " ON bucket.transfer_id = transfer.id WHERE transfer.amount > 0 AND (bucket.id IS NULL"
        " OR bucket.account_id <> transfer.account_id OR bucket.remaining > transfer.amount)",
        "Buckets: transfer {0} of {1} has no bucket that fits it",
    ),
)


def broken_laws() -> list[str]:
    """The laws that do not hold right now, and the guards that are not in force, a sentence each."""
    broken = [f"Guards: {name} is not in force" for name in missing(connection, GUARDS)]
    broken += [f"Guards: {name} is not this version's" for name in of_another_version(connection, GUARDS)]
    capture_id = CAPTURE_ID[connection.vendor].format("hold")
    with connection.cursor() as cursor:
        for law in LAWS:
            cursor.execute(law.query.replace("{capture_id}", capture_id))
            broken += [law.says.format(*row) for row in cursor.fetchall()]
    return broken


def overdue_holds() -> list[str]:
    """L5: holds that outlived their lease. There are none when no reply runs and a sweep has been made."""
    return [
        f"L5: hold {hold_id} of account {account_id} outlived its lease"
        for hold_id, account_id in lapsed().values_list("id", "account_id")
    ]


def trial_balance() -> dict[str, int]:
    """All accounts in credits, the system accounts derived from the transfers; they come to zero."""
    names = {kind.value: name for kind, name in Transfer.COUNTERPART.items()}
    totals = dict.fromkeys(["workspaces", *names.values()], 0)
    with connection.cursor() as cursor:
        # A reversal moves credits back to where its original took them from.
        cursor.execute(
            "SELECT COALESCE(original.kind, transfer.kind), SUM(transfer.amount) FROM billing_transfer transfer"
            " LEFT JOIN billing_transfer original ON original.id = transfer.reverses_id GROUP BY 1"
        )
        for kind, total in cursor.fetchall():
            totals[names[kind]] -= int(total)
    totals["workspaces"] = sum(Account.objects.values_list("posted", flat=True))
    return totals
