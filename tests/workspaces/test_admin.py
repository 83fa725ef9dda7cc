"""What operators do to people: add them, disable them, and read what was done."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client, TestCase

from tests.factories import PASSWORD, add_member, browser_of, make_user, queries_of
from workspaces import members
from workspaces.models import AuditEvent, Membership, Session, User, Workspace

pytestmark = pytest.mark.django_db


def save_members(
    oscar: Client,
    workspace: Workspace,
    rows: list[dict[str, Any]],
    *,
    reason: str = "Asked by phone",
    **more: str,
) -> Any:
    """Send the workspace's page with these members; a row with an id is an existing membership."""
    existing = [row for row in rows if "id" in row]
    fields = {
        "name": workspace.name,
        "reason": reason,
        **more,
        "memberships-TOTAL_FORMS": len(rows),
        "memberships-INITIAL_FORMS": len(existing),
    }
    for place, row in enumerate(rows):
        fields |= {f"memberships-{place}-{name}": value for name, value in row.items()}
        fields[f"memberships-{place}-workspace"] = workspace.pk
    return oscar.post(f"/admin/workspaces/workspace/{workspace.pk}/change/", fields)


def row(member: Membership, **changes: Any) -> dict[str, Any]:
    return {"id": member.pk, "user": member.user_id, "role": member.role} | changes


def test_page_of_a_large_workspace_shows_some_members_and_finds_the_others(
    oscar: Client, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaces.admin.MEMBERS_SHOWN", 2)
    for name in ("ada", "bob", "zoe"):
        add_member(acme, "viewer", make_user(f"{name}@acme.test"))
    path = f"/admin/workspaces/workspace/{acme.pk}/change/"

    def shown(page: Any) -> list[str]:
        formset = page.context["inline_admin_formsets"][0].formset
        return [form.instance.user.email for form in formset.initial_forms]

    assert shown(oscar.get(path)) == ["ada@acme.test", "bob@acme.test"]
    assert "The first 2 of 4 members are shown" in oscar.get(path).content.decode()
    assert shown(oscar.get(f"{path}?member=zoe")) == ["zoe@acme.test"]
    zoe = acme.memberships.get(user__email="zoe@acme.test")
    assert save_members(oscar, acme, [row(zoe, role="admin")]).status_code == 302
    assert members.roles(acme) == {
        "ada@acme.test": "viewer",
        "bob@acme.test": "viewer",
        "olivia@acme.test": "owner",
        "zoe@acme.test": "admin",
    }


def test_page_of_members_costs_few_statements_more_for_each(oscar: Client, acme: Workspace) -> None:
    path = f"/admin/workspaces/workspace/{acme.pk}/change/"
    add_member(acme, "viewer")
    few = queries_of(oscar, path)
    for _ in range(5):
        add_member(acme, "viewer")

    # One for the person that each row's field shows.
    assert queries_of(oscar, path) - few <= 5


def test_line_break_in_a_name_keeps_no_owner_from_being_told(oscar: Client, acme: Workspace) -> None:
    Workspace.objects.update(name="Acme\nBcc: x@evil.test")
    acme.refresh_from_db()
    with TestCase.captureOnCommitCallbacks(execute=True):
        save_members(oscar, acme, [{"user": make_user().pk, "role": "viewer"}])

    assert {one.subject for one in mail.outbox} == {
        "An operator has changed the members of Acme Bcc: x@evil.test"
    }


@pytest.mark.parametrize("kind", ["workspace", "person", "new person"])
def test_name_that_an_operator_gives_is_one_line(oscar: Client, acme: Workspace, kind: str) -> None:
    name, olivia = "New\u202ename\nX", acme.memberships.get()
    if kind == "workspace":
        answer = save_members(oscar, acme, [row(olivia)], name=name)
        named = Workspace.objects.get().name
    elif kind == "person":
        answer = oscar.post(f"/admin/workspaces/user/{olivia.user_id}/change/", {"name": name})
        named = User.objects.get(pk=olivia.user_id).name
    else:
        fields = {"email": "new@x.test", "name": name, "usable_password": "false"}
        answer = oscar.post("/admin/workspaces/user/add/", fields)
        named = User.objects.get(email="new@x.test").name

    assert (answer.status_code, named) == (302, "Newname X")


def test_operator_adds_a_person_who_can_then_sign_in(oscar: Client) -> None:
    fields = {
        "email": "New@Acme.test",
        "name": "New",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    response = oscar.post("/admin/workspaces/user/add/", fields)

    assert response.status_code == 302
    assert not User.objects.get(email="new@acme.test").is_staff
    assert (
        Client().post("/accounts/login/", {"login": "new@acme.test", "password": PASSWORD}).status_code == 302
    )


def test_operator_disables_a_person_and_ends_their_sessions(oscar: Client) -> None:
    victor = make_user("victor@acme.test")
    browser_of(victor)
    oscar.post(f"/admin/workspaces/user/{victor.pk}/change/", {"name": "Victor"})

    victor.refresh_from_db()
    assert (victor.is_active, victor.email) == (False, "victor@acme.test")
    assert not Session.objects.filter(user=victor).exists()


def test_operator_without_all_powers_cannot_take_them() -> None:
    clerk = make_user("clerk@bookbag.test", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="workspaces"))
    chief = make_user("chief@bookbag.test", is_staff=True, is_superuser=True)
    browser = browser_of(clerk)
    powers = {"is_active": "on", "is_staff": "on", "is_superuser": "on"}

    assert browser.post(f"/admin/workspaces/user/{clerk.pk}/change/", powers).status_code == 302
    assert browser.post(f"/admin/workspaces/user/{chief.pk}/change/", powers).status_code == 403
    assert browser.post(f"/admin/workspaces/user/{chief.pk}/password/", {}).status_code == 403
    clerk.refresh_from_db()
    assert not clerk.is_superuser


def test_operator_adds_a_member_and_it_is_audited(oscar: Client, acme: Workspace) -> None:
    victor = make_user("victor@acme.test")
    response = save_members(oscar, acme, [row(acme.memberships.get()), {"user": victor.pk, "role": "viewer"}])

    assert response.status_code == 302
    assert members.roles(acme) == {"olivia@acme.test": "owner", "victor@acme.test": "viewer"}
    event = acme.audit_events.latest("id")
    assert (event.action, event.actor_email, event.data) == (
        "member.added",
        "oscar@bookbag.test",
        {"member": "victor@acme.test", "role": "viewer", "reason": "Asked by phone", "by": "an operator"},
    )


def test_operator_changes_and_removes_members_and_it_is_audited(oscar: Client, acme: Workspace) -> None:
    adam = add_member(acme, "admin", make_user("adam@acme.test"))
    edith = add_member(acme, "editor", make_user("edith@acme.test"))
    owner = acme.memberships.get(role="owner")
    save_members(oscar, acme, [row(owner), row(adam, role="viewer"), row(edith, DELETE="on")])

    assert members.roles(acme) == {"olivia@acme.test": "owner", "adam@acme.test": "viewer"}
    assert list(acme.audit_events.order_by("id").values_list("action", "data__member")[1:]) == [
        ("member.role_changed", "adam@acme.test"),
        ("member.removed", "edith@acme.test"),
    ]


Commits = Callable[..., Any]


@pytest.mark.parametrize("reason", ["", "   "])
def test_operator_needs_a_reason_to_become_an_owner(oscar: Client, acme: Workspace, reason: str) -> None:
    me = User.objects.get(email="oscar@bookbag.test")
    page = save_members(
        oscar, acme, [row(acme.memberships.get()), {"user": me.pk, "role": "owner"}], reason=reason
    ).content.decode()

    assert "Say above why you change the members of this workspace." in page
    assert members.roles(acme) == {"olivia@acme.test": "owner"}


def test_owners_are_written_to_when_an_operator_joins(
    oscar: Client, acme: Workspace, django_capture_on_commit_callbacks: Commits
) -> None:
    add_member(acme, "owner", make_user("gone@acme.test", is_active=False))
    add_member(acme, "admin", make_user("adam@acme.test"))
    me = User.objects.get(email="oscar@bookbag.test")
    rows = [row(member) for member in acme.memberships.order_by("pk")]
    with django_capture_on_commit_callbacks(execute=True):
        save_members(oscar, acme, [*rows, {"user": me.pk, "role": "owner"}], reason="Ticket 4711")

    told = {message.to[0]: str(message.body) for message in mail.outbox}
    assert sorted(told) == ["olivia@acme.test", "oscar@bookbag.test"]
    assert "oscar@bookbag.test: no member → owner" in told["olivia@acme.test"]
    assert "The reason given: Ticket 4711" in told["olivia@acme.test"]


def test_owner_who_was_removed_is_written_to(
    oscar: Client, acme: Workspace, django_capture_on_commit_callbacks: Commits
) -> None:
    adam = add_member(acme, "admin", make_user("adam@acme.test"))
    owner = acme.memberships.get(role="owner")
    with django_capture_on_commit_callbacks(execute=True):
        save_members(oscar, acme, [row(owner, DELETE="on"), row(adam, role="owner")])

    assert [message.to for message in mail.outbox] == [["adam@acme.test"], ["olivia@acme.test"]]


@pytest.mark.django_db(transaction=True)
def test_mail_that_cannot_be_sent_undoes_nothing(
    oscar: Client, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("workspaces.notices.get_connection", fail)
    victor = make_user("victor@acme.test")
    answer = save_members(oscar, acme, [row(acme.memberships.get()), {"user": victor.pk, "role": "viewer"}])

    assert (answer.status_code, len(members.roles(acme))) == (302, 2)


def test_what_an_operator_does_stands_in_the_workspaces_own_log(oscar: Client, acme: Workspace) -> None:
    me = User.objects.get(email="oscar@bookbag.test")
    save_members(
        oscar,
        acme,
        [row(acme.memberships.get()), {"user": me.pk, "role": "owner"}],
        reason="Ticket 4711",
        name="Sons",
    )
    page = browser_of(User.objects.get(email="olivia@acme.test")).get("/w/acme/audit/").content.decode()

    assert "Ticket 4711" in page
    assert "an operator" in page
    assert "Workspace edited" in page


def test_name_alone_needs_no_reason(oscar: Client, acme: Workspace) -> None:
    answer = save_members(oscar, acme, [row(acme.memberships.get())], reason="", name="Acme & Sons")

    acme.refresh_from_db()
    assert (answer.status_code, acme.name) == (302, "Acme & Sons")


@pytest.mark.parametrize("change", [{"role": "admin"}, {"DELETE": "on"}])
def test_operator_cannot_leave_a_workspace_without_an_owner(
    oscar: Client, acme: Workspace, change: Any
) -> None:
    response = save_members(oscar, acme, [row(acme.memberships.get(), **change)])

    assert "A workspace always has an owner." in response.content.decode()
    assert members.roles(acme) == {"olivia@acme.test": "owner"}


def test_operator_may_put_another_owner_in_the_place_of_the_last(oscar: Client, acme: Workspace) -> None:
    adam = add_member(acme, "admin", make_user("adam@acme.test"))
    owner = acme.memberships.get(role="owner")
    save_members(oscar, acme, [row(owner, DELETE="on"), row(adam, role="owner")])

    assert members.roles(acme) == {"adam@acme.test": "owner"}


def test_operator_is_stopped_when_the_other_owner_went_meanwhile(oscar: Client, acme: Workspace) -> None:
    adam = add_member(acme, "owner", make_user("adam@acme.test"))
    owner = acme.memberships.get(user__email="olivia@acme.test")
    opened = [row(owner, DELETE="on"), row(adam)]
    Membership.objects.filter(pk=adam.pk).update(role="viewer")
    save_members(oscar, acme, [opened[0], row(adam, role="viewer")])

    assert members.roles(acme) == {"olivia@acme.test": "owner", "adam@acme.test": "viewer"}


@pytest.mark.parametrize(
    "path",
    [
        "/admin/workspaces/workspace/add/",
        "/admin/workspaces/workspace/{workspace}/delete/",
        "/admin/workspaces/user/{user}/delete/",
        "/admin/workspaces/auditevent/add/",
        "/admin/workspaces/auditevent/{event}/delete/",
    ],
)
def test_admin_offers_no_such_act(oscar: Client, acme: Workspace, path: str) -> None:
    ids = {"workspace": acme.pk, "user": acme.memberships.get().user_id, "event": acme.audit_events.get().pk}

    assert oscar.get(path.format(**ids)).status_code == 403
    assert oscar.post(path.format(**ids), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", ["workspace", "user", "auditevent"])
def test_admin_deletes_nothing_in_bulk(oscar: Client, acme: Workspace, model: str) -> None:
    counts = (Workspace.objects.count(), User.objects.count(), AuditEvent.objects.count())
    chosen = [str(pk) for pk in range(1, 1000)]
    oscar.post(
        f"/admin/workspaces/{model}/",
        {"action": "delete_selected", "_selected_action": chosen, "post": "yes"},
    )

    assert (Workspace.objects.count(), User.objects.count(), AuditEvent.objects.count()) == counts


def test_audit_event_is_read_only_in_the_admin(oscar: Client, acme: Workspace) -> None:
    event = acme.audit_events.get()
    page = f"/admin/workspaces/auditevent/{event.pk}/change/"

    assert oscar.get(page).status_code == 200
    assert oscar.post(page, {"action": "nothing.happened"}).status_code == 403


def test_sessions_are_not_shown_to_operators() -> None:
    assert Session not in admin.site._registry


@pytest.mark.parametrize(
    "model", [model for model in admin.site._registry if model._meta.app_label == "workspaces"]
)
def test_every_list_opens(oscar: Client, acme: Workspace, model: type[Any]) -> None:
    assert oscar.get(f"/admin/workspaces/{model._meta.model_name}/?q=acme").status_code == 200
