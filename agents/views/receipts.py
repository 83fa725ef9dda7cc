"""The receipt of a reply: what ran, on whose key, who paid what, and why."""

from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from agents import presenting, words
from workspaces.access import WorkspaceRequest, viewer_required
from workspaces.models import Workspace


@viewer_required
@require_GET
def receipt(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID) -> HttpResponse:
    reply = get_object_or_404(workspace.replies.select_related("workspace", "agent", "member"), pk=reply_id)
    if not request.membership.is_admin or reply.credential_kind != "workspace":
        # Masks are for admins, and of the workspace's own keys; others see only whose key it was.
        reply.credential_mask = ""
    if "application/json" in request.headers.get("accept", ""):
        return JsonResponse(presenting.as_json(reply))
    context = {
        "workspace": workspace,
        "reply": reply,
        "turn": presenting.turn(reply, for_admin=request.membership.is_admin),
        "why": words.WHY.get(reply.why, ""),
        "provider_name": words.PROVIDER_NAMES.get(reply.provider, reply.provider),
        "estimated_cost": presenting.money(reply.estimated_cost),
    }
    return render(request, "agents/receipt.html", context)
