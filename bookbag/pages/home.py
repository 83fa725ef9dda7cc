"""Pages that use every app: the list of workspaces, a new one, and a workspace's overview."""

import re
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import free, ledger
from bookbag import onboarding
from bookbag.pages import first_steps
from llm import outlook, payers
from workspaces import invitations, members, second_factors, standing
from workspaces.access import WorkspaceRequest, signed_in, viewer_required
from workspaces.errors import SlugTaken, TooManyWorkspaces
from workspaces.models import User, Workspace
from workspaces.named import Named

# No capitals and no ambiguous signs, so that no two addresses look alike.
SLUG_SHAPE = re.compile(r"[a-z0-9]++(?:-[a-z0-9]++)*+")
AGENTS_SHOWN = 6


class NewWorkspaceForm(Named, forms.ModelForm):
    slug = forms.CharField(
        label="Address",
        max_length=40,
        required=False,
        help_text="The part after /w/ in its links: small letters, digits and hyphens. Left empty, it is made of the name.",
    )

    class Meta:
        model = Workspace
        fields = ["name", "slug"]

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if slug and not SLUG_SHAPE.fullmatch(slug):
            raise forms.ValidationError("Use small letters, digits and single hyphens between them.")
        if slug and not standing.is_free(slug, self.instance if self.instance.pk else None):
            raise forms.ValidationError(str(SlugTaken()))
        return slug


@signed_in
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Context: `memberships`, each with its workspace, that one's account and plan, and `agents`, a count; and the
    invitations that wait for the reader, each with the token that accepts it."""
    memberships = (
        request.user.memberships.select_related("workspace__account__plan")  # type: ignore[union-attr]
        .annotate(agents=Count("workspace__agents"), has_second_factor=second_factors.exists_for("user_id"))
        .order_by("workspace__name", "pk")
    )
    found = invitations.waiting_for(request.user)  # type: ignore[arg-type]
    waiting = [(one, token) for one in found if (token := invitations.token_of(one))]
    return render(request, "bookbag/home.html", {"memberships": memberships, "waiting": waiting})


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def new_workspace(request: HttpRequest) -> HttpResponse:
    form, owner = NewWorkspaceForm(request.POST or None), cast(User, request.user)
    if form.is_valid():
        try:
            workspace, is_new = onboarding.create_once(**form.cleaned_data, owner=owner, request=request)
        except SlugTaken as refusal:  # another workspace took the address after the form's check
            form.add_error("slug", str(refusal))
        except TooManyWorkspaces as refusal:
            form.add_error(None, str(refusal))
        else:
            if is_new:
                messages.success(request, f"{workspace.name} is ready.")
            return redirect(workspace)
    # The address may have been taken by the same form, sent twice.
    if twin := onboarding.just_made(owner, request.POST.get("name", ""), request.POST.get("slug", "")):
        return redirect(twin)
    return render(request, "bookbag/new_workspace.html", {"form": form})


@viewer_required
@require_safe
def workspace_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Context: what the workspace has and who pays, from `_facts`, and the `first_steps` that are left."""
    facts = _facts(workspace, request.user)  # type: ignore[arg-type]
    steps = first_steps.of(workspace, request.membership, facts["agents"], facts["member_count"])
    return render(request, "bookbag/workspace.html", {"workspace": workspace, "first_steps": steps, **facts})


@viewer_required
@require_POST
def hide_first_steps(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    members.hide_first_steps(request.membership)
    messages.success(
        request, "The first steps are hidden for you. The help pages say how everything is done."
    )
    return redirect(workspace)


def _facts(workspace: Workspace, reader: User) -> dict[str, Any]:
    routes = outlook.for_workspace(workspace)
    agents = list(workspace.agents.select_related("chat_model")[:AGENTS_SHOWN])
    account = getattr(workspace, "account", None)
    return {
        "account": ledger.refresh_if_due(account) if account else None,
        "free_note": free.note(account, reader=reader) if account and settings.METERING_ENABLED else None,
        "agents": agents,
        "rows": [
            {
                "agent": one,
                "prospect": routes.prospect(one.chat_model),
                "last_day": routes.last_day(one.chat_model),
            }
            for one in agents
        ],
        "agent_count": workspace.agents.count(),
        "member_count": workspace.memberships.count(),
        "payers": payers.of(routes),
    }
