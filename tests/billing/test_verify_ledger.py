"""Drift of every kind is found and named: rows changed behind the guards' back."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import laws, ledger
from billing.models import Account
from billing.sql import uid
from tests.billing import moves
from workspaces import database_guards

pytestmark = pytest.mark.django_db


@contextmanager
def unguarded() -> Iterator[None]:
    """No trigger fires: what a restored backup or a superuser's hand may do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            yield
            cursor.execute("SET session_replication_role = DEFAULT")
        else:
            database_guards.remove(connection)
            yield
            database_guards.install(connection)


def tamper(sql: str, *params: Any) -> None:
    with unguarded(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        assert cursor.rowcount == 1


@pytest.fixture
def held(account: Account, neighbour: Account) -> moves.Held:
    """An open hold of 7 beside a charge of 5, and a neighbour whose books are in order."""
    moves.charge(account, 5)
    moves.charge(neighbour, 5)
    return moves.hold(account, 7)


def test_sound_ledger_has_no_drift(held: moves.Held) -> None:
    assert laws.broken_laws() == []


def test_l1_posted_that_is_not_the_sum(account: Account, held: moves.Held) -> None:
    tamper("UPDATE billing_account SET posted = posted - 1 WHERE id = %s", account.pk)

    assert laws.broken_laws() == [f"L1: account {account.pk} has posted 94, its transfers come to 95"]


def test_l1_transfer_that_vanished(account: Account, held: moves.Held) -> None:
    grant = moves.grant(account, 3)
    grant.bucket.delete()
    tamper("DELETE FROM billing_transfer WHERE id = %s", grant.pk)

    assert laws.broken_laws() == [
        f"L1: account {account.pk} has posted 98, its transfers come to 95",
        f"Buckets: account {account.pk} has 95 in its buckets and posted 98",
    ]


def test_l2_held_that_is_not_the_sum(account: Account, held: moves.Held) -> None:
    tamper("UPDATE billing_account SET held = held - 1 WHERE id = %s", account.pk)

    assert laws.broken_laws() == [
        f"L2: account {account.pk} has held 6 of posted 95, its open holds come to 7"
    ]


def test_l3_captured_hold_without_its_charge(account: Account, held: moves.Held) -> None:
    tamper(
        "UPDATE billing_hold SET state = 'captured', resolved_at = renewed_at WHERE id = %s",
        uid(connection, held.hold_id),
    )

    found = laws.broken_laws()

    assert len(found) == 2
    assert found[0] == f"L2: account {account.pk} has held 7 of posted 95, its open holds come to 0"
    assert found[1].startswith("L3: hold ")
    assert found[1].endswith("is captured and has no charge of its amount")


def test_l3_charge_without_its_captured_hold(account: Account, held: moves.Held) -> None:
    charge = account.transfers.get(kind="capture")
    tamper("UPDATE billing_hold SET state = 'released' WHERE reply_id = %s", uid(connection, charge.reply_id))  # type: ignore[arg-type]

    assert laws.broken_laws() == [f"L3: transfer {charge.pk} is a charge and has no captured hold"]


def test_l3_charge_of_another_amount_than_its_hold(account: Account, held: moves.Held) -> None:
    charge = account.transfers.get(kind="capture")
    tamper("UPDATE billing_transfer SET amount = -4 WHERE id = %s", charge.pk)
    tamper("UPDATE billing_account SET posted = 96 WHERE id = %s", account.pk)

    found = laws.broken_laws()

    assert len(found) == 1
    assert found[0].endswith("is captured and has no charge of its amount")


def test_reversal_of_more_than_its_original(account: Account, held: moves.Held) -> None:
    charge = account.transfers.get(kind="capture")
    reversal = ledger.reverse(charge, actor=None, reason="r")
    tamper("UPDATE billing_transfer SET amount = 6 WHERE id = %s", reversal.pk)
    tamper("UPDATE billing_account SET posted = 101 WHERE id = %s", account.pk)
    tamper("UPDATE billing_bucket SET remaining = 6 WHERE transfer_id = %s", reversal.pk)

    assert laws.broken_laws() == [f"Reversal: transfer {reversal.pk} moves 6, its original moved -5"]


def test_buckets_with_less_than_is_posted(account: Account, held: moves.Held) -> None:
    account.buckets.update(remaining=94)

    assert laws.broken_laws() == [f"Buckets: account {account.pk} has 94 in its buckets and posted 95"]


def test_bucket_with_more_than_its_grant(account: Account, held: moves.Held) -> None:
    account.buckets.update(remaining=101)

    assert laws.broken_laws() == [
        f"Buckets: transfer {account.transfers.get(kind='grant_plan').pk} of 100 has no bucket that fits it"
    ]


def test_grant_without_a_bucket(account: Account, neighbour: Account) -> None:
    transfer = neighbour.transfers.get()
    neighbour.buckets.all().delete()

    assert laws.broken_laws() == [
        f"Buckets: account {neighbour.pk} has 0 in its buckets and posted 2000",
        f"Buckets: transfer {transfer.pk} of 2000 has no bucket that fits it",
    ]


def test_guard_that_is_not_in_force(account: Account) -> None:
    on_table = "" if connection.vendor == "sqlite" else " ON billing_hold"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER hold_moves_held{on_table}")

    assert laws.broken_laws() == ["Guards: hold_moves_held is not in force"]
    database_guards.install(connection)


def test_l5_hold_that_outlived_its_lease(account: Account, held: moves.Held) -> None:
    assert laws.overdue_holds() == []

    moves.lapse(held)

    assert [drift[:9] for drift in laws.overdue_holds()] == ["L5: hold "]
    # A running system has such holds for up to a sweep: not a drift, but said.
    assert laws.broken_laws() == []


def test_trial_balance_comes_to_zero(account: Account, neighbour: Account) -> None:
    charge = moves.charge(account, 30)
    ledger.reverse(charge, actor=None, reason="r", amount=10)
    ledger.reverse(moves.grant(account, 50), actor=None, reason="r")
    ledger.refresh(account, now=account.next_event_at)

    balances = laws.trial_balance()

    assert balances == {"workspaces": 2_110, "issued": -2_200, "usage": 20, "expired": 70}
    assert sum(balances.values()) == 0


def test_command_names_a_hold_that_outlived_its_lease(account: Account, held: moves.Held) -> None:
    out = StringIO()
    moves.lapse(held)

    # The hold is of no reply, which is a drift.
    with pytest.raises(CommandError):
        call_command("verify_ledger", stdout=out, stderr=StringIO())

    assert (
        f"hold {held.hold_id} of account {account.pk} outlived its lease; the next sweep frees it"
        in out.getvalue()
    )


def test_command_prints_the_balances_of_a_sound_ledger(account: Account) -> None:
    out = StringIO()

    call_command("verify_ledger", stdout=out)

    assert (
        out.getvalue().split()
        == (
            "workspaces 100 issued -100 usage 0 expired 0 The ledger is sound: 1 accounts, 1 transfers."
        ).split()
    )


def test_command_names_each_drift_and_fails(account: Account) -> None:
    tamper("UPDATE billing_account SET posted = 99 WHERE id = %s", account.pk)
    err = StringIO()

    with pytest.raises(CommandError, match="2 finding"):
        call_command("verify_ledger", stdout=StringIO(), stderr=err)

    assert err.getvalue().splitlines() == [
        f"L1: account {account.pk} has posted 99, its transfers come to 100",
        "Trial balance: all accounts come to -1, not to 0",
    ]


def test_command_asks_the_agents_as_well(account: Account) -> None:
    # A charge for no reply: the ledger's own sums are in order.
    moves.charge(account, 5)
    err = StringIO()

    with pytest.raises(CommandError, match="1 finding"):
        call_command("verify_ledger", stdout=StringIO(), stderr=err)

    assert err.getvalue().startswith("L3: every hold belongs to a reply")
