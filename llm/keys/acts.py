"""What every act on a provider key does: it locks the workspace's keys first and writes its audit event with them."""

from django.http import HttpRequest

from llm.models import KekRecord, LLMSettings
from workspaces import audit
from workspaces.models import User, Workspace


def lock(workspace: Workspace | None) -> None:
    """One writer at a time for a workspace's keys, or for the platform's."""
    if workspace is not None:
        LLMSettings.objects.get_or_create(workspace=workspace)
        LLMSettings.objects.select_for_update().get(workspace=workspace)
    else:
        # The platform has no settings row. The record of the first KEK is there before any key is.
        KekRecord.objects.order_by("first_used_at", "pk").select_for_update().first()


def record(
    workspace: Workspace | None, verb: str, by: User | None, request: HttpRequest | None, **data: object
) -> None:
    """The audit event of an act; `verb` as in `provider_key.<verb>`."""
    audit.record(workspace, f"provider_key.{verb}", actor=by, request=request, **data)
