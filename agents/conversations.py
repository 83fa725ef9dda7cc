"""Conversations as people keep them: found, named, pinned, deleted, brought back, and wiped when nobody did.

Who may do what is `Membership`'s role, and `may_manage` for what changes a conversation for everybody.
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

# One search looks through the next conversations of the list, and of these through the replies that come to so many:
# what others have written must not decide how long a page takes. The page leads on to the conversations before.
SEARCHED_CONVERSATIONS = 200
SEARCHED_REPLIES = 1_000
# Of each question and each answer.
SEARCHED_CHARACTERS = 10_000
MOST_SEARCHED_FOR = 60


@dataclass(frozen=True, slots=True)
class ConversationSearch:
    """What a list is narrowed to. `mine`: the member's own; `before`: the last reply of where the page before ended."""

    mine: bool
    agent_id: UUID | None = None
    words: str = ""
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation in a list. `ending` is that of its `last_reply`, empty while that runs; `tries` names the chat model
    that it tries in place of the agent's own, which alone tells compared ones apart.
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
    """A page of a list. `older` leads to the next one. `searched_to`: how far back the words were looked for, if not to the end."""

    pinned: list[ConversationRow] = field(default_factory=list)
    rows: list[ConversationRow] = field(default_factory=list)
    older: UUID | None = None
    searched_to: datetime | None = None


def of_workspace(workspace: Workspace) -> QuerySet[Conversation]:
    return Conversation.objects.present().filter(agent__workspace=workspace)


def may_manage(conversation: Conversation, membership: Membership) -> bool:
    """Whether they may name, delete and bring back: editors their own, admins anybody's."""
    is_own = conversation.started_by_id == membership.user_id
    return membership.is_admin or (is_own and membership.is_editor)


# --- Finding ------------------------------------------------------------------------------------


def listed(membership: Membership, wanted: ConversationSearch) -> ConversationPage:
    """A page of conversations for this member, the one last spoken in first; on the first, own pins come before."""
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
    """Conversations with `last_at`, the latest first. That is looked up for each of them, and nothing else is."""
    latest = Reply.objects.filter(conversation=OuterRef("pk")).order_by("-created_at")
    found = of_workspace(membership.workspace).annotate(last_at=Subquery(latest.values("created_at")[:1]))
    if wanted.mine:
        found = found.filter(started_by_id=membership.user_id)
    if wanted.agent_id:
        found = found.filter(agent_id=wanted.agent_id)
    return found.order_by(F("last_at").desc(nulls_last=True), "-pk")


def _after(found: QuerySet[Any], workspace: Workspace, before: UUID | None) -> QuerySet[Any]:
    """Those that come after the conversation whose last reply was `before`; all, if that is no reply of the workspace.

    The moment is compared inside the database, since SQLite keeps times as texts of different lengths.
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
    """The first of `page`, at least one, whose replies are at most `most` together."""
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
    """Replies of the outer conversation that have the words in question or answer."""
    return Reply.objects.filter(conversation=OuterRef("pk")).filter(
        _matches("question", words) | _matches("text", words)
    )


def _matches(column: str, words: str) -> Q:
    """Where `column` has `words` near its beginning, whatever the case.

    SQLite lowers A to Z alone, so that words with other letters are looked for as people write them.
    """
    searched = Lower(Left(column, SEARCHED_CHARACTERS))
    found = Q()
    for spelling in (words, words.lower(), words.upper(), words.capitalize()):
        found |= Q(GreaterThan(StrIndex(searched, Value(spelling.translate(_LOWER))), 0))
    return found


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _rows(page: Sequence[Any], membership: Membership) -> list[ConversationRow]:
    """What a list shows of each of `page`, in its order. One query."""
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
    """The opening of a conversation's first question, long enough to see that there is more."""
    asked = Reply.objects.filter(conversation=OuterRef("pk"), superseded_by=None).order_by("created_at", "pk")
    return Subquery(asked.values(opening=Left("question", TITLE_CHARACTERS + 1))[:1])


def title(given: str, opening: str | None) -> str:
    """What a conversation is called, in one line: the name it was given, else the opening of its first question."""
    return given or " ".join((opening or "").split()) or "(empty)"


def asked_by(conversation: Conversation) -> str:
    return conversation.started_by.email if conversation.started_by else "a former member"


def _tried(conversation: Conversation) -> str:
    return conversation.tried_model.name if conversation.tried_model else ""


def opened(workspace: Workspace, conversation_id: UUID) -> Conversation:
    """One conversation with its agent, who began it, and `opening`. Conversation.DoesNotExist if it is not there."""
    found = (
        of_workspace(workspace).select_related("agent__workspace", "started_by").annotate(opening=_opening())
    )
    return found.get(pk=conversation_id)


# --- Naming and pinning -------------------------------------------------------------------------


def rename(conversation: Conversation, title: str) -> None:
    """Give it a name of one line; an empty one makes the first question stand for it again."""
    Conversation.objects.filter(pk=conversation.pk).update(title=" ".join(title.split())[:TITLE_CHARACTERS])


def pin(conversation: Conversation, *, user_id: int) -> None:
    ConversationPin.objects.get_or_create(conversation=conversation, user_id=user_id)


def unpin(conversation: Conversation, *, user_id: int) -> None:
    ConversationPin.objects.filter(conversation=conversation, user_id=user_id).delete()


# --- Deleting -----------------------------------------------------------------------------------


def delete(conversation: Conversation, *, request: HttpRequest) -> None:
    """Take it out of every list; `restore` brings it back for ten minutes, then `wipe` takes it for good.

    A reply that is being written goes on, and is charged as any other. The audit event names nobody's words.
    """
    with transaction.atomic():
        taken = Conversation.objects.present().filter(pk=conversation.pk)
        if taken.update(deleted_at=Now(), deleted_by_id=request.user.pk):
            _record("conversation.deleted", conversation, request)


def restore(conversation: Conversation, *, request: HttpRequest) -> bool:
    """Bring a deleted one back; False when its time is over, or it is back already."""
    with transaction.atomic():
        back = undoable().filter(pk=conversation.pk).update(deleted_at=None, deleted_by=None)
        if back:
            _record("conversation.restored", conversation, request)
    return bool(back)


def undoable() -> QuerySet[Conversation]:
    """Deleted less than ten minutes ago."""
    return Conversation.objects.filter(deleted_at__gt=Now() - UNDO)


def just_deleted(membership: Membership) -> list[Conversation]:
    """The latest few that this member deleted and may bring back, each with `opening`."""
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
    """Delete for good what nobody brought back in time; returns how many conversations.

    Their replies stay as receipts, without question, answer and sources: what was charged is never forgotten.
    So do replies that lost their conversation otherwise, as when an agent is deleted.
    """
    gone = list(Conversation.objects.filter(deleted_at__lte=Now() - UNDO).values_list("pk", flat=True)[:100])
    Conversation.objects.filter(pk__in=gone).delete()
    while erase_some():
        pass
    return len(gone)


def erase_some() -> int:
    """Wipe the words of some replies that have ended and belong to no conversation; returns of how many."""
    orphans = Reply.objects.filter(conversation=None, erased_at=None).exclude(state__in=Reply.RUNNING)
    with transaction.atomic():
        ids = list(orphans.order_by("created_at").values_list("pk", flat=True)[:ERASED_AT_ONCE])
        ReplyRating.objects.filter(reply__in=ids).update(note="")
        # With another lease token, a run that settles late finds no row to put its text back into.
        return Reply.objects.filter(pk__in=ids).update(
            question="",
            text="",
            html="",
            sources=[],
            prompt=None,
            fingerprint="",
            lease_token=uuid4(),
            erased_at=Now(),
        )
