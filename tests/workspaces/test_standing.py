"""A workspace's name, its address, its suspension, and who may pass its ownership on."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests.factories import PASSWORD, add_member, browser_of, make_user, make_workspace, owner_of, told
from workspaces import members, standing
from workspaces.errors import CannotOwn, NoLongerMember, OwnerProtected, SlugTaken
from workspaces.models import PastAddress, User, Workspace

pytestmark = pytest.mark.django_db


def last_event(workspace: Workspace) -> tuple[str, dict[str, Any]]:
    event = workspace.audit_events.latest("id")
    return event.action, event.data


def stale() -> None:
    """Let the sign-ins be older than acts on people accept."""
    User.objects.update(last_login=timezone.now() - timedelta(minutes=16))


# --- Name and address ---------------------------------------------------------------------------


def test_settings_page_renames_and_moves(acme: Workspace, owner: Client) -> None:
    response = owner.post("/w/acme/settings/", {"name": "Acme & Sons", "slug": "acme-sons"})

    assert (response.status_code, response["Location"]) == (302, "/w/acme-sons/settings/")
    assert owner.get("/w/acme-sons/").status_code == 200
    events = list(acme.audit_events.order_by("id").values_list("action", "data"))[-2:]
    assert events == [
        ("workspace.moved", {"before": "acme", "after": "acme-sons"}),
        ("workspace.renamed", {"before": "Acme", "after": "Acme & Sons"}),
    ]


@pytest.mark.parametrize("slug", ["", "Über", "a b", "-a", "a--b", "globex", "globex-old", "x" * 41])
def test_settings_page_keeps_what_it_cannot_save(acme: Workspace, owner: Client, slug: str) -> None:
    globex = make_workspace(slug="globex-old")
    standing.move(globex, "globex")
    response = owner.post("/w/acme/settings/", {"name": "Acme", "slug": slug})

    assert response.status_code == 400
    assert f'value="{slug}"' in response.content.decode() or not slug
    acme.refresh_from_db()
    assert acme.slug == "acme"


def test_old_address_leads_members_on_with_what_they_sent(acme: Workspace, owner: Client) -> None:
    standing.move(acme, "newer")
    standing.move(acme, "newest")

    for old in ("acme", "newer"):
        response = owner.get(f"/w/{old}/members/?q=o")
        assert (response.status_code, response["Location"]) == (307, "/w/newest/members/?q=o")
    fields = {"emails": "ada@x.test", "role": "viewer"}
    response = owner.post("/w/acme/members/invite/", fields, follow=True)
    assert response.redirect_chain[0] == ("/w/newest/members/invite/", 307)
    assert acme.invitations.get().email == "ada@x.test"


def test_old_address_tells_strangers_nothing(acme: Workspace) -> None:
    standing.move(acme, "newest")
    stranger = browser_of(make_user())
    there, nowhere = stranger.get("/w/acme/"), stranger.get("/w/no-such-workspace/")

    assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)
    assert there.status_code == 404


def test_address_that_another_has_had_is_nobodys(acme: Workspace) -> None:
    standing.move(acme, "newest")

    with pytest.raises(SlugTaken):
        make_workspace(slug="acme")
    with pytest.raises(SlugTaken):
        standing.move(make_workspace(slug="globex"), "acme")
    assert members.free_slug("acme") == "acme-2"
    # Its own it may have back.
    standing.move(acme, "acme")
    assert list(PastAddress.objects.values_list("slug", flat=True)) == ["newest"]


def test_settings_page_counts_a_past_address_as_taken_for_a_new_workspace(
    acme: Workspace, owner: Client
) -> None:
    standing.move(acme, "newest")
    response = owner.post("/workspaces/new/", {"name": "Another", "slug": "acme"})

    assert "This address is taken" in response.content.decode()


# --- Passing the ownership on -------------------------------------------------------------------


def test_ownership_is_passed_on_in_one_step(acme: Workspace, owner: Client) -> None:
    adam = add_member(acme, "editor", make_user("adam@acme.test"))
    page = f"/w/acme/members/{adam.code}/transfer/"
    assert "Make adam@acme.test the owner" in owner.get(page).content.decode()
    response = owner.post(page)

    assert told(response) == ["adam@acme.test owns Acme now. You are an admin of it."]
    assert members.roles(acme) == {"adam@acme.test": "owner", "olivia@acme.test": "admin"}
    assert last_event(acme) == (
        "ownership.passed",
        {"member": "adam@acme.test", "before": "editor", "after": "owner", "by": "olivia@acme.test"},
    )
    assert (mail.outbox[0].to, mail.outbox[0].subject) == (["adam@acme.test"], "You own Acme on Bookbag now")


def test_ownership_asks_who_it_is_before_anything_else(acme: Workspace, owner: Client) -> None:
    adam = add_member(acme, "admin")
    stale()
    page = f"/w/acme/members/{adam.code}/transfer/"

    for response in (owner.get(page), owner.post(page)):
        assert response["Location"] == f"/accounts/reauthenticate/?next={page.replace('/', '%2F')}"
    assert owner_of(acme).user.email == "olivia@acme.test"
    # Told who it is, the page is there, and the act is one press away.
    owner.post(f"/accounts/reauthenticate/?next={page}", {"password": PASSWORD, "next": page})
    assert owner.get(page).status_code == 200


def test_ownership_is_an_owners_to_pass_on(acme: Workspace) -> None:
    adam, edith = add_member(acme, "admin"), add_member(acme, "editor")

    with pytest.raises(OwnerProtected):
        members.transfer(edith, by=adam)
    with pytest.raises(NoLongerMember):
        members.transfer(add_member(make_workspace(), "viewer"), by=owner_of(acme))
    User.objects.filter(pk=edith.user_id).update(is_active=False)
    with pytest.raises(CannotOwn):
        members.transfer(edith, by=owner_of(acme))
    assert [one.role for one in acme.memberships.order_by("pk")] == ["owner", "admin", "editor"]


# --- Suspension ---------------------------------------------------------------------------------


def test_suspended_workspace_is_read_and_not_changed(acme: Workspace, owner: Client) -> None:
    victor = add_member(acme, "viewer", make_user("victor@acme.test"))
    standing.suspend(acme, "Spam was sent.")
    page = owner.get("/w/acme/members/")
    response = owner.post(f"/w/acme/members/{victor.code}/role/", {"role": "editor"})

    assert page.status_code == 200
    assert "Spam was sent." in page.content.decode()
    assert response.status_code == 403
    assert "Spam was sent." in response.content.decode()
    assert members.roles(acme)["victor@acme.test"] == "viewer"
    # To leave takes nothing from anybody.
    assert browser_of(victor.user).post("/w/acme/leave/").status_code == 302
    standing.resume(acme)
    assert owner.post("/w/acme/settings/", {"name": "Acme 2", "slug": "acme"}).status_code == 302


def test_overview_of_a_suspended_workspace_offers_nothing_new(acme: Workspace, owner: Client) -> None:
    assert "New agent" in owner.get("/w/acme/").content.decode()
    standing.suspend(acme, "Spam.")
    page = owner.get("/w/acme/").content.decode()

    assert "New agent" not in page
    assert "Create an agent" not in page
    assert "First steps" not in page


def test_agents_of_a_suspended_workspace_are_listed_and_none_can_be_made(
    acme: Workspace, owner: Client
) -> None:
    way, page = "/w/acme/agents/new/", "/w/acme/agents/"
    assert way in owner.get(page).content.decode()
    standing.suspend(acme, "Spam.")

    shown = owner.get(page).content.decode()
    assert "While the workspace is suspended, none can be made." in shown
    assert way not in shown


def test_suspending_and_resuming_are_audited_once(acme: Workspace) -> None:
    assert [standing.suspend(acme, "Spam."), standing.suspend(acme, "Again.")] == [True, False]
    assert last_event(acme) == ("workspace.suspended", {"reason": "Spam.", "by": "an operator"})
    assert [standing.resume(acme), standing.resume(acme)] == [True, False]
    assert last_event(acme) == ("workspace.resumed", {"reason": "Spam.", "by": "an operator"})


def test_operator_suspends_with_a_reason_and_lets_it_work_again(acme: Workspace, owner: Client) -> None:
    oscar = browser_of(make_user(is_staff=True, is_superuser=True))
    page = f"/admin/workspaces/workspace/{acme.pk}"
    assert f"{acme.pk}/suspend/" in oscar.get(f"{page}/change/").content.decode()
    assert oscar.post(f"{page}/suspend/", {"reason": " "}).status_code == 200
    acme.refresh_from_db()
    assert not acme.is_suspended
    assert oscar.post(f"{page}/suspend/", {"reason": "Spam."}).status_code == 302
    assert "suspended: Spam." in oscar.get(f"{page}/change/").content.decode()
    assert "Spam." in owner.get("/w/acme/").content.decode()
    assert "It was suspended for: Spam." in oscar.get(f"{page}/resume/").content.decode()
    assert oscar.post(f"{page}/resume/").status_code == 302
    acme.refresh_from_db()
    assert not acme.is_suspended


def test_operator_without_the_right_suspends_nothing(acme: Workspace) -> None:
    support = make_user(is_staff=True)
    support.user_permissions.add(Permission.objects.get(codename="view_workspace"))
    response = browser_of(support).post(
        f"/admin/workspaces/workspace/{acme.pk}/suspend/", {"reason": "Spam."}
    )

    assert response.status_code == 403
    acme.refresh_from_db()
    assert not acme.is_suspended
