"""The figures of the credits page: credits remaining, their use by day, and the next expiries.

The days are UTC days. The first and the last are partial, so that all days together are exactly the trailing 30 days
and the chart's columns add up to the figure above it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import DateField, F, Func, QuerySet, Sum
from django.utils import timezone

from billing import buckets, free, plans
from billing.models import Account, Transfer

WINDOW = timedelta(days=30)


@dataclass(frozen=True)
class Day:
    date: date
    credits: int


@dataclass(frozen=True)
class Expiry:
    expires_at: datetime
    credits: int


@dataclass(frozen=True)
class Allotment:
    """What an account was given for the running period, and what it gets for each period from `renews_at` on.

    The two differ while a change of plan waits for the next period. `following` is 0 where the plan has no monthly
    credits (credits as agreed), and where they are given once per person and another account has them.
    """

    current: int
    following: int
    renews_at: datetime


@dataclass(frozen=True)
class Usage:
    """An account's figures in credits. `remaining` can be spent now and does not include `held`."""

    allotment: "Allotment"
    remaining: int
    held: int
    days: list[Day]
    expiries: list[Expiry]

    @property
    def used(self) -> int:
        """What the replies of the trailing 30 days cost, after reversals."""
        return sum(day.credits for day in self.days)


class _UTCDay(Func):
    # TruncDate would call back into Python for every row on SQLite.
    output_field = DateField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, 10)", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "((%(expressions)s) AT TIME ZONE 'UTC')::date"
        return self.as_sql(compiler, connection, template=template, **extra)


def figures(account: Account, *, now: datetime | None = None) -> Usage:
    """The figures of `account`, which must have been read together with its plan."""
    now = now or timezone.now()
    return Usage(
        allotment=allotment(account, now=now),
        remaining=account.available,
        held=account.held,
        days=_days(account, now - WINDOW, now),
        expiries=_expiries(account, now),
    )


def allotment(account: Account, *, now: datetime | None = None) -> Allotment:
    """The allotments of `account`, which must have been read together with its plan."""
    now = now or timezone.now()
    period = plans.period(account.created_at, now)
    withheld = (standing := free.standing(account)) is not None and standing.is_withheld
    following = 0 if withheld else account.plan.monthly_credits
    given = account.transfers.filter(external_id=plans.allotment_id(account, period)).first()
    # An allotment that is due but could not be granted yet follows within minutes.
    due = following if plans.allots(account, now) else 0
    return Allotment(given.amount if given else due, following, period.end)


def _days(account: Account, since: datetime, now: datetime) -> list[Day]:
    charges = account.transfers.filter(kind=Transfer.Kind.CAPTURE, created_at__gte=since)
    given_back = account.transfers.filter(
        kind=Transfer.Kind.REVERSAL,
        reverses__kind=Transfer.Kind.CAPTURE,
        reverses__created_at__gte=since,
    )
    costs = _by_day(charges, "created_at")
    costs.update(_by_day(given_back, "reverses__created_at"))
    first = since.astimezone(UTC).date()
    last = now.astimezone(UTC).date()
    return [
        Day(day, -costs[day])
        for day in (first + timedelta(days=number) for number in range((last - first).days + 1))
    ]


def _by_day(transfers: QuerySet[Transfer], moment: str) -> Counter[date]:
    totals = transfers.values(day=_UTCDay(F(moment))).annotate(total=Sum("amount")).order_by()
    return Counter({row["day"]: row["total"] for row in totals})


def _expiries(account: Account, now: datetime) -> list[Expiry]:
    """What will expire if nothing more is spent, soonest first."""
    totals: Counter[datetime] = Counter()
    for bucket in buckets.drawn(account):
        if bucket.expires_at is not None and bucket.expires_at > now:
            totals[bucket.expires_at] += bucket.remaining
    return [Expiry(expires_at, credits) for expires_at, credits in sorted(totals.items()) if credits]
