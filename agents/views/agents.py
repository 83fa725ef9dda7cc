"""The agents of a workspace: list, make, change, delete."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import building, leaving, moving, presenting, wording
from agents.forms import AgentForm, choosable
from agents.models import Agent
from agents.sources import listing
from agents.views.given import number_or_none, uuid_or_none
from billing.errors import LimitReached
from llm import outlook
from llm.models import ChatModel
from llm.outlook import Outlook
from workspaces.access import WorkspaceRequest, admin_required, editor_required, viewer_required
from workspaces.figures import count, grouped
from workspaces.models import Role, Workspace

MAKES_ROOM = "Archiving one does not free its place; deleting it does, which an admin can do."


@viewer_required
@require_GET
def agent_list(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    routes, role = outlook.for_workspace(workspace), Role(request.membership.role)
    agents = workspace.agents.select_related("chat_model", "workspace").order_by("status", "name")
    context = {
        "workspace": workspace,
        "rows": [_row(agent, routes, role) for agent in agents],
        "leaving": leaving.notices(agents, routes),
        "room": building.agent_room(workspace),
        "makes_room": MAKES_ROOM,
        "may_make": request.membership.is_editor and not workspace.is_suspended,
    }
    return render(request, "agents/list.html", context)


def _row(agent: Agent, routes: Outlook, role: Role) -> dict[str, Any]:
    """An agent with the prospect of its next reply and the last day of its chat model."""
    prospect = routes.prospect(agent.chat_model)
    return {
        "agent": agent,
        "prospect": prospect,
        "trouble": presenting.trouble(prospect, agent, routes, role=role),
        "last_day": routes.last_day(agent.chat_model),
    }


@editor_required
@require_http_methods(["GET", "POST"])
def create(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    form = _new_form(request, workspace)
    if form.is_valid():
        try:
            agent = building.create(form.save(commit=False), request=request)
        except LimitReached as limit:
            form.add_error(None, _no_place(limit))
        else:
            _tell(request, f"{agent.name} is ready. Give it something to answer from.", form.notes)
            return redirect(agent)
    context = {
        "workspace": workspace,
        "form": form,
        "on_provider": wording.PROVIDER_NAMES[request.GET["provider"]] if form.initial["chat_model"] else "",
        "room": building.agent_room(workspace),
        "makes_room": MAKES_ROOM,
    }
    return render(request, "agents/form.html", context)


def _new_form(request: WorkspaceRequest, workspace: Workspace) -> AgentForm:
    """The form of a new agent; with a chat model of the `provider` of the address chosen, if it names one."""
    routes, fresh = outlook.for_workspace(workspace), Agent(workspace=workspace)
    first = _first_of(workspace, routes, request.GET.get("provider", ""))
    return AgentForm(
        request.POST or None,
        workspace=workspace,
        routes=routes,
        instance=fresh,
        initial={"chat_model": first},
    )


def _no_place(limit: LimitReached) -> str:
    has = grouped(limit.limit + limit.over - 1)
    return f"The plan allows {count(limit.limit, 'agent')}, and this workspace has {has}. {MAKES_ROOM}"


def _first_of(workspace: Workspace, routes: Outlook, provider: str) -> int | None:
    """The first chat model of `provider` that stays and can be chosen; None without one, or if `provider` is empty."""
    models = choosable(workspace).filter(provider=provider) if provider in wording.PROVIDER_NAMES else ()
    return next((one.pk for one in models if not routes.is_leaving(one)), None)


@viewer_required
@require_http_methods(["GET", "POST"])
def agent_page(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """The agent's page: its settings and sources, which editors can change."""
    agent = find_agent(workspace, agent_id)
    if request.method == "POST":
        return edit(request, workspace.slug, agent_id)
    routes = outlook.for_workspace(workspace)
    form = (
        AgentForm(instance=agent, workspace=workspace, routes=routes)
        if request.membership.is_editor
        else None
    )
    return render(request, "agents/agent.html", _page(request, agent, routes, form))


@editor_required
@require_POST
def edit(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    before = building.audited_values(agent)
    routes = outlook.for_workspace(workspace)
    form = AgentForm(request.POST, instance=agent, workspace=workspace, routes=routes)
    if form.is_valid():
        building.change(form.save(commit=False), before, request=request)
        _tell(request, "Saved." if form.notes else "Saved. The next reply uses it.", form.notes)
        return redirect(agent)
    return render(request, "agents/agent.html", _page(request, agent, routes, form), status=400)


def _tell(request: WorkspaceRequest, done: str, notes: list[str]) -> None:
    """Show a success message; with notes it stays on the page until it is closed."""
    level = messages.WARNING if notes else messages.SUCCESS
    messages.add_message(request, level, " ".join([done, *notes]))


def _page(
    request: WorkspaceRequest, agent: Agent, routes: Outlook, form: AgentForm | None
) -> dict[str, object]:
    return {
        **_row(agent, routes, Role(request.membership.role)),
        "workspace": agent.workspace,
        "form": form,
        **listing.context(agent, is_editor=request.membership.is_editor),
        "leaving": leaving.notices([agent], routes),
    }


@admin_required
@require_POST
def delete(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    name = agent.name
    building.delete(agent, request=request)
    messages.success(request, f"{name} is deleted, with its sources and conversations. Receipts stay.")
    return redirect("agents:list", workspace.slug)


@admin_required
@require_http_methods(["GET", "POST"])
def change_models(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Move all agents from one chat model to another, for example when a route breaks or a model leaves.

    GET shows each choice's cost and payer, before and after.
    """
    if request.method == "POST":
        return _move_agents(request, workspace)
    leaves = _in_use(workspace, request.GET.get("from"))
    if leaves is None:
        return _nobody_runs_on_it(request, workspace)
    page = moving.page(workspace, leaves)
    return render(request, "agents/change_models.html", {"workspace": workspace, "page": page})


def _move_agents(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    models = choosable(workspace)
    to_model = get_object_or_404(models, pk=number_or_none(request.POST.get("to_model")))
    from_model = _in_use(workspace, request.POST.get("from_model"))
    if from_model is None:
        return _nobody_runs_on_it(request, workspace)
    if outlook.for_workspace(workspace).is_gone(to_model):
        messages.error(request, f"{to_model.name} was shut down by its provider: choose another model.")
        return redirect(f"{reverse('agents:change_models', args=[workspace.slug])}?from={from_model.code}")
    moved = building.change_models(workspace, from_model=from_model, to_model=to_model, request=request)
    messages.success(request, f"{count(moved, 'agent')} moved to {to_model.name}.")
    return redirect("llm:settings", workspace.slug)


def _nobody_runs_on_it(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    messages.info(request, "No agent runs on that chat model.")
    return redirect("agents:list", workspace.slug)


def _in_use(workspace: Workspace, code: str | None) -> ChatModel | None:
    """The chat model of this code, if an agent of the workspace runs on it."""
    named = uuid_or_none(code)
    return ChatModel.objects.filter(code=named, agents__workspace=workspace).first() if named else None


def find_agent(workspace: Workspace, agent_id: UUID) -> Agent:
    return get_object_or_404(
        workspace.agents.select_related("workspace__account__plan", "chat_model"), pk=agent_id
    )
