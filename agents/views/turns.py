"""Turns on pages of conversations, and a turn's own pages other than its receipt: its text, its earlier versions."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from agents import presenting, rating, turns
from agents.models import Conversation, Reply
from agents.views.given import uuid_or_none
from workspaces.access import WorkspaceRequest, viewer_required
from workspaces.models import Role, Workspace


def asked_for(request: HttpRequest, conversation: Conversation) -> turns.Stretch:
    """The turns that the query string asks for: around `reply`, before `before`, or the latest."""
    if named := uuid_or_none(request.GET.get("reply")):
        return turns.around(conversation, named)
    if end := uuid_or_none(request.GET.get("before")):
        return turns.before(conversation, end)
    return turns.latest(conversation)


def talk(
    request: WorkspaceRequest, workspace: Workspace, conversation: Conversation | None
) -> dict[str, Any]:
    """The part of a page's context that shows the turns of a conversation to a member."""
    member = request.membership
    stretch = asked_for(request, conversation) if conversation else turns.Stretch([])
    for reply in stretch.replies:
        reply.workspace = workspace
    earlier = turns.versions_among(stretch.replies)
    return {
        "conversation": conversation,
        "stretch": stretch,
        "turns": presenting.turns(stretch.replies, role=Role(member.role), earlier=earlier),
        "ratings": rating.own(stretch.replies, member.user_id),
        "may_judge": member.is_editor,
    }


@viewer_required
@require_GET
def text(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID) -> HttpResponse:
    """The answer as the model wrote it, in Markdown; the Copy button copies this."""
    reply = get_object_or_404(turns.readable(workspace).only("text"), pk=reply_id)
    return HttpResponse(reply.text, content_type="text/plain; charset=utf-8")


@viewer_required
@require_GET
def versions(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID) -> HttpResponse:
    """The earlier versions of this turn, latest first, each with the turns that followed it."""
    reply = get_object_or_404(turns.readable(workspace).select_related("agent"), pk=reply_id)
    found = turns.versions_of(reply)
    shown = _shown([one for version in found for one in version], request, workspace)
    context = {
        "workspace": workspace,
        "reply": reply,
        "agent": reply.agent,
        "versions": [[shown[one.pk] for one in version] for version in found],
    }
    return render(request, "agents/versions.html", context)


def _shown(
    replies: list[Reply], request: WorkspaceRequest, workspace: Workspace
) -> dict[UUID, presenting.ShownTurn]:
    for reply in replies:
        reply.workspace = workspace
    return {turn.reply.pk: turn for turn in presenting.turns(replies, role=Role(request.membership.role))}
