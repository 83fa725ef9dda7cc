"""Replies of a workspace that may run none any more: operators have suspended it, or an owner has deleted it.

They are ended uncharged, as nobody of the workspace pressed Stop: the hold goes first, then each run hears within a
second that it is to stop, and settles free of charge. One that nobody runs is left to the sweep.
"""

from django.db.models import Q

from agents.models import Reply
from billing import holds
from billing.models import Account
from workspaces.models import Workspace


def end_all_of(workspace: Workspace) -> None:
    """Inside the transaction that ends the workspace's work; and again later, for what slipped in beside it."""
    running = Reply.objects.filter(workspace=workspace, state__in=Reply.RUNNING)
    ids = list(running.values_list("pk", flat=True))
    if not ids:
        return
    holds.end_leases(ids)
    for account_id in Account.objects.filter(workspace=workspace).values_list("pk", flat=True):
        holds.expire_due(account_id)
    Reply.objects.filter(pk__in=ids).update(stop_requested=True)


def end_where_none_may_run() -> None:
    """A reply that was let in at the moment of a suspension or deletion is ended as well."""
    stopped = Q(suspended_at__isnull=False) | Q(closing_at__isnull=False)
    for workspace in Workspace.objects.filter(stopped, replies__state__in=Reply.RUNNING).distinct():
        end_all_of(workspace)
