"""The sources of an agent, for pages."""

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
    """The sources for the agent's page, without their texts, which can be very large.

    Those in training or failed come first.
    """
    asks = Case(When(state__in=[*Source.BUSY, Source.State.FAILED], then=0), default=1)
    return agent.sources.listed().defer("text").order_by(asks, "title", "created_at")


def pages_of(site: Source) -> QuerySet[Source]:
    return site.pages.defer("text").order_by("url")[:ROWS_SHOWN]


def pair_rows(agent: Agent) -> QuerySet[QAPair]:
    """The Q&A pairs, each with the `opening` of its answer."""
    return agent.qa_pairs.defer("answer").annotate(opening=Left("answer", 121))[:ROWS_SHOWN]


def mark(source: Source) -> str:
    """A value that changes whenever the shown state of the source changes."""
    return f"{source.state} {source.done}/{source.total}"


@dataclass(frozen=True)
class SourceRoom(plans.Room):
    """`unread`: how many sources were never read, if some must be removed before one can be added."""

    unread: int


def room(agent: Agent, *, used: int | None = None) -> SourceRoom:
    """The plan's room for sources of the agent. `used`: their number, if known."""
    used = building.sources_of(agent) if used is None else used
    most = plans.limit(agent.workspace.account, "sources")
    unread = building.unread_sources_of(agent) if plans.Room(used, most).excess else 0
    return SourceRoom(used, most, unread)


def context(agent: Agent, *, is_editor: bool) -> dict[str, Any]:
    """The template context of the part of the agent's page about its sources."""
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
