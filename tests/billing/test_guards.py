"""What the database itself refuses, tried with careless raw SQL."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from billing.guards import GUARDS
from billing.laws import broken_laws
from billing.models import Account, Hold, Transfer
from billing.sql import uid
from tests.billing import moves
from tests.factories import make_workspace
from workspaces import database_guards

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound_ledger")]


def refused(sql: str, *params: Any) -> str:
    """What the database says to `sql`; the test fails if it does not refuse."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    return str(caught.value)


def test_every_guard_is_in_force() -> None:
    assert database_guards.missing(connection) == []


def test_installing_twice_changes_nothing(account: Account) -> None:
    database_guards.install(connection)
    database_guards.install(connection)

    moves.charge(account, 5)

    assert moves.figures(account) == (95, 0)


def test_a_guard_taken_down_is_named_and_put_back(account: Account) -> None:
    on_table = "" if connection.vendor == "sqlite" else " ON billing_transfer"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER transfer_never_changed{on_table}")

    assert database_guards.missing(connection) == ["transfer_never_changed"]
    database_guards.install(connection)
    assert database_guards.missing(connection) == []


def test_a_guard_of_an_older_version_is_named() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER hold_never_deleted")
            cursor.execute(
                "CREATE TRIGGER hold_never_deleted BEFORE DELETE ON billing_hold BEGIN SELECT 1; END"
            )
        else:
            cursor.execute("COMMENT ON TRIGGER hold_never_deleted ON billing_hold IS 'older'")

    assert database_guards.of_another_version(connection) == ["hold_never_deleted"]
    assert database_guards.missing(connection) == []
    assert "Guards: hold_never_deleted is not this version's" in broken_laws()
    database_guards.install(connection)
    assert database_guards.of_another_version(connection) == []


def test_removed_guards_are_all_missing() -> None:
    database_guards.remove(connection, GUARDS)

    here = [guard.name for guard in GUARDS if guard.only in ("", connection.vendor)]
    assert database_guards.missing(connection) == here
    database_guards.install(connection)


@pytest.mark.parametrize(
    "change",
    ["amount = amount + 1", "reason = 'x'", "created_at = NULL", "actor_id = NULL", "id = id + 1000"],
)
def test_transfer_is_never_changed(account: Account, change: str) -> None:
    said = refused(f"UPDATE billing_transfer SET {change} WHERE account_id = %s", account.pk)

    assert "a transfer is never changed" in said


def test_transfer_is_never_deleted(account: Account) -> None:
    # Its bucket would be refused first, by the foreign key.
    transfer = moves.charge(account, 5)

    assert "a transfer is never deleted" in refused("DELETE FROM billing_transfer WHERE id = %s", transfer.pk)


@pytest.mark.parametrize(
    "change",
    ["amount = amount + 1", "created_at = renewed_at + 1", "account_id = account_id + 1", "reply_id = id"],
)
def test_what_a_hold_is_for_is_never_changed(account: Account, change: str) -> None:
    held = moves.hold(account, 5)
    if connection.vendor == "postgresql":
        change = change.replace("renewed_at + 1", "renewed_at + INTERVAL '1 day'")

    said = refused(f"UPDATE billing_hold SET {change} WHERE id = %s", uid(connection, held.hold_id))

    assert "what a hold is for is never changed" in said


@pytest.mark.parametrize("state", ["held", "released", "captured", "expired"])
def test_resolved_hold_is_never_resolved_again(account: Account, state: str) -> None:
    held = moves.hold(account, 5)
    moves.release(held)

    said = refused(
        "UPDATE billing_hold SET state = %s, resolved_at = renewed_at WHERE id = %s",
        state,
        uid(connection, held.hold_id),
    )

    assert "a hold is resolved once" in said
    assert moves.figures(account) == (100, 0)


def test_hold_is_never_deleted(account: Account) -> None:
    held = moves.hold(account, 5)

    said = refused("DELETE FROM billing_hold WHERE id = %s", uid(connection, held.hold_id))

    assert "a hold is never deleted" in said


def test_hold_cannot_begin_captured(account: Account) -> None:
    with pytest.raises(IntegrityError, match="begins in the state held"), transaction.atomic():
        Hold.objects.create(
            account=account,
            amount=5,
            state=Hold.State.CAPTURED,
            reply_id=uuid4(),
            lease_token=uuid4(),
            renewed_at=timezone.now(),
            created_at=timezone.now(),
            resolved_at=timezone.now(),
        )


@pytest.mark.parametrize("amount", [0, -5])
def test_hold_of_nothing_or_less_is_refused(account: Account, amount: int) -> None:
    with pytest.raises(IntegrityError, match="amount"):
        moves.hold(account, amount)

    assert moves.figures(account) == (100, 0)


def test_charge_without_a_hold_is_refused(account: Account) -> None:
    with (
        pytest.raises(IntegrityError, match="is written by the capture of its hold alone"),
        transaction.atomic(),
    ):
        Transfer.objects.create(
            account=account, kind="capture", amount=-5, external_id=f"capture:{uuid4().hex}", reply_id=uuid4()
        )


def test_charge_of_a_hold_still_open_is_refused(account: Account) -> None:
    held = moves.hold(account, 5)

    with (
        pytest.raises(IntegrityError, match="is written by the capture of its hold alone"),
        transaction.atomic(),
    ):
        Transfer.objects.create(
            account=account,
            kind="capture",
            amount=-5,
            external_id=f"capture:{held.hold_id.hex}",
            reply_id=held.reply_id,
        )


def test_second_charge_of_a_captured_hold_is_refused(account: Account) -> None:
    held = moves.hold(account, 5)
    moves.capture(held)

    for external_id in (f"capture:{held.hold_id.hex}", f"capture:{uuid4().hex}"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Transfer.objects.create(
                account=account, kind="capture", amount=-5, external_id=external_id, reply_id=held.reply_id
            )

    assert moves.figures(account) == (95, 0)


def test_state_captured_by_hand_is_charged_all_the_same(account: Account) -> None:
    held = moves.hold(account, 5)

    Hold.objects.filter(pk=held.hold_id).update(
        state="captured", resolved_at=timezone.now(), reason="by hand"
    )

    charge = Transfer.objects.get(reply_id=held.reply_id)
    assert (charge.kind, charge.amount, charge.reason) == ("capture", -5, "by hand")
    assert moves.figures(account) == (95, 0)


def test_transfer_inserted_by_hand_moves_the_balance(account: Account) -> None:
    Transfer.objects.create(account=account, kind="expire", amount=-30, external_id="by hand")

    assert moves.figures(account) == (70, 0)


def test_overdraft_is_refused_for_any_kind(account: Account) -> None:
    with pytest.raises(IntegrityError, match="account_never_overdrawn"), transaction.atomic():
        Transfer.objects.create(account=account, kind="expire", amount=-101, external_id="too much")


@pytest.mark.parametrize("amount", [6, -5, -6])
def test_reversal_beyond_its_charge_is_refused(account: Account, amount: int) -> None:
    charge = moves.charge(account, 5)

    with pytest.raises(IntegrityError, match="takes back at most its original"), transaction.atomic():
        Transfer.objects.create(
            account=account, kind="reversal", amount=amount, external_id="reversal", reverses=charge
        )


def test_reversal_into_another_account_is_refused(account: Account, neighbour: Account) -> None:
    charge = moves.charge(neighbour, 5)

    with pytest.raises(IntegrityError, match="takes back at most its original"), transaction.atomic():
        Transfer.objects.create(
            account=account, kind="reversal", amount=5, external_id="reversal", reverses=charge
        )


def test_second_reversal_is_refused(account: Account) -> None:
    charge = moves.charge(account, 5)
    first = {"account": account, "kind": "reversal", "amount": 1, "reverses": charge}
    reversal = Transfer.objects.create(**first, external_id="first")
    account.buckets.create(transfer=reversal, remaining=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        Transfer.objects.create(**first, external_id="second")


def test_account_with_credits_from_nowhere_is_refused(account: Account) -> None:
    with pytest.raises(IntegrityError, match="opens with no credits"), transaction.atomic():
        Account.objects.create(workspace=make_workspace(), plan=account.plan, posted=100)


@pytest.mark.parametrize("change", ["posted = posted + 1", "held = held + 1"])
def test_balance_is_never_moved_by_hand(account: Account, change: str) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite cannot tell a trigger's change from a hand's; verify_ledger finds it")

    said = refused(f"UPDATE billing_account SET {change} WHERE id = %s", account.pk)

    assert "never by hand" in said


def test_saving_an_old_copy_of_the_account_leaves_the_balance(account: Account, neighbour: Account) -> None:
    moves.charge(account, 5)

    account.plan = neighbour.plan
    account.save()

    assert moves.figures(account) == (95, 0)
    assert account.plan == neighbour.plan
