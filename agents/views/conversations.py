"""The conversations of a workspace: finding, reading, naming, pinning, deleting, restoring and exporting them."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.http.response import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agents import conversations, exporting
from agents.filters import ConversationFilter
from agents.models import Conversation
from agents.views import turns
from workspaces.access import WorkspaceRequest, editor_required, viewer_required
from workspaces.models import Workspace


@viewer_required
@require_safe
def conversation_list(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Context: `listed`, a page of them; `form`, its filters; `deleted`, what this member may restore."""
    form = ConversationFilter(request.GET, membership=request.membership)
    wanted = form.wanted()
    listed = conversations.listed(request.membership, wanted)
    context = {
        "workspace": workspace,
        "form": form,
        "wanted": wanted,
        "listed": listed,
        "deleted": [(one, _title(one)) for one in conversations.just_deleted(request.membership)],
        "is_narrowed": any(request.GET.get(name) for name in ("q", "agent", "whose", "before")),
    }
    return render(request, "agents/conversations.html", context)


def _title(conversation: Conversation) -> str:
    return conversations.title(conversation.title, getattr(conversation, "opening", None))


def _find(workspace: Workspace, conversation_id: UUID) -> Conversation:
    try:
        return conversations.opened(workspace, conversation_id)
    except Conversation.DoesNotExist:
        raise Http404("There is no such conversation.") from None


def _find_manageable(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> Conversation:
    """The conversation. Raises PermissionDenied for an editor who may not manage it."""
    found = _find(workspace, conversation_id)
    _require_manage(request, found)
    return found


def _require_manage(request: WorkspaceRequest, conversation: Conversation) -> None:
    if not conversations.may_manage(conversation, request.membership):
        raise PermissionDenied("This is another member's conversation: an admin may change it.")


@viewer_required
@require_safe
def page(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> HttpResponse:
    """One conversation, read-only."""
    conversation = _find(workspace, conversation_id)
    context = {
        "workspace": workspace,
        "here": reverse("agents:conversation", args=[workspace.slug, conversation.pk]),
        **turns.talk(request, workspace, conversation),
        "title": _title(conversation),
        "asked_by": conversations.asked_by(conversation),
        "agent": conversation.agent,
        "may_manage": conversations.may_manage(conversation, request.membership),
        "is_pinned": conversation.pins.filter(user_id=request.membership.user_id).exists(),
    }
    return render(request, "agents/conversation.html", context)


@editor_required
@require_POST
def rename(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> HttpResponse:
    conversation = _find_manageable(request, workspace, conversation_id)
    conversations.rename(conversation, request.POST.get("title", "").replace("\0", ""))
    messages.success(request, "Saved.")
    return redirect("agents:conversation", workspace.slug, conversation.pk)


@viewer_required
@require_POST
def pin(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> HttpResponse:
    conversations.pin(_find(workspace, conversation_id), user_id=request.membership.user_id)
    return redirect("agents:conversations", workspace.slug)


@viewer_required
@require_POST
def unpin(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> HttpResponse:
    conversations.unpin(_find(workspace, conversation_id), user_id=request.membership.user_id)
    return redirect("agents:conversations", workspace.slug)


@editor_required
@require_POST
def delete(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> HttpResponse:
    """Delete a conversation. The list that is shown next offers to restore it."""
    conversations.delete(_find_manageable(request, workspace, conversation_id), request=request)
    return redirect("agents:conversations", workspace.slug)


@editor_required
@require_POST
def restore(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> HttpResponse:
    everything = Conversation.objects.filter(agent__workspace=workspace).select_related("agent__workspace")
    conversation = get_object_or_404(everything.select_related("started_by"), pk=conversation_id)
    _require_manage(request, conversation)
    if not conversations.restore(conversation, request=request) and conversation.deleted_at:
        messages.error(request, "Its ten minutes are over: it can no longer be brought back.")
        return redirect("agents:conversations", workspace.slug)
    messages.success(request, "It is back.")
    return redirect("agents:conversation", workspace.slug, conversation.pk)


@viewer_required
@require_safe
def export_markdown(
    request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID
) -> HttpResponseBase:
    return _file(_find(workspace, conversation_id), exporting.as_markdown, "md", "text/markdown")


@viewer_required
@require_safe
def export_json(request: WorkspaceRequest, workspace: Workspace, conversation_id: UUID) -> HttpResponseBase:
    return _file(_find(workspace, conversation_id), exporting.as_json, "json", "application/json")


def _file(
    conversation: Conversation,
    parts: Callable[[Conversation, str], AsyncIterator[str]],
    ending: str,
    content_type: str,
) -> StreamingHttpResponse:
    title = _title(conversation)
    name = exporting.file_name(title, conversation, ending)
    return StreamingHttpResponse(
        parts(conversation, title),
        content_type=f"{content_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
