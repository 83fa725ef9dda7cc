"""Rating a reply: a plain form gets the page again, a script gets the new buttons."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST

from agents import rating, refusals
from agents.models import Reply, ReplyRating
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.models import Workspace

NOT_RATABLE = "There is nothing to rate here: the answer is still being written, or it was deleted."
UNREADABLE = "This is no rating that could be kept. Reload the page and try again."


class RatingForm(forms.Form):
    """An empty `value` removes the rating."""

    value = forms.ChoiceField(required=False, choices=ReplyRating.Value.choices)
    reason = forms.ChoiceField(required=False, choices=ReplyRating.Reason.choices)
    note = forms.CharField(required=False, max_length=ReplyRating.NOTE_CHARACTERS)


@editor_required
@require_POST
def rate(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID) -> HttpResponse:
    replies = workspace.replies.select_related("conversation").defer("text", "html")
    reply = get_object_or_404(replies, pk=reply_id)
    form = RatingForm(request.POST)
    if not form.is_valid():
        return _refused(request, reply, "malformed", UNREADABLE, 400)
    try:
        rated = _keep(request, reply, **form.cleaned_data)
    except rating.NotRatable:
        return _refused(request, reply, "not_ratable", NOT_RATABLE, 409)
    if _wants_json(request):
        context = {"workspace": workspace, "reply": reply, "rating": rated}
        html = render_to_string("agents/_rating.html", context, request)
        return JsonResponse({"value": rated.value if rated else "", "html": html})
    return redirect(_back(workspace, reply))


def _keep(request: WorkspaceRequest, reply: Reply, *, value: str, **why: Any) -> ReplyRating | None:
    member = request.membership.user
    if value:
        return rating.rate(reply, member=member, value=value, **why)
    rating.take_back(reply, member=member)
    return None


def _wants_json(request: WorkspaceRequest) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _refused(request: WorkspaceRequest, reply: Reply, code: str, words: str, status: int) -> HttpResponse:
    if _wants_json(request):
        return refusals.as_json(code, status=status, message=words)
    messages.error(request, words)
    return redirect(_back(request.membership.workspace, reply))


def _back(workspace: Workspace, reply: Reply) -> str:
    """Redirect to the turn in its conversation, or to the receipt if there is no conversation."""
    if not reply.is_readable or reply.agent_id is None:
        return reverse("agents:receipt", args=[workspace.slug, reply.pk])
    page = reverse("agents:playground", args=[workspace.slug, reply.agent_id])
    return f"{page}?conversation={reply.conversation_id}&reply={reply.pk}#reply-{reply.pk}"
