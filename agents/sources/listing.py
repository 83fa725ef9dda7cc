"""The sources of an agent as pages show them."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, QuerySet, When
from django.db.models.functions import Left

from agents import building
from agents.models import Agent, QAPair, Source, SourceQuerySet
from agents.sources import adding, pairs
from billing import plans

ROWS_SHOWN = 200


def rows(agent: Agent) -> SourceQuerySet:
    """What the agent's page lists, without the texts: not two hundred books.

    First what is being trained or has failed.
    """
    asks = Case(When(state__in=[*Source.BUSY, Source.State.FAILED], then=0), default=1)
    return agent.sources.listed().defer("text").order_by(asks, "title", "created_at")


def pages_of(site: Source) -> QuerySet[Source]:
    return site.pages.defer("text").order_by("url")[:ROWS_SHOWN]


def pair_rows(agent: Agent) -> QuerySet[QAPair]:
    """The Q&A pairs, each with the `opening` of its answer."""
    return agent.qa_pairs.defer("answer").annotate(opening=Left("answer", 121))[:ROWS_SHOWN]


def mark(source: Source) -> str:
    """Changes whenever what a page shows of the source does."""
    return f"{source.state} {source.done}/{source.total}"


@dataclass(frozen=True)
class SourceRoom(plans.Room):
    """`unread`: of how many sources nothing was learnt, where some would have to go for a new one."""

    unread: int


def room(agent: Agent, *, used: int | None = None) -> SourceRoom:
    """The plan's room for sources of the agent; `used`, if that is known."""
    used = building.sources_of(agent) if used is None else used
    most = plans.limit(agent.workspace.account, "sources")
    unread = building.unread_sources_of(agent) if plans.Room(used, most).excess else 0
    return SourceRoom(used, most, unread)


def context(agent: Agent, *, is_editor: bool) -> dict[str, Any]:
    """What the part of the agent's page about its sources is made of."""
    sources, found = list(rows(agent)[:ROWS_SHOWN]), list(pair_rows(agent))
    all_shown = max(len(sources), len(found)) < ROWS_SHOWN
    shown = len(sources) + len(found)
    held = room(agent, used=shown if all_shown else None)
    return {
        "sources": sources,
        "is_busy": any(source.is_busy for source in sources),
        "qa_pairs": found,
        "room": held,
        "not_shown": held.used - shown,
        "most_shown": ROWS_SHOWN,
        "deleted_sources": adding.just_deleted(agent) if is_editor else (),
        "deleted_pairs": pairs.just_deleted(agent) if is_editor else (),
    }
