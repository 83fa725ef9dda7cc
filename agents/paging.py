"""Paging through replies in the order they were asked: those before or after a given one.

Times are compared in the database. SQLite stores a time as text, our SQL writes milliseconds and Django queries with
microseconds, so a time that was read would not equal the same time in its row.
"""

from uuid import UUID

from django.db.models import Q, Subquery

from agents.models import Reply


def earlier_than(reply_id: UUID) -> Q:
    """The replies before that one; none if there is no such reply."""
    moment = _moment(reply_id)
    return Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=reply_id)


def later_than(reply_id: UUID) -> Q:
    """The replies after that one; none if there is no such reply."""
    moment = _moment(reply_id)
    return Q(created_at__gt=moment) | Q(created_at=moment, pk__gt=reply_id)


def _moment(reply_id: UUID) -> Subquery:
    return Subquery(Reply.objects.filter(pk=reply_id).values("created_at")[:1])
