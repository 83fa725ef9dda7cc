"""Plans: what a workspace gets each month, and how much it may have.

A *period* runs from the account's opening to the same day and time of the next month, in UTC. An
account opened on the 31st renews on the last day of a shorter month, and on the 31st again after it.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.errors import LimitReached
from billing.models import Account, Plan
from workspaces import limits_reached
from workspaces.models import Workspace

LIMITS = {"agents": "agent_limit", "seats": "seat_limit", "sources": "source_limit"}


@dataclass(frozen=True)
class Period:
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Room:
    """How many are `used` of something that a plan limits, and the most that the plan allows; None for no limit."""

    used: int
    most: int | None

    @property
    def excess(self) -> int:
        """How many would have to be removed before one can be added."""
        return 0 if self.most is None else max(0, self.used + 1 - self.most)


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time `months` later, or the month's last day where it is too short."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def period(anchor: datetime, moment: datetime) -> Period:
    """The period that `moment` falls in, counted from `anchor`; the first period for a moment before `anchor`."""
    anchor, moment = anchor.astimezone(UTC), moment.astimezone(UTC)
    months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
    if add_months(anchor, months) > moment:
        months -= 1
    months = max(months, 0)
    return Period(add_months(anchor, months), add_months(anchor, months + 1))


def allotment_id(account: Account, of: Period) -> str:
    """The external id of the transfer that grants a period's allotment."""
    return f"allotment:{account.pk}:{of.start:%Y-%m-%d}"


def allots(account: Account, moment: datetime) -> bool:
    """Whether the plan gives its allotment at `moment`: a changed plan begins to with the next period."""
    return account.allots_from is None or account.allots_from <= moment


def limit(account: Account, what: str) -> int | None:
    """How many `what` (agents, seats, sources per agent) the account's plan allows; None for no limit."""
    return getattr(account.plan, LIMITS[what])


def require(account: Account, what: str, count: int, *, agent_name: str = "") -> None:
    """Raises LimitReached, and notes it so that the admins are mailed, unless the plan allows `count` of `what` in all.

    `agent_name`: of the agent whose sources are counted.
    """
    most = limit(account, what)
    if most is not None and count > most:
        limits_reached.note(account.workspace_id, what, most, agent_name=agent_name)
        raise LimitReached(what=what, limit=most, over=count - most)


def default() -> Plan:
    """The plan of a new workspace. Raises Plan.DoesNotExist."""
    return Plan.objects.get(is_default=True)


def unmark_default() -> None:
    """Unmark the default plan, so that another can be marked in the same transaction."""
    Plan.objects.filter(is_default=True).update(is_default=False)


def seats_of(workspace: Workspace) -> int | None:
    """How many seats the workspace's plan has; None for no limit, and for a workspace without an account."""
    account = Account.objects.select_related("plan").filter(workspace=workspace).first()
    return account.plan.seat_limit if account else None
