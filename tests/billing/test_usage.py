"""The figures of the credits page, and the drawing made of them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from billing import chart, ledger, usage
from billing.models import Account, Hold
from billing.usage import Day, Expiry
from tests.billing import moves
from workspaces import database_guards

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound_ledger")]

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)


def charge_at(account: Account, amount: int, moment: datetime) -> None:
    """A charge whose hold was made at `moment`; the hold's date is given to it before it is captured."""
    held = moves.hold(account, amount)
    database_guards.remove(connection)
    Hold.objects.filter(pk=held.hold_id).update(created_at=moment)
    database_guards.install(connection)
    assert moves.capture(held)


def test_figures_of_an_untouched_account(account: Account) -> None:
    figures = usage.figures(account)

    assert (figures.allotment.current, figures.used, figures.remaining, figures.held) == (100, 0, 100, 0)
    assert figures.allotment.renews_at == account.next_event_at
    assert figures.expiries == [Expiry(account.next_event_at, 100)]


def test_held_credits_are_neither_used_nor_remaining(account: Account) -> None:
    moves.charge(account, 20)
    moves.hold(account, 7)
    account.refresh_from_db()

    figures = usage.figures(account)

    assert (figures.used, figures.remaining, figures.held) == (20, 73, 7)


def test_neighbours_usage_is_not_counted(account: Account, neighbour: Account) -> None:
    moves.charge(neighbour, 20)

    assert usage.figures(account).used == 0


def test_used_counts_back_exactly_thirty_days(account: Account) -> None:
    charge_at(account, 1, NOW - timedelta(days=30, seconds=1))
    charge_at(account, 2, NOW - timedelta(days=30))
    charge_at(account, 4, NOW - timedelta(days=29))
    charge_at(account, 8, NOW)

    figures = usage.figures(account, now=NOW)

    assert figures.used == 14
    assert [day for day in figures.days if day.credits] == [
        Day(date(2026, 2, 8), 2),
        Day(date(2026, 2, 9), 4),
        Day(date(2026, 3, 10), 8),
    ]


def test_every_day_of_the_window_is_there_once(account: Account) -> None:
    days = [day.date for day in usage.figures(account, now=NOW).days]

    assert days == [date(2026, 2, 8) + timedelta(days=number) for number in range(31)]


def test_days_are_those_of_utc(account: Account) -> None:
    charge_at(account, 3, datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
    charge_at(account, 4, datetime(2026, 3, 2, 0, 0, tzinfo=UTC))

    days = {day.date: day.credits for day in usage.figures(account, now=NOW).days}

    assert (days[date(2026, 3, 1)], days[date(2026, 3, 2)]) == (3, 4)


def test_reversed_charge_is_not_used_whenever_it_was_reversed(account: Account) -> None:
    charge_at(account, 9, NOW - timedelta(days=5))
    charge = account.transfers.get(kind="capture")
    ledger.reverse(charge, actor=None, reason="r", amount=4, now=NOW)

    figures = usage.figures(account, now=NOW)

    assert figures.used == 5
    assert Day(date(2026, 3, 5), 5) in figures.days
    assert Day(date(2026, 3, 10), 0) in figures.days


def test_reversed_grant_and_expiry_are_no_usage(account: Account) -> None:
    ledger.reverse(moves.grant(account, 50), actor=None, reason="r")
    ledger.refresh(account, now=account.next_event_at)

    account.refresh_from_db()
    assert usage.figures(account).used == 0


def test_what_expires_is_what_would_be_left_unspent(account: Account) -> None:
    renewal = account.next_event_at
    assert renewal is not None
    soon = timezone.now() + timedelta(days=1)
    moves.grant(account, 30, expires_at=soon)
    moves.grant(account, 20, expires_at=soon)
    moves.grant(account, 500)
    moves.charge(account, 35)
    account.refresh_from_db()

    # The draw is still open: looking writes nothing.
    before = list(account.buckets.values_list("remaining"))
    assert usage.figures(account).expiries == [Expiry(soon, 15), Expiry(renewal, 100)]
    assert list(account.buckets.values_list("remaining")) == before


def test_chart_without_usage_has_flat_bars_and_a_scale() -> None:
    drawing = chart.plot([Day(date(2026, 3, number), 0) for number in range(1, 11)])

    assert {bar.height for bar in drawing.bars} == {0.0}
    assert [mark.text for mark in drawing.grid] == ["1", "0"]


def test_chart_bars_stand_on_the_axis_in_proportion() -> None:
    drawing = chart.plot([Day(date(2026, 3, 1), 10), Day(date(2026, 3, 2), 20)])

    low, high = drawing.bars
    assert low.height * 2 == high.height
    assert low.y + low.height == high.y + high.height == chart.BASE
    assert low.x + low.width <= high.x
    assert [mark.text for mark in drawing.grid] == ["20", "10", "0"]


@pytest.mark.parametrize(
    ("most", "top"), [(1, 1), (3, 4), (5, 6), (7, 10), (41, 60), (61, 100), (1_234, 2_000)]
)
def test_chart_scale_is_round(most: int, top: int) -> None:
    drawing = chart.plot([Day(date(2026, 3, 1), most)])

    assert drawing.grid[0].text == f"{top:,}"


def test_chart_dates_end_with_today() -> None:
    first = date(2026, 2, 8)
    drawing = chart.plot([Day(first + timedelta(days=number), 1) for number in range(31)])

    assert [mark.text for mark in drawing.dates] == ["10 Mar", "3 Mar", "24 Feb", "17 Feb", "10 Feb"]
