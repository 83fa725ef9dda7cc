"""An agent's activity page: its replies, filtered and paged, with links to receipts and conversations."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agents import activity
from agents.filters import ActivityFilter
from agents.views.agents import find_agent
from workspaces.access import WorkspaceRequest, viewer_required
from workspaces.models import Workspace


@viewer_required
@require_safe
def page(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = ActivityFilter(request.GET, workspace=workspace)
    wanted = form.wanted()
    context = {
        "workspace": workspace,
        "agent": agent,
        "form": form,
        "wanted": wanted,
        "page": activity.page(agent, wanted),
        "is_narrowed": wanted != activity.ActivitySearch(),
    }
    return render(request, "agents/activity.html", context)
