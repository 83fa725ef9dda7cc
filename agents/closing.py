"""Deleting a workspace: once nothing of it runs, its content is deleted; its ledger stays, without names.

What stays: the ledger (transfers, holds, buckets), receipts without texts or members, provider keys as masks without
sealed bytes, and the audit log, which is kept for its own time.
"""

from django.db import transaction
from django.http import HttpRequest

from agents import conversations
from agents.models import Agent, Reply, ReplyRating
from billing.models import Hold
from llm import byo, keys
from workspaces import members, notices, standing
from workspaces.models import Membership, Workspace


def delete(by: Membership, *, request: HttpRequest) -> None:
    """Delete the workspace of `by`, an owner, and tell those who were members. Raises NoLongerMember or OwnerProtected.

    It is emptied at once if nothing runs; else as soon as everything has ended (agents/running/duties.py).
    """
    told = standing.begin_closing(by, request=request)
    empty(by.workspace)
    notices.tell_of_deletion(by.workspace.name, told, by=by.user)


def take_round() -> int:
    """Empty every deleted workspace in which nothing runs any more; returns how many. Safe to repeat."""
    waiting = Workspace.objects.filter(closing_at__isnull=False, closed_at=None).order_by("pk")
    emptied = sum(empty(workspace) for workspace in waiting)
    if emptied:
        while conversations.erase_some():
            pass
    return emptied


@transaction.atomic
def empty(workspace: Workspace) -> bool:
    """Delete the content of a deleted workspace; False while something of it runs, and if it was done already."""
    workspace = members.lock(workspace)
    if workspace.closing_at is None or workspace.closed_at is not None or _runs(workspace):
        return False
    Agent.objects.filter(workspace=workspace).delete()
    keys.destroy(workspace)
    byo.forget(workspace)
    ReplyRating.objects.filter(reply__workspace=workspace).delete()
    Reply.objects.filter(workspace=workspace).update(member=None)
    standing.close(workspace)
    return True


def _runs(workspace: Workspace) -> bool:
    return (
        Reply.objects.filter(workspace=workspace, state__in=Reply.RUNNING).exists()
        or Hold.objects.filter(account__workspace=workspace, state=Hold.State.HELD).exists()
    )
