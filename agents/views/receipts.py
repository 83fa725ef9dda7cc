"""The receipt of a reply: what ran, on whose key, who paid what, and why."""

from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from agents import payers, presenting, receipts, rendering
from workspaces.access import WorkspaceRequest, viewer_required
from workspaces.models import Role, Workspace


@viewer_required
@require_GET
def receipt(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID) -> HttpResponse:
    replies = workspace.replies.select_related("workspace", "agent", "member", "conversation")
    reply = get_object_or_404(replies, pk=reply_id)
    role = Role(request.membership.role)
    receipts.hide_mask(reply, role)
    given_back = payers.given_back([reply]).get(reply.pk, 0)
    if "application/json" in request.headers.get("accept", ""):
        return JsonResponse(receipts.as_json(reply, role=role, given_back=given_back))
    rendering.complete([reply])
    context = {
        "workspace": workspace,
        "reply": reply,
        "receipt": receipts.describe(reply, role=role, given_back=given_back),
        "turn": presenting.turn(reply, role=role, given_back=given_back),
    }
    return render(request, "agents/receipt.html", context)
