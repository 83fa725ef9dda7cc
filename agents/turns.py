"""The turns of a conversation that a page shows: the latest, those before or around a turn, or earlier versions.

A turn that was replaced by another (Reply.superseded_by) is an earlier version, and is shown only as one. Each
function makes a constant number of queries and reads at most TURNS_SHOWN texts, however long the conversation is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import Length

from agents import markdown, paging, rendering
from agents.models import Conversation, Reply
from workspaces.models import Workspace

TURNS_SHOWN = 50
# The most characters of texts and HTML on a page: enough for a few of the longest answers, or fifty ordinary ones.
PAGE_CHARACTERS = 4 * markdown.MOST_HTML
# How many turns are shown after the turn that a link names.
TURNS_AFTER = 10
# How many of a conversation's latest earlier versions are counted.
VERSIONS_COUNTED = 2_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring turns with their HTML, oldest first; and whether there are earlier and later ones."""

    replies: list[Reply]
    has_earlier: bool = False
    has_later: bool = False


def readable(workspace: Workspace) -> QuerySet[Reply]:
    """The workspace's replies of which `is_readable` holds."""
    return workspace.replies.filter(conversation__isnull=False, conversation__deleted_at=None)


def latest(conversation: Conversation) -> Stretch:
    return _up_to(conversation, None)


def before(conversation: Conversation, reply_id: UUID) -> Stretch:
    """The turns before that one; the latest if it is not of this conversation."""
    if not _current(conversation).filter(pk=reply_id).exists():
        return latest(conversation)
    return _stretch(_current(conversation).filter(paging.earlier_than(reply_id)), has_later=True)


def around(conversation: Conversation, reply_id: UUID) -> Stretch:
    """The stretch around that turn; the latest if it is not of this conversation."""
    current = _current(conversation)
    if not current.filter(pk=reply_id).exists():
        return latest(conversation)
    later = current.filter(paging.later_than(reply_id)).order_by("created_at", "pk")
    after = later.values_list("pk", flat=True)[TURNS_AFTER : TURNS_AFTER + 1]
    end = next(iter(after), None)
    found = _up_to(conversation, end)
    if end and reply_id not in {reply.pk for reply in found.replies}:
        return _up_to(conversation, reply_id)  # the turns after it would fill the whole page
    return found


def _up_to(conversation: Conversation, last: UUID | None) -> Stretch:
    current = _current(conversation)
    if last is not None:
        current = current.filter(paging.earlier_than(last) | Q(pk=last))
    return _stretch(current, has_later=last is not None)


def _current(conversation: Conversation) -> QuerySet[Reply]:
    return conversation.replies.filter(superseded_by=None)


def _stretch(turns: QuerySet[Reply], *, has_later: bool) -> Stretch:
    """The last of `turns`, oldest first, as many as a page has room for, with HTML but without their plain texts."""
    last = turns.order_by("-created_at", "-pk").values("pk")[: TURNS_SHOWN + 1]
    so_far = Window(Sum(Length("html") + Length("text")), order_by=[F("created_at").desc(), F("pk").desc()])
    found = (
        with_versions(Reply.objects.filter(pk__in=last))
        .defer("text")
        .annotate(so_far=so_far, in_all=Window(Count("pk")))
    )
    read = list(found.filter(so_far__lte=PAGE_CHARACTERS).order_by("created_at", "pk"))
    shown: list[Reply] = [*read[-TURNS_SHOWN:]]
    rendering.complete(shown)
    shown = _within(PAGE_CHARACTERS, shown)
    return Stretch(shown, has_earlier=bool(read) and read[0].in_all > len(shown), has_later=has_later)


def _within(most: int, shown: list[Reply]) -> list[Reply]:
    """The latest of `shown` whose HTML has at most `most` characters together.

    Checked again, because some HTML was just made.
    """
    left = most
    for place, reply in enumerate(reversed(shown)):
        left -= len(reply.html)
        if left < 0:
            return shown[len(shown) - place :]
    return shown


# --- Earlier versions ----------------------------------------------------------------------------


class Versions:
    """Which turns of a conversation were replaced, and by which reply."""

    def __init__(self, by: dict[UUID, UUID]) -> None:
        """`by`: the replacing reply of each replaced one, oldest first."""
        self._by = by
        self._replaced: dict[UUID, list[UUID]] = {}
        for reply_id, later in by.items():
            self._replaced.setdefault(later, []).append(reply_id)

    def of(self, reply_id: UUID) -> list[list[UUID]]:
        """The earlier versions of a turn, latest first. Each is the old turn with the turns that followed it."""
        found: list[list[UUID]] = []
        while replaced := self._replaced.get(reply_id):
            found.append(replaced)
            reply_id = replaced[0]
        return found

    def current(self, reply_id: UUID) -> UUID:
        """The turn that is shown in place of that one; itself if it was not replaced."""
        while reply_id in self._by:
            reply_id = self._by[reply_id]
        return reply_id


def with_versions(replies: QuerySet[Reply]) -> QuerySet[Reply]:
    """`replies`, annotated for `versions_among` with whether they have earlier versions."""
    return replies.annotate(has_versions=Exists(Reply.objects.filter(superseded_by=OuterRef("pk"))))


def versions_among(replies: Sequence[Reply]) -> Versions:
    """The earlier versions of turns of one conversation. No query if there are none, as in most conversations."""
    of = next((reply for reply in replies if getattr(reply, "has_versions", False)), None)
    return versions(of.conversation_id) if of else Versions({})


def versions(conversation_id: UUID | None) -> Versions:
    replaced = Reply.objects.filter(conversation=conversation_id).exclude(superseded_by=None)
    replaced = replaced.order_by("-created_at", "-pk")
    rows = list(replaced.values_list("pk", "superseded_by_id")[:VERSIONS_COUNTED])
    return Versions({reply_id: later for reply_id, later in reversed(rows) if later is not None})


def versions_of(reply: Reply) -> list[list[Reply]]:
    """The earlier versions of a turn with their HTML, latest first, as many as a page has room for."""
    known = versions(reply.conversation_id).of(reply.pk)
    wanted = [one for version in known for one in version][:TURNS_SHOWN]
    stretch = _stretch(Reply.objects.filter(pk__in=wanted), has_later=False)
    shown = {one.pk: one for one in stretch.replies}
    found = [[shown[one] for one in version if one in shown] for version in known]
    return [version for version in found if version]
