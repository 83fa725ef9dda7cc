"""The last part of a workspace's deletion: once nothing of it runs, all that it held goes, and its ledger stays without names.

What stays: the ledger (transfers, holds, buckets), receipts without words and without who asked, provider keys as masks
whose sealed bytes are gone, and the audit log, which nothing deletes before its time.
"""

import uuid

from django.db import transaction
from django.db.models.functions import Now

from agents import conversations
from agents.models import Agent, Reply, ReplyRating
from billing.models import Hold
from llm import keys
from llm.models import ChatModel, LLMSettings
from workspaces import audit, members
from workspaces.models import PastAddress, Workspace

NAME = "Deleted workspace"


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
    """Take away what a deleted workspace held; False while something of it runs, and where it is done already."""
    workspace = members.lock(workspace)
    if workspace.closing_at is None or workspace.closed_at is not None or _runs(workspace):
        return False
    Agent.objects.filter(workspace=workspace).delete()
    keys.destroy(workspace)
    ChatModel.objects.filter(workspace=workspace).delete()
    LLMSettings.objects.filter(workspace=workspace).delete()
    ReplyRating.objects.filter(reply__workspace=workspace).delete()
    Reply.objects.filter(workspace=workspace).update(member=None)
    # Nobody else gets its address: old links must not lead into another workspace.
    PastAddress.objects.get_or_create(slug=workspace.slug, defaults={"workspace": workspace})
    Workspace.objects.filter(pk=workspace.pk).update(
        name=NAME, slug=f"deleted-{uuid.uuid4().hex}", created_by=None, suspended_for="", closed_at=Now()
    )
    audit.record(workspace, "workspace.emptied")
    return True


def _runs(workspace: Workspace) -> bool:
    return (
        Reply.objects.filter(workspace=workspace, state__in=Reply.RUNNING).exists()
        or Hold.objects.filter(account__workspace=workspace, state=Hold.State.HELD).exists()
    )
