"""Ending the replies of a workspace that operators have suspended or an owner has deleted.

They end uncharged, because no member pressed Stop: the holds are freed first, then each run learns within a
second that it is to stop, and settles free of charge. A reply without a run is left to the sweep.
"""

from django.db.models import Q

from agents.models import Reply
from billing import holds
from billing.models import Account
from workspaces.models import Workspace


def end_all_of(workspace: Workspace) -> None:
    """End them. Called in the transaction that suspends or deletes, and later for replies accepted at that moment."""
    running = Reply.objects.filter(workspace=workspace, state__in=Reply.RUNNING)
    ids = list(running.values_list("pk", flat=True))
    if not ids:
        return
    holds.end_leases(ids)
    for account_id in Account.objects.filter(workspace=workspace).values_list("pk", flat=True):
        holds.expire_due(account_id)
    Reply.objects.filter(pk__in=ids).update(stop_requested=True)


def end_where_none_may_run() -> None:
    """End replies that were accepted at the very moment of a suspension or deletion."""
    stopped = Q(suspended_at__isnull=False) | Q(closing_at__isnull=False)
    for workspace in Workspace.objects.filter(stopped, replies__state__in=Reply.RUNNING).distinct():
        end_all_of(workspace)
