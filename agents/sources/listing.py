"""The sources of an agent as pages show them."""

from typing import Any

from django.db.models import Case, QuerySet, When
from django.db.models.functions import Left

from agents import building
from agents.models import Agent, QAPair, Source, SourceQuerySet
from agents.sources import adding, pairs

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


def room(agent: Agent, *, used: int | None = None) -> dict[str, Any]:
    """How many sources the agent has (`used`, if that is known), and how many the plan allows.

    `excess`: how many would have to go for a new one; `unread`: of how many nothing was learnt, where some would.
    """
    used, most = building.sources_of(agent) if used is None else used, building.source_limit(agent)
    excess = 0 if most is None else max(0, used + 1 - most)
    return {
        "used": used,
        "most": most,
        "excess": excess,
        "unread": building.unread_sources_of(agent) if excess else 0,
    }


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
        "not_shown": held["used"] - shown,
        "most_shown": ROWS_SHOWN,
        "deleted_sources": adding.just_deleted(agent) if is_editor else (),
        "deleted_pairs": pairs.just_deleted(agent) if is_editor else (),
    }
