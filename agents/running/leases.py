"""Whether any server is writing replies right now, for commands that must not run at the same time."""

from datetime import timedelta

from django.conf import settings
from django.db import connections
from django.db.models.functions import Now

from agents.models import Reply
from billing.models import Hold


def live_leases(using: str = "default") -> int:
    """How many replies in that database hold an unexpired lease; 0 when it has no tables yet."""
    present = set(connections[using].introspection.table_names())
    if not {Reply._meta.db_table, Hold._meta.db_table} <= present:
        return 0
    lasting = Now() - timedelta(seconds=settings.LEASE_SECONDS)
    replies = Reply.objects.using(using).filter(state__in=Reply.RUNNING, renewed_at__gt=lasting)
    holds = Hold.objects.using(using).filter(state=Hold.State.HELD, renewed_at__gt=lasting)
    return len({*replies.values_list("pk", flat=True), *holds.values_list("reply_id", flat=True)})


def replies_are(count: int) -> str:
    """The count as the beginning of a sentence: "a reply is", "3 replies are"."""
    return "a reply is" if count == 1 else f"{count} replies are"
