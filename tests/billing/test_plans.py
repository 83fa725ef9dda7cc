"""Periods in UTC: a month from the account's opening, month ends clamped and then restored."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from billing import plans
from billing.errors import LimitReached
from billing.models import Account, Plan


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("opened", "moment", "start", "end"),
    [
        ("2026-03-10 08:30", "2026-03-10 08:30", "2026-03-10 08:30", "2026-04-10 08:30"),
        ("2026-03-10 08:30", "2026-04-10 08:29", "2026-03-10 08:30", "2026-04-10 08:30"),
        ("2026-03-10 08:30", "2026-04-10 08:30", "2026-04-10 08:30", "2026-05-10 08:30"),
        # The 31st: the last day of a short month, and the 31st again after it.
        ("2027-01-31 12:00", "2027-02-28 11:59", "2027-01-31 12:00", "2027-02-28 12:00"),
        ("2027-01-31 12:00", "2027-02-28 12:00", "2027-02-28 12:00", "2027-03-31 12:00"),
        ("2027-01-31 12:00", "2027-03-30 12:00", "2027-02-28 12:00", "2027-03-31 12:00"),
        ("2027-01-31 12:00", "2027-04-30 12:00", "2027-04-30 12:00", "2027-05-31 12:00"),
        # Leap years, both ways.
        ("2028-01-31 00:00", "2028-02-29 00:00", "2028-02-29 00:00", "2028-03-31 00:00"),
        ("2028-02-29 00:00", "2029-02-28 00:00", "2029-02-28 00:00", "2029-03-29 00:00"),
        # The turn of the year.
        ("2026-12-31 23:59", "2027-01-31 23:58", "2026-12-31 23:59", "2027-01-31 23:59"),
        ("2026-11-30 00:00", "2027-03-01 00:00", "2027-02-28 00:00", "2027-03-30 00:00"),
        # A clock that was set back never leads to a period before the first.
        ("2026-03-10 08:30", "2026-03-10 07:30", "2026-03-10 08:30", "2026-04-10 08:30"),
    ],
)
def test_period_of_a_moment(opened: str, moment: str, start: str, end: str) -> None:
    assert plans.period(at(opened), at(moment)) == plans.Period(at(start), at(end))


def test_periods_meet_without_gap_or_overlap() -> None:
    opened = at("2027-08-31 17:45")

    periods = [plans.period(opened, opened + timedelta(days=number)) for number in range(1500)]

    starts = sorted({period.start for period in periods})
    assert all(period.start <= opened + timedelta(days=n) < period.end for n, period in enumerate(periods))
    assert [plans.period(opened, start).end for start in starts[:-1]] == starts[1:]


def test_period_is_the_same_from_any_time_zone() -> None:
    summer = timezone(timedelta(hours=2))
    moment = at("2026-10-25 00:30")

    assert plans.period(at("2026-09-25 00:00"), moment.astimezone(summer)) == plans.period(
        at("2026-09-25 00:00"), moment
    )


@pytest.mark.django_db
def test_five_plans() -> None:
    rows = Plan.objects.values_list("slug", "monthly_credits", "agent_limit", "seat_limit", "source_limit")

    assert list(rows) == [
        ("free", 100, 1, 1, 10),
        ("hobby", 2_000, 2, 1, 50),
        ("standard", 12_000, 5, 3, 500),
        ("pro", 40_000, 20, 10, 5_000),
        ("enterprise", 0, None, None, None),
    ]


@pytest.mark.parametrize(("what", "most"), [("agents", 1), ("seats", 1), ("sources", 10)])
def test_limit_allows_up_to_itself(account: Account, what: str, most: int) -> None:
    plans.require(account, what, most)
    with pytest.raises(LimitReached) as refusal:
        plans.require(account, what, most + 1)
    assert (refusal.value.what, refusal.value.limit) == (what, most)


def test_no_limit_allows_any_number(account: Account) -> None:
    account.plan = Plan.objects.get(slug="enterprise")

    plans.require(account, "agents", 10**6)
    assert plans.limit(account, "agents") is None


def test_new_workspaces_begin_on_free(db: None) -> None:
    assert plans.default() == Plan.objects.get(slug="free")
