"""A workspace's settings: its name, its address, and deleting it."""

from copy import copy
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents import closing
from bookbag.pages.home import NewWorkspaceForm
from workspaces import standing
from workspaces.access import WorkspaceRequest, admin_required, owner_required_even_suspended
from workspaces.errors import MembersError, SlugTaken
from workspaces.models import Workspace
from workspaces.reauth import ask_again, is_recent


class SettingsForm(NewWorkspaceForm):
    def __init__(self, data: Any = None, *, workspace: Workspace) -> None:
        # A copy, because validating a form writes the typed values into its instance.
        super().__init__(data, instance=copy(workspace))
        self.fields["slug"].required = True
        self.fields[
            "slug"
        ].help_text = "The part after /w/ in its links: small letters, digits and hyphens. The old address goes on leading here."


class DeleteWorkspaceForm(forms.Form):
    confirm = forms.CharField(
        label="Address of the workspace",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_confirm(self) -> str:
        typed = str(self.cleaned_data["confirm"]).strip()
        if typed != self.workspace.slug:
            raise forms.ValidationError(
                f"Type {self.workspace.slug} to delete this workspace. Nothing was deleted."
            )
        return typed


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Name and address. Context: `form`."""
    form = SettingsForm(request.POST if request.method == "POST" else None, workspace=workspace)
    if form.is_valid():
        try:
            workspace = standing.move(workspace, form.cleaned_data["slug"], request=request)
            workspace = standing.rename(workspace, form.cleaned_data["name"], request=request)
        except SlugTaken as refusal:  # another workspace took the address after the form's check
            form.add_error("slug", str(refusal))
        else:
            messages.success(request, "Saved.")
            return redirect("workspaces:settings", workspace.slug)
    status = 400 if form.is_bound else 200
    return render(request, "workspaces/settings.html", {"workspace": workspace, "form": form}, status=status)


@owner_required_even_suspended
@require_http_methods(["GET", "HEAD", "POST"])
def delete_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Deletes the workspace, after a recent sign-in and with its address typed. Context: `form`, `member_count`."""
    if not is_recent(request):
        return ask_again(reverse("workspaces:delete", args=[workspace.slug]))
    form = DeleteWorkspaceForm(request.POST if request.method == "POST" else None, workspace=workspace)
    if not form.is_valid():
        facts = {"workspace": workspace, "form": form, "member_count": workspace.memberships.count()}
        return render(request, "workspaces/delete.html", facts, status=400 if form.is_bound else 200)
    try:
        closing.delete(request.membership, request=request)
    except MembersError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{workspace.name} is deleted.")
    return redirect("home")
