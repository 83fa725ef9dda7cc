"""Members' ratings of replies: one per member and reply, which can be changed and removed."""

from collections.abc import Sequence
from uuid import UUID

from agents.models import Reply, ReplyRating
from workspaces.models import User


class NotRatable(Exception):
    """The reply is still running, or its text was deleted."""


def rate(reply: Reply, *, member: User, value: str, reason: str = "", note: str = "") -> ReplyRating:
    """Store `member`'s rating of `reply`, replacing an earlier one. Raises NotRatable if there is nothing to rate.

    `value` and `reason` are choices of ReplyRating; only "down" has a reason.
    """
    if reply.is_running or not reply.is_readable or reply.erased_at:
        raise NotRatable
    rated, _ = ReplyRating.objects.update_or_create(
        reply=reply,
        member=member,
        defaults={
            "value": value,
            "reason": reason if value == ReplyRating.Value.DOWN else "",
            "note": " ".join(note.split())[: ReplyRating.NOTE_CHARACTERS],
        },
    )
    return rated


def take_back(reply: Reply, *, member: User) -> None:
    ReplyRating.objects.filter(reply=reply, member=member).delete()


def own(replies: Sequence[Reply], user_id: int) -> dict[UUID, ReplyRating]:
    """This member's ratings of `replies`, by reply. One query; none without replies."""
    found = ReplyRating.objects.filter(reply__in=[reply.pk for reply in replies], member_id=user_id)
    return {one.reply_id: one for one in found} if replies else {}
