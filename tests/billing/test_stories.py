"""Months of bookkeeping, told in full: who got what, what was spent of which bucket, what expired."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from billing import ledger
from billing.models import Account, Plan, Transfer
from tests.billing import moves
from tests.factories import make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound_ledger")]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opened(moment: str, plan: str = "free") -> Account:
    return ledger.open_account(make_workspace(), plan=Plan.objects.get(slug=plan), now=at(moment))


def refreshed(account: Account, moment: str) -> Account:
    return ledger.refresh(account, now=at(moment))


def lines(account: Account) -> list[tuple[str, int]]:
    return list(account.transfers.order_by("id").values_list("kind", "amount"))


def test_three_months_of_a_free_workspace() -> None:
    account = opened("2026-01-15 09:00")
    assert account.next_event_at == at("2026-02-15 09:00")

    moves.charge(account, 30)
    # One second early nothing happens; at the hour 70 expire and 100 are granted.
    assert refreshed(account, "2026-02-15 08:59:59").posted == 70
    assert refreshed(account, "2026-02-15 09:00").posted == 100
    moves.charge(account, 100)
    assert refreshed(account, "2026-03-15 09:00").posted == 100

    assert lines(account) == [
        ("grant_plan", 100),
        ("capture", -30),
        ("expire", -70),
        ("grant_plan", 100),
        ("capture", -100),
        ("grant_plan", 100),
    ]
    assert account.transfers.last().reason == "Free plan, 15 March to 15 April 2026"  # type: ignore[union-attr]


def test_bought_credits_outlive_the_month() -> None:
    account = opened("2026-01-15 09:00")
    moves.grant(account, 500)
    # The month's own go first: 100 of the allotment, 20 of those bought.
    moves.charge(account, 120)

    account = refreshed(account, "2026-02-15 09:00")

    assert moves.remaining(account) == [0, 480, 100]
    assert account.posted == 580


def test_held_credits_do_not_expire_under_their_reply() -> None:
    account = opened("2026-01-15 09:00")
    moves.grant(account, 500)
    held = moves.hold(account, 5)

    account = refreshed(account, "2026-02-15 09:00")

    # 95 of the allotment expire. The 5 that are held stay, although the bought 500 could have stood in.
    assert lines(account)[-2:] == [("expire", -95), ("grant_plan", 100)]
    assert moves.remaining(account) == [5, 500, 100]
    # It looks again when the hold's lease must be over, not at the next month's end.
    assert account.next_event_at == at("2026-02-15 09:01")

    assert moves.capture(held)
    assert moves.remaining(account) == [0, 500, 100]
    assert refreshed(account, "2026-02-15 09:01").next_event_at == at("2026-03-15 09:00")


def test_credits_that_a_hold_set_free_after_their_time_expire_then() -> None:
    account = opened("2026-01-15 09:00")
    held = moves.hold(account, 5)
    refreshed(account, "2026-02-15 09:00")

    moves.release(held)
    account = refreshed(account, "2026-02-15 09:01")

    assert lines(account) == [("grant_plan", 100), ("expire", -95), ("grant_plan", 100), ("expire", -5)]
    assert account.posted == 100


def test_account_of_the_31st_renews_on_the_last_day_of_short_months() -> None:
    account = opened("2027-12-31 00:00")

    for moment in ("2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"):
        assert account.next_event_at == at(moment)
        account = refreshed(account, moment)

    assert list(
        account.transfers.filter(kind="grant_plan").order_by("id").values_list("external_id", flat=True)
    ) == [
        f"allotment:{account.pk}:{day}"
        for day in ("2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30")
    ]


def test_turn_of_the_year() -> None:
    account = opened("2026-12-05 23:30")

    account = refreshed(account, "2027-01-05 23:30")

    assert lines(account) == [("grant_plan", 100), ("expire", -100), ("grant_plan", 100)]
    assert account.next_event_at == at("2027-02-05 23:30")


def test_months_slept_through_are_not_made_up_for() -> None:
    account = opened("2026-01-15 09:00")

    account = refreshed(account, "2026-07-20 12:00")

    assert lines(account) == [("grant_plan", 100), ("expire", -100), ("grant_plan", 100)]
    assert account.next_event_at == at("2026-08-15 09:00")


def test_clock_set_forward_and_back_grants_no_month_twice() -> None:
    account = opened("2026-01-15 09:00")

    for moment in ("2026-02-15 09:30", "2026-02-15 08:30", "2026-02-15 09:00", "2026-02-15 09:30"):
        account = refreshed(account, moment)

    assert lines(account) == [("grant_plan", 100), ("expire", -100), ("grant_plan", 100)]


def test_billing_cycle_three_times_grants_once() -> None:
    account = opened("2026-01-15 09:00")
    # The command asks the real clock, which is past that month's end.
    for _ in range(3):
        call_command("run_billing_cycle", verbosity=0)

    assert lines(account) == [("grant_plan", 100), ("expire", -100), ("grant_plan", 100)]


def test_new_plan_grants_from_the_next_period_on() -> None:
    account = opened("2026-01-15 09:00")

    ledger.change_plan(account, plan=Plan.objects.get(slug="hobby"), now=at("2026-01-20 00:00"))

    assert refreshed(account, "2026-02-01 00:00").posted == 100
    assert refreshed(account, "2026-02-15 09:00").posted == 2_000


def test_plan_that_had_no_allotment_gives_way_to_one_from_the_next_period_on() -> None:
    account = opened("2026-01-15 09:00", plan="enterprise")

    ledger.change_plan(account, plan=Plan.objects.get(slug="pro"), now=at("2026-01-20 00:00"))

    assert refreshed(account, "2026-01-21 00:00").posted == 0
    assert refreshed(account, "2026-02-15 09:00").posted == 40_000


def test_plan_changed_before_anybody_looked_leaves_the_period_to_the_plan_before() -> None:
    account = opened("2026-01-15 09:00", plan="hobby")

    ledger.change_plan(account, plan=Plan.objects.get(slug="pro"), now=at("2026-02-20 00:00"))

    assert lines(account) == [("grant_plan", 2_000), ("expire", -2_000), ("grant_plan", 2_000)]
    assert refreshed(account, "2026-03-01 00:00").posted == 2_000
    assert refreshed(account, "2026-03-15 09:00").posted == 40_000


def test_enterprise_gets_what_was_agreed_and_nothing_by_itself() -> None:
    account = opened("2026-01-15 09:00", plan="enterprise")
    moves.grant(account, 250_000, expires_at=at("2027-01-15 00:00"))

    account = refreshed(account, "2026-09-30 00:00")

    assert account.posted == 250_000
    assert lines(account) == [("grant_operator", 250_000)]


def test_grants_that_end_on_different_days_are_drawn_and_expire_in_their_order() -> None:
    account = opened("2026-01-01 00:00")
    moves.grant(account, 40, expires_at=at("2026-01-10 00:00"))
    moves.grant(account, 60, expires_at=at("2026-01-20 00:00"))
    moves.grant(account, 1_000)

    moves.charge(account, 25)
    assert refreshed(account, "2026-01-10 00:00").posted == 100 + 60 + 1_000
    moves.charge(account, 70)
    assert moves.remaining(account) == [90, 0, 0, 1_000]
    account = refreshed(account, "2026-01-25 00:00")
    assert account.posted == 1_090
    moves.charge(account, 100)
    assert moves.remaining(account) == [0, 0, 0, 990]


def test_grant_that_is_over_when_it_comes_is_gone_at_the_next_look() -> None:
    account = opened("2026-01-15 09:00")
    moves.grant(account, 40, expires_at=at("2026-01-16 00:00"), now=at("2026-01-17 00:00"))

    assert refreshed(account, "2026-01-17 00:01").posted == 100


def test_charge_that_was_reversed_may_be_spent_next_month() -> None:
    account = opened("2026-01-15 09:00")
    charge = moves.charge(account, 5)
    ledger.reverse(charge, actor=None, reason="Wrong answer")

    account = refreshed(account, "2026-02-15 09:00")

    assert account.posted == 105
    assert lines(account)[-3:] == [("reversal", 5), ("expire", -95), ("grant_plan", 100)]


def test_reversed_allotment_is_not_granted_again() -> None:
    account = opened("2026-01-15 09:00")
    ledger.reverse(account.transfers.get(), actor=None, reason="Fraud")

    assert refreshed(account, "2026-01-20 00:00").posted == 0
    assert refreshed(account, "2026-02-15 09:00").posted == 100


def test_every_line_sums_to_the_balance() -> None:
    account = opened("2026-01-15 09:00")
    moves.grant(account, 500)
    charge = moves.charge(account, 120)
    ledger.reverse(charge, actor=None, reason="r", amount=20, now=at("2026-01-16 00:00"))
    account = refreshed(account, "2026-02-15 09:00")

    assert account.posted == sum(Transfer.objects.filter(account=account).values_list("amount", flat=True))
    assert account.posted == sum(moves.remaining(account))
    assert account.next_event_at - timedelta(days=28) == at("2026-02-15 09:00")  # type: ignore[operator]
