"""Managing conversations: finding, naming, pinning, deleting, restoring, and wiping those that nobody restored.

The role in `Membership` says who may do what; `may_manage` who may change a conversation for everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Left, Lower, Now, StrIndex
from django.db.models.lookups import GreaterThan
from django.http import HttpRequest

from agents import presenting
from agents.models import Conversation, ConversationPin, Reply, ReplyRating
from workspaces import audit
from workspaces.models import Membership, Workspace

PER_PAGE = 30
PINS_SHOWN = 30
TITLE_CHARACTERS = 120
UNDO = timedelta(minutes=10)
# Replies wiped in one transaction.
ERASED_AT_ONCE = 500

# A search looks through at most so many conversations of the list, and so many of their replies, because the time
# for a page must not depend on how much others have written. The page links to a search of older ones.
SEARCHED_CONVERSATIONS = 200
SEARCHED_REPLIES = 1_000
# Characters of each question and answer that are searched.
SEARCHED_CHARACTERS = 10_000
MOST_SEARCHED_FOR = 60


@dataclass(frozen=True, slots=True)
class ConversationSearch:
    """The filters of a list.

    `mine`: only the member's own. `before`: the last reply of the conversation that ended the previous page.
    """

    mine: bool
    agent_id: UUID | None = None
    words: str = ""
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation in a list.

    `ending`: that of its `last_reply`, empty while that runs. `tries`: the chat model that it tries in place of the
    agent's own, by which compared conversations differ.
    """

    conversation: Conversation
    title: str
    asked_by: str
    tries: str
    last_at: datetime
    last_reply: UUID
    turns: int
    ending: str
    is_pinned: bool
    may_manage: bool

    @property
    def mark(self) -> presenting.EndingMark | None:
        return presenting.mark(self.ending)


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """A page of a list. `older`: the mark of the next page. `searched_to`: how far back was searched, if not to the end."""

    pinned: list[ConversationRow] = field(default_factory=list)
    rows: list[ConversationRow] = field(default_factory=list)
    older: UUID | None = None
    searched_to: datetime | None = None


def of_workspace(workspace: Workspace) -> QuerySet[Conversation]:
    return Conversation.objects.present().filter(agent__workspace=workspace)


def may_manage(conversation: Conversation, membership: Membership) -> bool:
    """Whether the member may name, delete and restore it: editors their own, admins anybody's."""
    is_own = conversation.started_by_id == membership.user_id
    return membership.is_admin or (is_own and membership.is_editor)


# --- Finding ------------------------------------------------------------------------------------


def listed(membership: Membership, wanted: ConversationSearch) -> ConversationPage:
    """A page of conversations for this member, the latest used first. On the first page, pinned ones come before all."""
    found = _narrowed(membership, wanted)
    if wanted.words:
        return _searched(found, membership, wanted)
    pins = ConversationPin.objects.filter(conversation=OuterRef("pk"), user_id=membership.user_id)
    pinned = [] if wanted.before else list(found.filter(Exists(pins))[:PINS_SHOWN])
    page = list(_after(found.exclude(Exists(pins)), membership.workspace, wanted.before)[: PER_PAGE + 1])
    rows = _rows([*pinned, *page], membership)
    shown = rows[len(pinned) :][:PER_PAGE]
    return ConversationPage(
        pinned=rows[: len(pinned)],
        rows=shown,
        older=shown[-1].last_reply if len(page) > PER_PAGE and shown else None,
    )


def _narrowed(membership: Membership, wanted: ConversationSearch) -> QuerySet[Any]:
    """The filtered conversations with `last_at`, latest first; nothing else is looked up for each."""
    latest = Reply.objects.filter(conversation=OuterRef("pk")).order_by("-created_at")
    found = of_workspace(membership.workspace).annotate(last_at=Subquery(latest.values("created_at")[:1]))
    if wanted.mine:
        found = found.filter(started_by_id=membership.user_id)
    if wanted.agent_id:
        found = found.filter(agent_id=wanted.agent_id)
    return found.order_by(F("last_at").desc(nulls_last=True), "-pk")


def _after(found: QuerySet[Any], workspace: Workspace, before: UUID | None) -> QuerySet[Any]:
    """The conversations after the one whose last reply is `before`; all, if that is no reply of the workspace.

    The time is compared in the database, because SQLite stores times as texts of different lengths.
    """
    if before is None or not workspace.replies.filter(pk=before).exists():
        return found
    anchor = workspace.replies.filter(pk=before)
    moment, conversation = anchor.values("created_at")[:1], anchor.values("conversation_id")[:1]
    return found.filter(
        Q(last_at__lt=Subquery(moment)) | Q(last_at=Subquery(moment), pk__lt=Subquery(conversation))
    )


def _searched(found: QuerySet[Any], membership: Membership, wanted: ConversationSearch) -> ConversationPage:
    """The matches among the next conversations of the list, as many as one search looks through."""
    page = list(_after(found, membership.workspace, wanted.before)[: SEARCHED_CONVERSATIONS + 1])
    looked_at = _within(SEARCHED_REPLIES, page[:SEARCHED_CONVERSATIONS])
    matching = set(
        Conversation.objects.filter(pk__in=[one.pk for one in looked_at])
        .filter(_matches("title", wanted.words) | Exists(_matching_replies(wanted.words)))
        .values_list("pk", flat=True)
    )
    rows = _rows([one for one in looked_at if one.pk in matching], membership)
    if len(looked_at) == len(page):
        return ConversationPage(rows=rows)
    latest = looked_at[-1].replies.order_by("-created_at", "-pk").values_list("pk", flat=True)
    return ConversationPage(rows=rows, older=latest.first(), searched_to=looked_at[-1].last_at)


def _within(most: int, page: Sequence[Any]) -> list[Any]:
    """The first conversations of `page`, at least one, that have at most `most` replies together."""
    counted = Reply.objects.filter(conversation__in=[one.pk for one in page]).values("conversation")
    replies = dict(counted.annotate(replies=Count("pk")).values_list("conversation", "replies"))
    taken: list[Any] = []
    for one in page:
        most -= replies.get(one.pk, 0)
        if most < 0 and taken:
            break
        taken.append(one)
    return taken


def _matching_replies(words: str) -> QuerySet[Reply]:
    """Replies of the outer query's conversation whose question or answer contains the words."""
    return Reply.objects.filter(conversation=OuterRef("pk")).filter(
        _matches("question", words) | _matches("text", words)
    )


def _matches(column: str, words: str) -> Q:
    """Whether `column` contains `words` near its beginning, ignoring case.

    SQLite lowers only A to Z, so words with other letters are searched in several spellings.
    """
    searched = Lower(Left(column, SEARCHED_CHARACTERS))
    found = Q()
    for spelling in (words, words.lower(), words.upper(), words.capitalize()):
        found |= Q(GreaterThan(StrIndex(searched, Value(spelling.translate(_LOWER))), 0))
    return found


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _rows(page: Sequence[Any], membership: Membership) -> list[ConversationRow]:
    """The rows that a list shows for `page`, in its order. One query."""
    pins = ConversationPin.objects.filter(conversation=OuterRef("pk"), user_id=membership.user_id)
    replies = Reply.objects.filter(conversation=OuterRef("pk"), superseded_by=None)
    found = Conversation.objects.filter(pk__in=[one.pk for one in page]).annotate(
        opening=_opening(),
        is_pinned=Exists(pins),
        turns=Count("replies", filter=Q(replies__superseded_by=None)),
        ending=Subquery(replies.order_by("-created_at", "-pk").values("ending")[:1]),
        last_reply=Subquery(replies.order_by("-created_at", "-pk").values("pk")[:1]),
    )
    whole = {one.pk: one for one in found.select_related("agent", "started_by", "tried_model")}
    return [
        ConversationRow(
            conversation=whole[one.pk],
            title=title(whole[one.pk].title, whole[one.pk].opening),
            asked_by=asked_by(whole[one.pk]),
            tries=_tried(whole[one.pk]),
            last_at=one.last_at,
            last_reply=whole[one.pk].last_reply,
            turns=whole[one.pk].turns,
            ending=whole[one.pk].ending or "",
            is_pinned=whole[one.pk].is_pinned,
            may_manage=may_manage(whole[one.pk], membership),
        )
        for one in page
        if one.pk in whole and one.last_at  # it may have been wiped just now
    ]


def _opening() -> Subquery:
    """The opening of a conversation's first question, long enough to see whether there is more."""
    asked = Reply.objects.filter(conversation=OuterRef("pk"), superseded_by=None).order_by("created_at", "pk")
    return Subquery(asked.values(opening=Left("question", TITLE_CHARACTERS + 1))[:1])


def title(given: str, opening: str | None) -> str:
    """The title of a conversation, in one line: its name, else the opening of its first question."""
    return given or " ".join((opening or "").split()) or "(empty)"


def asked_by(conversation: Conversation) -> str:
    return conversation.started_by.email if conversation.started_by else "a former member"


def _tried(conversation: Conversation) -> str:
    return conversation.tried_model.name if conversation.tried_model else ""


def opened(workspace: Workspace, conversation_id: UUID) -> Conversation:
    """One conversation with its agent, the person who began it, and `opening`. Raises Conversation.DoesNotExist."""
    found = (
        of_workspace(workspace).select_related("agent__workspace", "started_by").annotate(opening=_opening())
    )
    return found.get(pk=conversation_id)


# --- Naming and pinning -------------------------------------------------------------------------


def rename(conversation: Conversation, title: str) -> None:
    """Give the conversation a name of one line; with an empty name its first question is the title again."""
    Conversation.objects.filter(pk=conversation.pk).update(title=" ".join(title.split())[:TITLE_CHARACTERS])


def pin(conversation: Conversation, *, user_id: int) -> None:
    ConversationPin.objects.get_or_create(conversation=conversation, user_id=user_id)


def unpin(conversation: Conversation, *, user_id: int) -> None:
    ConversationPin.objects.filter(conversation=conversation, user_id=user_id).delete()


# --- Deleting -----------------------------------------------------------------------------------


def delete(conversation: Conversation, *, request: HttpRequest) -> None:
    """Remove the conversation from every list.

    `restore` can bring it back for ten minutes; then `wipe` deletes it for good.

    A running reply goes on, and is charged like any other. The audit event contains no text of the conversation.
    """
    with transaction.atomic():
        taken = Conversation.objects.present().filter(pk=conversation.pk)
        if taken.update(deleted_at=Now(), deleted_by_id=request.user.pk):
            _record("conversation.deleted", conversation, request)


def restore(conversation: Conversation, *, request: HttpRequest) -> bool:
    """Restore a deleted conversation; False when its time is over, or if it was restored already."""
    with transaction.atomic():
        back = undoable().filter(pk=conversation.pk).update(deleted_at=None, deleted_by=None)
        if back:
            _record("conversation.restored", conversation, request)
    return bool(back)


def undoable() -> QuerySet[Conversation]:
    """Conversations deleted less than ten minutes ago."""
    return Conversation.objects.filter(deleted_at__gt=Now() - UNDO)


def just_deleted(membership: Membership) -> list[Conversation]:
    """The latest few that this member deleted and may restore, each with `opening`."""
    mine = undoable().filter(agent__workspace=membership.workspace, deleted_by_id=membership.user_id)
    found = mine.select_related("agent").annotate(opening=_opening()).order_by("-deleted_at")[:3]
    return [one for one in found if may_manage(one, membership)]


def _record(action: str, conversation: Conversation, request: HttpRequest) -> None:
    audit.record(
        conversation.agent.workspace,
        action,
        request=request,
        agent=conversation.agent.name,
        asked_by=asked_by(conversation),
        conversation=str(conversation.pk),
    )


def wipe() -> int:
    """Delete for good the conversations that nobody restored in time; returns how many.

    Their replies stay as receipts without question, answer and sources, because charges are never deleted. The same
    is done to replies without a conversation, whose agent was deleted.
    """
    gone = list(Conversation.objects.filter(deleted_at__lte=Now() - UNDO).values_list("pk", flat=True)[:100])
    Conversation.objects.filter(pk__in=gone).delete()
    while erase_some():
        pass
    return len(gone)


def erase_some() -> int:
    """Delete the texts of some ended replies that belong to no conversation; returns how many."""
    orphans = Reply.objects.filter(conversation=None, erased_at=None).exclude(state__in=Reply.RUNNING)
    with transaction.atomic():
        ids = list(orphans.order_by("created_at").values_list("pk", flat=True)[:ERASED_AT_ONCE])
        ReplyRating.objects.filter(reply__in=ids).update(note="")
        # With a new lease token, a run that settles late matches no row, so it cannot put its text back.
        return Reply.objects.filter(pk__in=ids).update(
            **Reply.TEXTS, fingerprint="", lease_token=uuid4(), erased_at=Now()
        )
