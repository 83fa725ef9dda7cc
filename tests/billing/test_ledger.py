"""The ledger's verbs one by one."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing import holds, ledger
from billing.errors import AmountRefused, CreditsExhausted, ExternalIdTaken, NotReversible
from billing.models import Account, Hold, Plan, Transfer
from tests.billing import moves
from tests.factories import make_user, make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound_ledger")]

SOON = datetime(2099, 1, 1, tzinfo=UTC)
LATER = datetime(2099, 6, 1, tzinfo=UTC)


# --- Accounts -----------------------------------------------------------------------------------


def test_account_opens_with_its_first_allotment(account: Account) -> None:
    allotment = account.transfers.get()

    assert moves.figures(account) == (100, 0)
    assert (allotment.kind, allotment.amount, allotment.actor) == ("grant_plan", 100, None)
    assert account.next_event_at == allotment.bucket.expires_at


def test_account_of_a_plan_without_allotment_opens_empty() -> None:
    account = ledger.open_account(make_workspace(), plan=Plan.objects.get(slug="enterprise"))

    assert moves.figures(account) == (0, 0)
    assert list(account.transfers.all()) == []


def test_balance_is_posted_less_held(account: Account, neighbour: Account) -> None:
    moves.hold(account, 30)

    assert ledger.balance(account.workspace) == ledger.Balance(posted=100, held=30)
    assert ledger.balance(account.workspace).available == 70
    assert ledger.balance(neighbour.workspace).available == 2_000


# --- Holds --------------------------------------------------------------------------------------


def test_capture_charges_once_and_says_what_for(account: Account) -> None:
    held = moves.hold(account, 4)

    assert moves.capture(held, "Reply by Claude Sonnet 4.6")
    assert not moves.capture(held)

    line = Transfer.objects.get(reply_id=held.reply_id)
    assert (line.kind, line.amount, line.reason) == ("capture", -4, "Reply by Claude Sonnet 4.6")
    assert moves.figures(account) == (96, 0)


def test_charge_is_dated_by_its_hold(account: Account) -> None:
    held = moves.hold(account, 4)
    moves.capture(held)

    assert Transfer.objects.get(reply_id=held.reply_id).created_at == Hold.objects.get().created_at


def test_long_reason_is_cut(account: Account) -> None:
    assert moves.charge(account, 1, "x" * 500).reason == "x" * 200


def test_release_frees_once_and_charges_nothing(account: Account) -> None:
    held = moves.hold(account, 4)

    assert moves.release(held)
    assert not moves.release(held)
    assert not moves.capture(held)

    assert moves.figures(account) == (100, 0)
    assert not Transfer.objects.filter(reply_id=held.reply_id).exists()


@pytest.mark.parametrize("resolve", [moves.capture, moves.release])
def test_foreign_lease_token_resolves_nothing(account: Account, resolve: object) -> None:
    held = moves.hold(account, 4)
    imposter = moves.Held(held.hold_id, held.reply_id, lease_token=uuid4())

    assert not resolve(imposter)  # type: ignore[operator]

    assert moves.figures(account) == (100, 4)


def test_hold_takes_the_last_credit_and_not_one_more(account: Account) -> None:
    moves.hold(account, 99)
    moves.hold(account, 1)

    with pytest.raises(CreditsExhausted) as refusal:
        moves.hold(account, 1)

    assert refusal.value.needed == 1
    assert moves.figures(account) == (100, 100)


def test_exhausted_account_leaves_the_neighbour_alone(account: Account, neighbour: Account) -> None:
    moves.charge(account, 100)

    moves.charge(neighbour, 5)

    assert moves.figures(account) == (0, 0)
    assert moves.figures(neighbour) == (1_995, 0)


def test_second_hold_for_one_reply_is_refused(account: Account) -> None:
    held = moves.hold(account, 4)

    with pytest.raises(Exception, match=r"(?i)unique"), transaction.atomic(), connection.cursor() as cursor:
        holds.insert_hold(
            cursor,
            hold_id=uuid4(),
            account_id=account.pk,
            amount=4,
            reply_id=held.reply_id,
            lease_token=uuid4(),
        )

    assert moves.figures(account) == (100, 4)


def test_hot_path_is_one_statement_each(
    account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one, other = moves.Held(uuid4(), uuid4(), uuid4()), moves.Held(uuid4(), uuid4(), uuid4())
    with django_assert_num_queries(4), connection.cursor() as cursor:
        for held in (one, other):
            holds.insert_hold(
                cursor,
                hold_id=held.hold_id,
                account_id=account.pk,
                amount=2,
                reply_id=held.reply_id,
                lease_token=held.lease_token,
            )
        holds.capture(cursor, hold_id=one.hold_id, lease_token=one.lease_token, reason="")
        holds.release(cursor, hold_id=other.hold_id, lease_token=other.lease_token)


# --- Leases -------------------------------------------------------------------------------------


def test_sweep_frees_what_lost_its_lease(account: Account, neighbour: Account) -> None:
    lost, other, alive = moves.hold(account, 5), moves.hold(neighbour, 7), moves.hold(account, 3)
    moves.lapse(lost)
    moves.lapse(other)

    assert set(holds.sweep()) == {lost.reply_id, other.reply_id}

    assert moves.figures(account) == (100, 3)
    assert moves.figures(neighbour) == (2_000, 0)
    assert Hold.objects.get(pk=lost.hold_id).state == Hold.State.EXPIRED
    assert Hold.objects.get(pk=alive.hold_id).state == Hold.State.HELD


def test_second_sweep_finds_nothing(account: Account) -> None:
    moves.lapse(moves.hold(account, 5))
    holds.sweep()

    assert holds.sweep() == []


def test_late_settle_after_the_sweep_charges_nothing(account: Account) -> None:
    held = moves.hold(account, 5)
    moves.lapse(held)
    holds.sweep()

    assert not moves.capture(held)
    assert not moves.release(held)
    assert moves.figures(account) == (100, 0)


@pytest.mark.parametrize(("age", "is_swept"), [(59, False), (61, True)])
def test_lease_lasts_its_seconds(
    account: Account, settings: LazySettings, age: float, is_swept: bool
) -> None:
    settings.LEASE_SECONDS = 60
    held = moves.hold(account, 5)
    moves.lapse(held, seconds=age)

    assert bool(holds.sweep()) is is_swept


def test_renewed_lease_outlives_the_sweep(account: Account) -> None:
    held, other = moves.hold(account, 5), moves.hold(account, 6)
    moves.lapse(held)
    moves.lapse(other)

    with connection.cursor() as cursor:
        holds.renew(cursor, [(held.hold_id, held.lease_token), (other.hold_id, uuid4())])

    assert holds.sweep() == [other.reply_id]


def test_renewing_nothing_is_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0), connection.cursor() as cursor:
        holds.renew(cursor, [])


def test_resolved_hold_is_not_renewed(account: Account) -> None:
    held = moves.hold(account, 5)
    moves.release(held)
    before = Hold.objects.get().renewed_at

    with connection.cursor() as cursor:
        holds.renew(cursor, [(held.hold_id, held.lease_token)])

    assert Hold.objects.get().renewed_at == before


def test_life_has_an_end_however_often_it_is_renewed(account: Account) -> None:
    held = moves.hold(account, 5)

    with override_settings(LEASE_LIFE_SECONDS=-1):
        assert holds.sweep() == [held.reply_id]


# --- Grants -------------------------------------------------------------------------------------


def test_grant_adds_a_line_and_a_bucket(account: Account) -> None:
    operator = make_user("oscar@bookbag.test", is_staff=True)
    transfer = ledger.grant(
        account,
        amount=500,
        kind="grant_operator",
        external_id="ticket-17",
        reason="Sorry for the outage",
        actor=operator,
        expires_at=SOON,
    )

    assert (transfer.amount, transfer.actor, transfer.reason) == (500, operator, "Sorry for the outage")
    assert (transfer.bucket.remaining, transfer.bucket.expires_at) == (500, SOON)
    assert moves.figures(account) == (600, 0)


def test_same_external_id_and_content_grants_once(account: Account) -> None:
    content = {"amount": 5, "kind": "purchase", "external_id": "one", "reason": "r", "actor": None}

    first = ledger.grant(account, **content)  # type: ignore[arg-type]
    again = ledger.grant(account, **content)  # type: ignore[arg-type]

    assert first == again
    assert moves.figures(account) == (105, 0)


@pytest.mark.parametrize(
    "other", [{"amount": 6}, {"kind": "grant_operator"}, {"reason": "other"}, {"expires_at": SOON}]
)
def test_same_external_id_with_other_content_is_refused(account: Account, other: dict[str, object]) -> None:
    content = {"amount": 5, "kind": "purchase", "external_id": "one", "reason": "r", "actor": None}
    ledger.grant(account, **content)  # type: ignore[arg-type]

    with pytest.raises(ExternalIdTaken):
        ledger.grant(account, **{**content, **other})  # type: ignore[arg-type]

    assert moves.figures(account) == (105, 0)


def test_external_id_of_another_account_is_refused(account: Account, neighbour: Account) -> None:
    content = {"amount": 5, "kind": "purchase", "external_id": "one", "reason": "r", "actor": None}
    ledger.grant(neighbour, **content)  # type: ignore[arg-type]

    with pytest.raises(ExternalIdTaken):
        ledger.grant(account, **content)  # type: ignore[arg-type]

    assert moves.figures(account) == (100, 0)


@pytest.mark.parametrize("amount", [0, -5, True, 1.5, "5", None, ledger.MOST_CREDITS + 1])
def test_grant_of_no_whole_number_is_refused(account: Account, amount: object) -> None:
    with pytest.raises(AmountRefused):
        moves.grant(account, amount)  # type: ignore[arg-type]

    assert moves.figures(account) == (100, 0)


@pytest.mark.parametrize("kind", ["capture", "expire", "reversal", "gift"])
def test_grant_of_another_kind_is_a_mistake(account: Account, kind: str) -> None:
    with pytest.raises(ValueError, match="no kind of grant"):
        ledger.grant(account, amount=5, kind=kind, external_id="one", reason="r", actor=None)


def test_grant_fails_with_the_transaction_around_it(account: Account) -> None:
    with transaction.atomic():
        moves.grant(account, 5)
        transaction.set_rollback(True)

    assert moves.figures(account) == (100, 0)


# --- Buckets ------------------------------------------------------------------------------------


def test_soonest_expiring_credits_are_spent_first(account: Account) -> None:
    moves.grant(account, 50)
    moves.grant(account, 20, expires_at=LATER)
    moves.grant(account, 10, expires_at=SOON)

    moves.charge(account, 100)
    assert moves.remaining(account) == [0, 50, 20, 10]
    moves.charge(account, 15)
    assert moves.remaining(account) == [0, 50, 15, 0]
    moves.charge(account, 30)
    assert moves.remaining(account) == [0, 35, 0, 0]


def test_charge_before_a_grant_is_drawn_from_what_was_there(account: Account) -> None:
    moves.charge(account, 30)
    moves.grant(account, 50, expires_at=account.created_at + timedelta(hours=1))

    assert moves.remaining(account) == [70, 50]


# --- Reversals ----------------------------------------------------------------------------------


def test_reversed_charge_comes_back_and_does_not_expire(account: Account) -> None:
    charge = moves.charge(account, 5)
    operator = make_user(is_staff=True)

    reversal = ledger.reverse(charge, actor=operator, reason="Wrong answer")

    assert (reversal.amount, reversal.reverses, reversal.reply_id) == (5, charge, charge.reply_id)
    assert reversal.bucket.expires_at is None
    assert moves.figures(account) == (100, 0)
    assert moves.remaining(account) == [95, 5]


def test_part_of_a_charge_is_given_back(account: Account) -> None:
    reversal = ledger.reverse(moves.charge(account, 5), actor=None, reason="Half", amount=2)

    assert reversal.amount == 2
    assert moves.figures(account) == (97, 0)


@pytest.mark.parametrize("amount", [0, -1, 6])
def test_more_than_the_charge_is_not_given_back(account: Account, amount: int) -> None:
    charge = moves.charge(account, 5)

    with pytest.raises(AmountRefused):
        ledger.reverse(charge, actor=None, reason="Too much", amount=amount)

    assert moves.figures(account) == (95, 0)


def test_charge_is_reversed_once_even_if_first_in_part(account: Account) -> None:
    charge = moves.charge(account, 5)
    ledger.reverse(charge, actor=None, reason="Half", amount=2)

    with pytest.raises(NotReversible) as refusal:
        ledger.reverse(charge, actor=None, reason="The rest", amount=3)

    assert refusal.value.reversed_already
    assert moves.figures(account) == (97, 0)


def test_reversal_is_not_reversed(account: Account) -> None:
    reversal = ledger.reverse(moves.charge(account, 5), actor=None, reason="r")

    with pytest.raises(NotReversible):
        ledger.reverse(reversal, actor=None, reason="r")


def test_reversed_grant_is_taken_out_of_its_own_bucket(account: Account) -> None:
    grant = moves.grant(account, 50)

    ledger.reverse(grant, actor=None, reason="Wrong workspace")

    assert moves.figures(account) == (100, 0)
    assert moves.remaining(account) == [100, 0]


def test_of_a_spent_grant_what_is_available_is_taken(account: Account) -> None:
    grant = moves.grant(account, 50)
    moves.charge(account, 120)
    moves.hold(account, 10)

    reversal = ledger.reverse(grant, actor=None, reason="Wrong workspace")

    assert reversal.amount == -20
    assert moves.figures(account) == (10, 10)


def test_of_a_grant_spent_and_held_nothing_is_taken(account: Account) -> None:
    grant = moves.grant(account, 50)
    moves.hold(account, 150)

    with pytest.raises(NotReversible):
        ledger.reverse(grant, actor=None, reason="Too late")
    with pytest.raises(CreditsExhausted) as refusal:
        ledger.reverse(grant, actor=None, reason="Too late", amount=5)

    assert (refusal.value.needed, refusal.value.available) == (5, 0)


def test_reversed_expiry_gives_the_credits_back_for_good(account: Account) -> None:
    ledger.refresh(account, now=account.created_at + timedelta(days=32))
    expiry = account.transfers.get(kind="expire")

    ledger.reverse(expiry, actor=None, reason="The invoice was late")

    assert moves.figures(account) == (200, 0)
    assert moves.remaining(account) == [0, 100, 100]


# --- Refreshing ---------------------------------------------------------------------------------


def test_refresh_when_nothing_is_due_changes_nothing(account: Account) -> None:
    before = list(account.transfers.values_list("pk"))

    ledger.refresh(account)

    assert list(account.transfers.values_list("pk")) == before


def test_refresh_if_due_asks_the_clock_first(
    account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        ledger.refresh_if_due(account)

    Account.objects.filter(pk=account.pk).update(next_event_at=timezone.now() - timedelta(seconds=1))
    account.refresh_from_db()
    assert ledger.refresh_if_due(account).next_event_at > timezone.now()  # type: ignore[operator]


def test_refresh_frees_lapsed_holds(account: Account) -> None:
    moves.lapse(moves.hold(account, 100))

    assert ledger.refresh(account).available == 100


def test_account_remembers_when_to_look_again(account: Account) -> None:
    renewal = account.next_event_at
    assert renewal is not None
    sooner = renewal - timedelta(days=3)

    moves.grant(account, 5, expires_at=renewal + timedelta(days=3))
    account.refresh_from_db()
    assert account.next_event_at == renewal
    moves.grant(account, 5, expires_at=sooner)
    account.refresh_from_db()
    assert account.next_event_at == sooner
