"""Access to views: each view has exactly one of these decorators, which a test checks for the whole URLconf.

A workspace is looked up through the caller's own membership, so a stranger gets the same 404 as for a workspace that
does not exist. A role that is too small gets a 403. The role is read from the database on each request, so a change
of role takes effect at once.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render

from workspaces import second_factors, standing
from workspaces.models import Membership, Role, Workspace

READING = ("GET", "HEAD", "OPTIONS")
# Synchronous or not.
View = Callable[..., Any]


class WorkspaceRequest(HttpRequest):
    """What a guarded workspace view receives, for type checkers."""

    membership: Membership


class SecondFactorNeeded(Exception):
    """The workspace wants a second factor of its members, and this one has none."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace.slug)
        self.workspace = workspace


class Moved(Exception):
    """The workspace's address has changed, and the caller is a member."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class Suspended(Exception):
    """Operators have suspended the workspace: it can be read but not changed."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace.slug)
        self.workspace = workspace


def membership_of(user: Any, slug: str, role: Role) -> Membership:
    """`user`'s membership of the workspace `slug`.

    Raises Http404 for a stranger, Moved at a past address, SecondFactorNeeded, and PermissionDenied below `role`.
    """
    membership = (
        Membership.objects.select_related("workspace")
        .filter(user_id=user.pk, workspace__slug=slug)
        .annotate(has_second_factor=second_factors.exists_for("user_id"))
        .first()
    )
    if membership is None:
        if moved := standing.led_on(slug, user.pk):
            raise Moved(moved)
        raise Http404("No such workspace.")
    if membership.workspace.second_factor_required and not membership.has_second_factor:
        raise SecondFactorNeeded(membership.workspace)
    if not membership.at_least(role):
        raise PermissionDenied(_too_small(Role(membership.role), role))
    membership.user = user
    return membership


def _too_small(held: Role, needed: Role) -> str:
    """Why the request is refused, and who may make it."""
    if needed == Role.OWNER:
        needs, who = needed.label, "An owner of the workspace can do it for you, or make you one."
    else:
        needs = f"{needed.label} or above"
        who = "An admin of the workspace can do it for you, or give you a role that allows it."
    return f"This needs the role {needs}; yours is {held.label}. {who}"


def _admit(request: HttpRequest, slug: str, role: Role, while_suspended: bool) -> Workspace:
    membership = membership_of(request.user, slug, role)
    if membership.workspace.is_suspended and not (while_suspended or request.method in READING):
        raise Suspended(membership.workspace)
    request.membership = membership  # type: ignore[attr-defined]
    return membership.workspace


def _led_to_a_second_factor(request: HttpRequest, needed: SecondFactorNeeded) -> HttpResponse:
    """A 403 page that leads to setting up a second factor.

    It shows nothing of the workspace except its name, which members know.
    """
    return render(
        request, "workspaces/second_factor_needed.html", {"needs_factor": needed.workspace}, status=403
    )


def _led_on(request: HttpRequest, slug: str, moved: Moved) -> HttpResponse:
    """Redirect to the same page or act at the current address. 307 keeps the method and the form."""
    path = request.get_full_path().replace(f"/w/{slug}/", f"/w/{moved.slug}/", 1)
    return HttpResponseRedirect(path, preserve_request=True)


def _told_of_suspension(request: HttpRequest, refusal: Suspended) -> HttpResponse:
    facts = {"suspended": refusal.workspace}
    return render(request, "workspaces/suspended.html", facts, status=403)


def _answer(request: HttpRequest, slug: str, problem: Moved | SecondFactorNeeded | Suspended) -> HttpResponse:
    if isinstance(problem, SecondFactorNeeded):
        return _led_to_a_second_factor(request, problem)
    if isinstance(problem, Suspended):
        return _told_of_suspension(request, problem)
    return _led_on(request, slug, problem)


def _requires(role: Role, *, while_suspended: bool = False) -> Callable[[View], View]:
    """`while_suspended`: allow POST in a suspended workspace, too; for acts that only remove something."""

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
                try:
                    workspace = await sync_to_async(_admit)(request, slug, role, while_suspended)
                except (Moved, SecondFactorNeeded, Suspended) as problem:
                    return await sync_to_async(_answer)(request, slug, problem)
                return await view(request, workspace, *args, **kwargs)

        else:

            @wraps(view)
            def guarded(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
                try:
                    workspace = _admit(request, slug, role, while_suspended)
                except (Moved, SecondFactorNeeded, Suspended) as problem:
                    return _answer(request, slug, problem)
                return view(request, workspace, *args, **kwargs)

        guarded.access = role.value  # type: ignore[attr-defined]
        return guarded

    return decorate


viewer_required = _requires(Role.VIEWER)
editor_required = _requires(Role.EDITOR)
admin_required = _requires(Role.ADMIN)
owner_required = _requires(Role.OWNER)


def editor_required_or(instead: View) -> Callable[[View], View]:
    """For editors. A viewer gets the response of the view `instead`, or a 403 if that returns None."""

    def decorate(view: View) -> View:
        for_editors, for_viewers = editor_required(view), viewer_required(instead)

        @wraps(for_editors)
        def either(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                answer: HttpResponseBase = for_editors(request, slug, *args, **kwargs)
            except PermissionDenied:
                if (led := for_viewers(request, slug, *args, **kwargs)) is None:
                    raise
                answer = led
            return answer

        return either

    return decorate


# For acts that are allowed in a suspended workspace: leaving, removing a member or a key, deleting the workspace.
viewer_required_even_suspended = _requires(Role.VIEWER, while_suspended=True)
admin_required_even_suspended = _requires(Role.ADMIN, while_suspended=True)
owner_required_even_suspended = _requires(Role.OWNER, while_suspended=True)


def signed_in(view: View) -> View:
    """For pages outside any workspace. The login middleware has already required the sign-in."""
    view.access = "signed_in"  # type: ignore[attr-defined]
    return view


def public(reason: str) -> Callable[[View], View]:
    """Anyone may see this, because of `reason`."""

    def decorate(view: View) -> View:
        view.access = f"public: {reason}"  # type: ignore[attr-defined]
        return login_not_required(view)

    return decorate


def admits_itself(role: Role) -> Callable[[View], View]:
    """For the chat path: the view itself checks session, membership and `role`, in one query."""

    def decorate(view: View) -> View:
        view.access = role.value  # type: ignore[attr-defined]
        return login_not_required(view)

    return decorate
