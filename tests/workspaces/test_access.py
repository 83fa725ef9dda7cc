"""The decorators that guard views, each on a view of its own, outside the site's map."""

from collections.abc import Awaitable
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory

from tests.factories import add_member, make_user, make_workspace
from workspaces import access
from workspaces.models import Role, User, Workspace

pytestmark = pytest.mark.django_db
GUARDS = {
    Role.VIEWER: access.viewer_required,
    Role.EDITOR: access.editor_required,
    Role.ADMIN: access.admin_required,
    Role.OWNER: access.owner_required,
}


def view(request: Any, workspace: Workspace) -> HttpResponse:
    return HttpResponse(f"{workspace.slug} for {request.membership.role}")


async def async_view(request: Any, workspace: Workspace) -> HttpResponse:
    return HttpResponse(f"{workspace.slug} for {request.membership.role}")


def request_of(user: User | AnonymousUser) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    return request


def answer_of(guarded: access.View, user: User, slug: str) -> Any:
    return guarded(request_of(user), slug=slug)


@pytest.mark.parametrize("needed", Role)
@pytest.mark.parametrize("held", Role)
def test_guard_lets_in_exactly_the_roles_from_its_own_up(needed: Role, held: Role) -> None:
    member = add_member(make_workspace(slug="acme"), held)
    guarded = GUARDS[needed](view)

    if held.rank < needed.rank:
        named = needed.label if needed == Role.OWNER else f"{needed.label} or above"
        who = "An owner" if needed == Role.OWNER else "An admin"
        with pytest.raises(
            PermissionDenied, match=f"role {named}; yours is {held.label}. {who} of the workspace can"
        ):
            answer_of(guarded, member.user, "acme")
    else:
        assert answer_of(guarded, member.user, "acme").content.decode() == f"acme for {held}"


def test_guard_hides_the_workspace_from_an_owner_of_another() -> None:
    make_workspace(slug="acme")
    gina = make_user()
    make_workspace(gina, slug="globex")

    with pytest.raises(Http404) as stranger:
        answer_of(access.viewer_required(view), gina, "acme")
    with pytest.raises(Http404) as nowhere:
        answer_of(access.viewer_required(view), gina, "no-such-place")
    assert str(stranger.value) == str(nowhere.value)


def test_guard_hides_the_workspace_from_an_operator_who_is_no_member() -> None:
    make_workspace(slug="acme")

    with pytest.raises(Http404):
        answer_of(access.viewer_required(view), make_user(is_staff=True, is_superuser=True), "acme")


def test_guard_forgets_a_member_who_was_removed() -> None:
    member = add_member(make_workspace(slug="acme"), Role.ADMIN)
    user = member.user
    member.delete()

    with pytest.raises(Http404):
        answer_of(access.viewer_required(view), user, "acme")


def test_guard_awaits_an_async_view() -> None:
    member = add_member(make_workspace(slug="acme"), Role.EDITOR)
    guarded = access.editor_required(async_view)

    async def visit() -> HttpResponse:
        return await cast(Awaitable[HttpResponse], answer_of(guarded, member.user, "acme"))

    assert async_to_sync(visit)().content.decode() == "acme for editor"


def test_guard_refuses_an_async_view_to_a_small_role() -> None:
    member = add_member(make_workspace(slug="acme"), Role.VIEWER)
    guarded = access.editor_required(async_view)

    async def visit() -> HttpResponse:
        return await cast(Awaitable[HttpResponse], answer_of(guarded, member.user, "acme"))

    with pytest.raises(PermissionDenied):
        async_to_sync(visit)()


def test_guard_asks_the_database_once(django_assert_num_queries: Any) -> None:
    member = add_member(make_workspace(slug="acme"), Role.VIEWER)
    user = User.objects.get(pk=member.user_id)

    with django_assert_num_queries(1):
        answer_of(access.viewer_required(view), user, "acme")


def test_every_decorator_leaves_its_mark() -> None:
    marks = {role.value: getattr(guard(view), "access", None) for role, guard in GUARDS.items()}

    assert marks == {"viewer": "viewer", "editor": "editor", "admin": "admin", "owner": "owner"}
    assert access.signed_in(lambda request: HttpResponse()).access == "signed_in"  # type: ignore[attr-defined]
    assert access.public("why")(lambda request: HttpResponse()).access == "public: why"  # type: ignore[attr-defined]
