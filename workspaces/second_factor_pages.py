"""The setting of a workspace that requires a second factor of its members."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from workspaces import members, second_factors
from workspaces.access import WorkspaceRequest, admin_required
from workspaces.models import Workspace
from workspaces.reauth import ask_again, is_recent

LACKING_SHOWN = 200


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def setting_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Context: `lacking_count`, how many members would lose access; `lacking`, some of them; `has_one`, for the reader."""
    has_one = second_factors.has_one(request.membership.user)
    here = reverse("workspaces:second_factor_setting", args=[workspace.slug])
    if request.method != "POST":
        everybody = workspace.memberships.select_related("user")
        without = everybody.filter(~second_factors.exists_for("user_id"))
        context = {
            "workspace": workspace,
            "has_one": has_one,
            "lacking": without.order_by("user__email")[:LACKING_SHOWN],
            "lacking_count": without.count(),
        }
        return render(request, "workspaces/second_factor_setting.html", context)
    if not is_recent(request):
        return ask_again(here)
    required = request.POST.get("required") == "on"
    if required and not has_one:
        messages.error(
            request, "Set up your own second factor first, because the rule would shut you out as well."
        )
    elif members.require_second_factor(
        workspace, required=required, by=request.membership.user, request=request
    ):
        messages.success(
            request,
            f"{workspace.name} now lets in members with a second factor only."
            if required
            else f"Members of {workspace.name} need no second factor any more.",
        )
    return redirect(here)
