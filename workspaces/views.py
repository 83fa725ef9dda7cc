"""The pages about people: members of a workspace, and its audit log."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from workspaces import audit, csv_export, members
from workspaces.access import (
    WorkspaceRequest,
    admin_required,
    admin_required_even_suspended,
    viewer_required_even_suspended,
)
from workspaces.errors import LastOwner, MembersError, NoLongerMember
from workspaces.forms import AuditFilterForm, RoleForm
from workspaces.models import Membership, Workspace


def _telling_refusals(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Turn errors about memberships into responses: missing rights into a 403, a conflicting state into a message."""

    @wraps(view)
    def wrapped(request: WorkspaceRequest, workspace: Workspace, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, workspace, *args, **kwargs)
        except (LastOwner, NoLongerMember) as refusal:
            messages.error(request, str(refusal))
            return redirect("workspaces:members", workspace.slug)
        except MembersError as refusal:
            raise PermissionDenied(str(refusal)) from refusal

    return wrapped


def _member_or_404(workspace: Workspace, member_id: UUID) -> Membership:
    return get_object_or_404(workspace.memberships.select_related("user"), code=member_id)


@admin_required
@require_POST
@_telling_refusals
def change_role(request: WorkspaceRequest, workspace: Workspace, member_id: UUID) -> HttpResponse:
    member = _member_or_404(workspace, member_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise BadRequest("There is no such role.")
    member = members.change_role(
        member, role=form.cleaned_data["role"], by=request.membership, request=request
    )
    messages.success(request, f"{member.user.email} is now {member.role_in_words}.")
    return redirect("workspaces:members", workspace.slug)


@admin_required_even_suspended
@require_POST
@_telling_refusals
def remove_member(request: WorkspaceRequest, workspace: Workspace, member_id: UUID) -> HttpResponse:
    member = _member_or_404(workspace, member_id)
    members.remove(member, by=request.membership, request=request)
    messages.success(request, f"{member.user.email} is no longer a member of {workspace.name}.")
    if member.user == request.user:
        return redirect(settings.LOGIN_REDIRECT_URL)
    return redirect("workspaces:members", workspace.slug)


@viewer_required_even_suspended
@require_POST
@_telling_refusals
def leave(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    members.leave(request.membership, request=request)
    messages.success(request, f"You have left {workspace.name}.")
    return redirect(settings.LOGIN_REDIRECT_URL)


@admin_required
@require_safe
def audit_page(request: WorkspaceRequest, workspace: Workspace) -> HttpResponse:
    """Context: `form`, the filter; `events`; `older`, the mark of the next page, if there is one."""
    form = AuditFilterForm(request.GET, workspace=workspace)
    page = audit.page(workspace, **form.filters()) if form.is_valid() else audit.AuditPage()
    context = {
        "workspace": workspace,
        "form": form,
        "events": page.events,
        "older": page.older,
        "audit_days": settings.AUDIT_DAYS,
    }
    return render(request, "workspaces/audit.html", context)


@admin_required
@require_safe
def audit_csv(request: WorkspaceRequest, workspace: Workspace) -> HttpResponseBase:
    form = AuditFilterForm(request.GET, workspace=workspace)
    if not form.is_valid():
        raise BadRequest("There is no such action or actor in this log.")
    filters = form.filters()
    events = audit.as_csv(workspace, action=filters["action"], actor=filters["actor"])
    return csv_export.attachment(events, f"audit-{workspace.slug}.csv")
