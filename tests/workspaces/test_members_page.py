"""The members page: what each role is shown, and what its forms do."""

from typing import Any

import pytest
from django.test import Client

from tests.factories import add_member, browser_of, make_user, make_workspace, queries_of, told
from workspaces import members
from workspaces.models import Membership, Role, Workspace

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/members/"


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace(make_user("olivia@acme.test"), slug="acme")
    for name, role in (("adam", "admin"), ("edith", "editor"), ("victor", "viewer")):
        add_member(workspace, role, make_user(f"{name}@acme.test"))
    return workspace


def member(workspace: Workspace, name: str) -> Membership:
    return workspace.memberships.select_related("user").get(user__email=f"{name}@acme.test")


def browser(workspace: Workspace, name: str) -> Client:
    return browser_of(member(workspace, name).user)


def change(workspace: Workspace, by: str, of: str, role: str) -> Any:
    return browser(workspace, by).post(f"{PAGE}{member(workspace, of).code}/role/", {"role": role})


def remove(workspace: Workspace, by: str, of: str) -> Any:
    return browser(workspace, by).post(f"{PAGE}{member(workspace, of).code}/remove/")


@pytest.mark.parametrize("name", ["olivia", "adam", "edith", "victor"])
def test_page_lists_everybody_from_the_owner_down(acme: Workspace, name: str) -> None:
    rows = browser(acme, name).get(PAGE).context["rows"]

    assert [row.member.user.email.split("@")[0] for row in rows] == ["olivia", "adam", "edith", "victor"]
    assert [row.is_self for row in rows].index(True) == ["olivia", "adam", "edith", "victor"].index(name)


@pytest.mark.parametrize(("name", "forms"), [("olivia", 3), ("adam", 3), ("edith", 0), ("victor", 0)])
def test_page_offers_role_pickers_to_admins_alone(acme: Workspace, name: str, forms: int) -> None:
    page = browser(acme, name).get(PAGE).content.decode()

    assert page.count('id="role-') == forms
    assert page.count("/members/invite/") == bool(forms)
    assert page.count("/role/") == forms


def test_page_offers_the_owner_role_to_owners_alone(acme: Workspace) -> None:
    assert 'value="owner"' in browser(acme, "olivia").get(PAGE).content.decode()
    assert 'value="owner"' not in browser(acme, "adam").get(PAGE).content.decode()


def test_page_costs_the_same_whatever_the_number_of_members(acme: Workspace) -> None:
    olivia = browser(acme, "olivia")
    few = queries_of(olivia, PAGE)
    for _ in range(46):
        add_member(acme, "viewer")

    assert queries_of(olivia, PAGE) == few <= 12


def test_page_finds_members_by_name_and_address(acme: Workspace) -> None:
    user = member(acme, "victor").user
    user.name = "Bea Brown"
    user.save()
    adam = browser(acme, "adam")

    for words, found in {"EDITH": ["edith"], "bea b": ["victor"], "acme.test": 4, "nobody": []}.items():
        rows = [row.member.user.email.split("@")[0] for row in adam.get(PAGE, {"q": words}).context["rows"]]
        assert rows == found or len(rows) == found
    assert "has “nobody” in it" in adam.get(PAGE, {"q": "nobody"}).content.decode()


def test_page_shows_a_name_as_text(acme: Workspace) -> None:
    user = member(acme, "victor").user
    user.name = "<script>alert(1)</script>"
    user.save()

    assert "<script>alert" not in browser(acme, "olivia").get(PAGE).content.decode()


def test_change_role_acts_and_says_so(acme: Workspace) -> None:
    response = change(acme, "adam", "victor", "editor")

    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert told(response) == ["victor@acme.test is now an editor."]
    assert member(acme, "victor").role == "editor"


def test_change_role_acts_on_the_next_request(acme: Workspace) -> None:
    adam = browser(acme, "adam")
    assert adam.get("/w/acme/audit/").status_code == 200
    change(acme, "olivia", "adam", "viewer")

    assert adam.get("/w/acme/audit/").status_code == 403


@pytest.mark.parametrize("role", ["", "Owner", "superuser", "admin ", "viewer,owner"])
def test_change_role_rejects_an_unknown_role(acme: Workspace, role: str) -> None:
    response = change(acme, "olivia", "victor", role)

    assert response.status_code == 400
    assert member(acme, "victor").role == "viewer"


@pytest.mark.parametrize(("of", "role"), [("victor", "owner"), ("adam", "owner"), ("olivia", "viewer")])
def test_admin_reaches_no_owner_and_grants_nothing_above_admin(acme: Workspace, of: str, role: str) -> None:
    before = members.roles(acme)

    assert change(acme, "adam", of, role).status_code == 403
    assert members.roles(acme) == before


@pytest.mark.parametrize("name", ["edith", "victor"])
def test_small_roles_change_and_remove_nobody(acme: Workspace, name: str) -> None:
    before = members.roles(acme)

    assert change(acme, name, "adam", "viewer").status_code == 403
    assert change(acme, name, name, "admin").status_code == 403
    assert remove(acme, name, "adam").status_code == 403
    assert members.roles(acme) == before


def test_last_owner_is_told_why_she_cannot_step_down(acme: Workspace) -> None:
    response = change(acme, "olivia", "olivia", "admin")

    assert told(response) == ["A workspace always has an owner. Make somebody else an owner first."]
    assert member(acme, "olivia").role == "owner"


def test_ownership_is_handed_on_in_two_steps(acme: Workspace) -> None:
    change(acme, "olivia", "adam", "owner")
    change(acme, "olivia", "olivia", "viewer")

    assert (member(acme, "adam").role, member(acme, "olivia").role) == ("owner", "viewer")


def test_remove_shuts_the_door_at_once(acme: Workspace) -> None:
    victor = browser(acme, "victor")
    assert victor.get(PAGE).status_code == 200
    response = remove(acme, "adam", "victor")

    assert told(response) == ["victor@acme.test is no longer a member of Acme."]
    assert victor.get(PAGE).status_code == 404


def test_admin_cannot_remove_an_owner(acme: Workspace) -> None:
    assert remove(acme, "adam", "olivia").status_code == 403
    assert member(acme, "olivia").role == "owner"


def test_admin_who_removes_himself_is_led_home(acme: Workspace) -> None:
    assert remove(acme, "adam", "adam")["Location"] == "/"


def test_leave_leads_home(acme: Workspace) -> None:
    victor = browser(acme, "victor")
    response = victor.post("/w/acme/leave/")

    assert (response["Location"], told(response)) == ("/", ["You have left Acme."])
    assert victor.get(PAGE).status_code == 404


@pytest.mark.parametrize("act", ["role", "remove"])
@pytest.mark.parametrize("member_id", ["0", "1", str(2**70), "0b7e7b2e-0000-4000-8000-000000000000"])
def test_act_on_a_member_who_is_not_there_is_404(acme: Workspace, act: str, member_id: str) -> None:
    response = browser(acme, "olivia").post(f"{PAGE}{member_id}/{act}/", {"role": "viewer"})

    assert response.status_code == 404


@pytest.mark.parametrize("act", ["role", "remove"])
def test_act_on_a_member_of_another_workspace_is_404(acme: Workspace, act: str) -> None:
    elsewhere = add_member(make_workspace(slug="globex"), "viewer")
    response = browser(acme, "olivia").post(f"{PAGE}{elsewhere.code}/{act}/", {"role": "admin"})

    assert response.status_code == 404
    assert Membership.objects.get(pk=elsewhere.pk).role == Role.VIEWER
