"""Replies in the order they were asked, a page at a time: what comes before or after one of them.

Moments are compared inside the database. SQLite keeps a time as a text, the server writes milliseconds, and Django asks
with microseconds: as texts, a moment that was read and the same moment in its row are not equal.
"""

from uuid import UUID

from django.db.models import Q, Subquery

from agents.models import Reply


def earlier_than(reply_id: UUID) -> Q:
    """Of replies: those before that one. None at all, if there is no such reply."""
    moment = _moment(reply_id)
    return Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=reply_id)


def later_than(reply_id: UUID) -> Q:
    """Of replies: those after that one. None at all, if there is no such reply."""
    moment = _moment(reply_id)
    return Q(created_at__gt=moment) | Q(created_at=moment, pk__gt=reply_id)


def _moment(reply_id: UUID) -> Subquery:
    return Subquery(Reply.objects.filter(pk=reply_id).values("created_at")[:1])
