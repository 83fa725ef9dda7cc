"""Shared by all acts on provider keys: locking the workspace's keys first, and writing the audit event."""

from django.http import HttpRequest

from llm.models import KekRecord, LLMSettings
from workspaces import audit
from workspaces.models import User, Workspace


def lock(workspace: Workspace | None) -> None:
    """Lock a workspace's keys, or the platform's, so that there is one writer at a time."""
    if workspace is not None:
        LLMSettings.objects.get_or_create(workspace=workspace)
        LLMSettings.objects.select_for_update().get(workspace=workspace)
    else:
        # The platform has no settings row to lock. The record of the first KEK serves instead: it exists before any
        # key.
        KekRecord.objects.order_by("first_used_at", "pk").select_for_update().first()


def record(
    workspace: Workspace | None, verb: str, by: User | None, request: HttpRequest | None, **data: object
) -> None:
    """Write the audit event `provider_key.<verb>`."""
    audit.record(workspace, f"provider_key.{verb}", actor=by, request=request, **data)
