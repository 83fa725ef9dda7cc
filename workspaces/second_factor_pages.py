"""The setting of a workspace that requires a second factor of its members."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from workspaces import members, second_factors
from workspaces.access import WorkspaceRequest, admin_required
from workspaces.errors import NoOwnFactor
from workspaces.models import Workspace
from workspaces.reauth import ask_again, is_recent

LACKING_SHOWN = 200
REQUIRED = "{name} now lets in members with a second factor only."
NOT_REQUIRED = "Members of {name} need no second factor any more."


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def setting_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Context: `lacking_count`, how many members would lose access; `lacking`, some of them; `has_one`, for the reader."""
    if request.method == "POST":
        return _set(request, workspace)
    lacking = second_factors.lacking_in(workspace)
    context = {
        "workspace": workspace,
        "has_one": second_factors.has_one(request.membership.user),
        "lacking": lacking.order_by("user__email")[:LACKING_SHOWN],
        "lacking_count": lacking.count(),
    }
    return render(request, "workspaces/second_factor_setting.html", context)


def _set(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    here = reverse("workspaces:second_factor_setting", args=[workspace.slug])
    if not is_recent(request):
        return ask_again(here)
    required = request.POST.get("required") == "on"
    now = REQUIRED if required else NOT_REQUIRED
    try:
        if members.require_second_factor(
            workspace, required=required, by=request.membership.user, request=request
        ):
            messages.success(request, now.format(name=workspace.name))
    except NoOwnFactor as refusal:
        messages.error(request, str(refusal))
    return redirect(here)
