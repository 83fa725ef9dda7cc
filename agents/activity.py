"""An agent's activity, reply by reply: who asked, what ran, who paid, how it ended, and how it was rated."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Left

from agents import paging, payers, presenting
from agents.models import Agent, Reply, ReplyRating

PER_PAGE = 50
OPENING = 121
# The filter's value for replies without a rating.
NOT_RATED = "none"


@dataclass(frozen=True, slots=True)
class ActivitySearch:
    """The filters of the list; None and "" do not filter. Days are UTC days. `rating`: a value of one, or NOT_RATED."""

    since: date | None = None
    until: date | None = None
    member_id: int | None = None
    chat_model: str = ""
    payer: str = ""
    rating: str = ""
    ending: str = ""
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """One reply. `opening` is empty if its text is deleted, or about to be."""

    reply: Reply
    opening: str
    badge: payers.Badge
    mark: presenting.EndingMark | None
    ratings: list[ReplyRating]

    @property
    def is_readable(self) -> bool:
        """Whether the conversation still shows the reply."""
        return (
            bool(self.opening) and self.reply.conversation_id is not None and not self.reply.superseded_by_id
        )


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """`older`: the mark of the next page."""

    rows: list[ReplyRow]
    older: UUID | None


def page(agent: Agent, wanted: ActivitySearch) -> ActivityPage:
    """A page of the agent's replies, latest first.

    Three queries; one more if any was rated, and one if any was charged.
    """
    found = _narrowed(agent, wanted)
    if wanted.before and agent.replies.filter(pk=wanted.before).exists():
        found = found.filter(paging.earlier_than(wanted.before))
    replies = list(found[: PER_PAGE + 1])
    shown = replies[:PER_PAGE]
    back = payers.given_back(shown)
    rows = [_row(reply, back.get(reply.pk, 0)) for reply in shown]
    return ActivityPage(rows, shown[-1].pk if len(replies) > len(shown) else None)


def _narrowed(agent: Agent, wanted: ActivitySearch) -> QuerySet[Reply]:
    found = agent.replies.order_by("-created_at", "-pk")
    if wanted.since:
        found = found.filter(created_at__gte=_midnight(wanted.since))
    if wanted.until:
        found = found.filter(created_at__lt=_midnight(wanted.until) + timedelta(days=1))
    if wanted.member_id:
        found = found.filter(member_id=wanted.member_id)
    if wanted.chat_model:
        found = found.filter(model_name=wanted.chat_model)
    if wanted.payer:
        found = found.filter(payers.paid_by(wanted.payer, agent.workspace_id))
    if wanted.ending:
        found = found.filter(ending=wanted.ending)
    if wanted.rating:
        found = found.filter(_rated(wanted.rating))
    ratings = Prefetch("ratings", ReplyRating.objects.select_related("member").order_by("rated_at"))
    return (
        found.defer(*Reply.TEXTS)
        .annotate(opening=Left("question", OPENING))
        .select_related("member", "conversation")
        .prefetch_related(ratings)
    )


def _rated(rating: str) -> Q:
    ratings = ReplyRating.objects.filter(reply=OuterRef("pk"))
    return Q(~Exists(ratings)) if rating == NOT_RATED else Q(Exists(ratings.filter(value=rating)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _row(reply: Reply, given_back: int) -> ReplyRow:
    deleted = reply.conversation is not None and reply.conversation.deleted_at is not None
    return ReplyRow(
        reply,
        opening="" if deleted else " ".join(getattr(reply, "opening", "").split()),
        badge=payers.badge(reply, given_back=given_back),
        mark=presenting.mark(reply.ending),
        ratings=list(reply.ratings.all()),
    )
