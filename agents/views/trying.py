"""Trying other settings in one conversation of the playground, without changing the agent."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from agents import trying
from agents.forms import TryForm
from agents.models import Agent, Conversation
from agents.views import playground
from agents.views.agents import find_agent
from llm import outlook
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.models import Workspace


@editor_required
@require_http_methods(["GET", "POST"])
def try_settings(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """Choose what the conversation of the query string tries, or a new one."""
    agent = find_agent(workspace, agent_id)
    conversation = playground.chosen(agent, request.GET.get("conversation"))
    form = TryForm(
        request.POST or None,
        instance=trying.in_force(agent, conversation),
        workspace=workspace,
        routes=outlook.for_workspace(workspace),
    )
    if form.is_valid():
        conversation = trying.begin(agent, conversation, form.instance, user=request.membership.user)
        for note in form.notes:
            messages.warning(request, note)
        return redirect(_back(agent, conversation))
    context = {"workspace": workspace, "agent": agent, "conversation": conversation, "form": form}
    return render(request, "agents/try.html", context)


@editor_required
@require_POST
def end(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """End the trial."""
    agent = find_agent(workspace, agent_id)
    conversation = _held(agent, request)
    trying.end(conversation)
    return redirect(_back(agent, conversation))


@editor_required
@require_POST
def keep(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """Make what the conversation tries the agent's own."""
    agent = find_agent(workspace, agent_id)
    conversation = _held(agent, request)
    try:
        kept = trying.keep(agent, conversation, seen_model_id=request.POST.get("chat_model", ""))
    except trying.NotKept:
        messages.error(
            request, "The agent is as it was: what is tried here has changed, or cannot be chosen any more."
        )
    else:
        messages.success(request, f"{kept.name} answers with these settings now, on {kept.chat_model.name}.")
    return redirect(_back(agent, conversation))


def _held(agent: Agent, request: WorkspaceRequest) -> Conversation:
    chosen = playground.chosen(agent, request.POST.get("conversation"))
    return get_object_or_404(agent.conversations, pk=chosen and chosen.pk)


def _back(agent: Agent, conversation: Conversation | None) -> str:
    page = reverse("agents:playground", args=[agent.workspace.slug, agent.pk])
    return f"{page}?conversation={conversation.pk}" if conversation else page
