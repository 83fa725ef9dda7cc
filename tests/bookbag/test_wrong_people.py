"""People with an old tab, a second tab or two quick fingers: what they send is refused, or done once, and nothing is lost."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import resolve

from bookbag.pages.own_account import AccountForm
from tests.factories import (
    PASSWORD,
    add_member,
    browser_of,
    make_invitation,
    make_user,
    make_workspace,
)
from tests.harness.cast import Cast
from workspaces import invitations, members, standing
from workspaces.models import Membership, Role, User, Workspace

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "another-horse-8-battery"
NEW = "/workspaces/new/"
PROFILE = {"name": "Olivia", "time_zone": "UTC", "theme": "system"}


def page_of(answer: Any) -> str:
    return str(answer.content.decode())


# --- Two tabs ----------------------------------------------------------------------------------------


def test_profile_that_is_saved_writes_over_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator disables the person between the look at their row and the save."""
    olivia = make_user("olivia@acme.test")
    browser = browser_of(olivia)

    def meanwhile(form: AccountForm) -> str:
        User.objects.filter(pk=olivia.pk).update(is_active=False, password="!")
        return ""

    monkeypatch.setattr(AccountForm, "clean_theme", meanwhile)
    browser.post("/account/", PROFILE)
    olivia.refresh_from_db()

    assert (olivia.name, olivia.is_active, olivia.password) == ("Olivia", False, "!")


def test_workspace_that_is_made_in_another_tab_keeps_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    olivia = make_user("olivia@acme.test")
    acme = make_workspace()
    add_member(acme, Role.EDITOR, olivia)
    browser = browser_of(olivia)
    leave = members.leave

    def meanwhile(member: Membership, **kwargs: Any) -> None:
        leave(member, **kwargs)
        make_workspace(olivia, name="Initech")

    monkeypatch.setattr(members, "leave", meanwhile)
    browser.post("/account/delete/", {"confirm": olivia.email})

    assert User.objects.filter(pk=olivia.pk).exists()
    # All or nothing.
    assert acme.memberships.filter(user=olivia).exists()


def test_account_that_another_tab_has_deleted_is_asked_to_sign_in(client: Client) -> None:
    olivia = make_user("olivia@acme.test")
    one, other = browser_of(olivia), browser_of(olivia)
    one.post("/account/delete/", {"confirm": olivia.email})
    answers = [
        other.get("/account/"),
        other.post("/account/", PROFILE),
        other.post("/account/delete/", {"confirm": olivia.email}),
        other.post(NEW, {"name": "Acme"}),
    ]

    assert {answer["Location"].partition("?")[0] for answer in answers} == {"/accounts/login/"}
    assert not User.objects.filter(email=olivia.email).exists()
    assert not Workspace.objects.exists()


def test_only_owner_in_one_tab_cannot_delete_the_account_in_the_other() -> None:
    olivia, adam = make_user("olivia@acme.test"), make_user("adam@acme.test")
    acme = make_workspace(olivia)
    second = add_member(acme, Role.OWNER, adam)
    tab = browser_of(olivia)
    assert "It is the only owner" not in page_of(tab.get("/account/delete/"))
    members.leave(second)
    answer = tab.post("/account/delete/", {"confirm": olivia.email}, follow=True)

    assert acme.name in page_of(answer)
    assert acme.memberships.get(role=Role.OWNER).user == olivia


def test_changed_password_ends_the_other_sessions() -> None:
    olivia = make_user("olivia@acme.test")
    here, there = Client(), Client()
    for browser in (here, there):
        browser.post("/accounts/login/", {"login": olivia.email, "password": PASSWORD})
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    here.post("/accounts/password/change/", fields)

    assert (here.get("/account/").status_code, there.get("/account/").status_code) == (200, 302)
    assert there.post("/account/", PROFILE)["Location"].startswith("/accounts/login/")
    olivia.refresh_from_db()
    assert olivia.name == ""


def test_passkey_that_was_the_only_factor_shuts_its_owner_out_with_the_way_back() -> None:
    olivia = make_user("olivia@acme.test")
    acme = make_workspace(olivia, slug="acme")
    Workspace.objects.update(second_factor_required=True)
    passkey = Authenticator.objects.create(user=olivia, type="webauthn", data={"name": "Laptop"})
    tab = browser_of(olivia)
    assert tab.get("/w/acme/members/").status_code == 200
    tab.post(f"/accounts/second-factor/webauthn/keys/{passkey.pk}/remove/")
    assert not Authenticator.objects.exists()
    answer = tab.get("/w/acme/members/")

    assert answer.status_code == 403
    assert 'href="/accounts/second-factor/"' in page_of(answer)
    assert tab.post("/w/acme/settings/", {"name": "Mine", "slug": "mine"}).status_code == 403
    acme.refresh_from_db()
    assert acme.name == "Acme"


# --- Two presses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["", "initech"])
def test_new_workspace_that_is_sent_twice_is_made_once(cast: Cast, slug: str) -> None:
    browser = browser_of(cast.olivia)
    answers = [browser.post(NEW, {"name": "Initech", "slug": slug}) for _ in range(2)]

    assert [answer["Location"] for answer in answers] == ["/w/initech/"] * 2
    assert Workspace.objects.filter(name="Initech").count() == 1


def test_another_name_or_another_persons_workspace_is_made(cast: Cast) -> None:
    browser_of(cast.olivia).post(NEW, {"name": "Initech"})
    other = browser_of(cast.adam).post(NEW, {"name": "Initech"})
    another = browser_of(cast.olivia).post(NEW, {"name": "Initrode"})

    assert (other["Location"], another["Location"]) == ("/w/initech-2/", "/w/initrode/")


def test_acts_on_people_that_are_sent_twice_are_done_once() -> None:
    olivia, ada = make_user("olivia@acme.test"), make_user("ada@x.test")
    acme = make_workspace(olivia, slug="acme")
    invitation = make_invitation(acme, email="new@x.test")
    gone = add_member(acme, Role.VIEWER)
    changed = add_member(acme, Role.VIEWER, ada)
    browser = browser_of(olivia)
    acts: list[tuple[str, dict[str, str]]] = [
        (f"members/invitations/{invitation.pk}/revoke/", {}),
        (f"members/{gone.code}/remove/", {}),
        (f"members/{changed.code}/role/", {"role": "admin"}),
        (f"members/{changed.code}/transfer/", {}),
    ]
    statuses = [
        [browser.post(f"/w/acme/{path}", fields).status_code for _ in range(2)] for path, fields in acts
    ]

    assert statuses == [[302, 302], [302, 404], [302, 302], [302, 403]]
    actions = list(acme.audit_events.order_by("pk").values_list("action", flat=True))[-4:]
    assert actions == ["invitation.revoked", "member.removed", "member.role_changed", "ownership.passed"]
    assert acme.memberships.get(role=Role.OWNER).user == ada


def test_invitation_that_is_accepted_twice_leads_in_twice() -> None:
    acme = make_workspace(slug="acme")

    path = f"/invitations/{invitations.token_of(make_invitation(acme, email='ada@x.test'))}/"
    browser = browser_of(make_user("ada@x.test"))

    assert [browser.post(path)["Location"] for _ in range(2)] == ["/w/acme/"] * 2
    assert acme.memberships.count() == 2


# --- The wrong place ---------------------------------------------------------------------------------


def test_nobody_joins_a_suspended_workspace_and_the_invitation_waits() -> None:
    acme = make_workspace(slug="acme")

    invitation = make_invitation(acme, email="ada@x.test")
    path = f"/invitations/{invitations.token_of(invitation)}/"
    browser = browser_of(make_user("ada@x.test"))
    standing.suspend(acme, "Spam.")
    answer = browser.post(path)

    assert answer.status_code == 409
    assert "nobody can join until it works again" in page_of(answer)
    assert "Spam." not in page_of(answer)
    standing.resume(acme)
    assert browser.post(path)["Location"] == "/w/acme/"


def test_invitation_is_for_whoever_has_the_address_by_now() -> None:
    """Ada gives the address up, and Bob confirms it for his account."""
    acme = make_workspace(slug="acme")

    path = f"/invitations/{invitations.token_of(make_invitation(acme, email='team@x.test'))}/"
    ada, bob = make_user("ada@x.test"), make_user("bob@x.test")
    address = EmailAddress.objects.create(user=ada, email="team@x.test", verified=True)
    tab = browser_of(ada)
    assert "Join Acme</button>" in page_of(tab.get(path))
    address.delete()
    EmailAddress.objects.create(user=bob, email="team@x.test", verified=True)

    assert tab.post(path).status_code == 403
    assert browser_of(bob).post(path)["Location"] == "/w/acme/"
    assert set(acme.memberships.exclude(role=Role.OWNER).values_list("user", flat=True)) == {bob.pk}


def test_removed_member_with_an_open_tab_changes_nothing(cast: Cast) -> None:
    tab = browser_of(cast.adam)
    assert tab.get("/w/acme/members/").status_code == 200
    victor = cast.acme.memberships.get(user=cast.victor)
    own = cast.acme.memberships.get(user=cast.adam)
    members.remove(own, by=cast.acme.memberships.get(user=cast.olivia))
    events = cast.acme.audit_events.count()
    acts: list[tuple[str, dict[str, str]]] = [
        ("members/invite/", {"emails": "x@y.test", "role": "viewer"}),
        (f"members/{victor.code}/role/", {"role": "admin"}),
        (f"members/{victor.code}/remove/", {}),
        ("leave/", {}),
        ("settings/", {"name": "Mine", "slug": "mine"}),
        ("settings/second-factor/", {"required": "on"}),
        ("settings/llm/byo/", {"byo_enabled": "on"}),
    ]

    # Each is there for somebody.
    assert all(resolve(f"/w/acme/{path}") for path, _ in acts)
    assert {path: tab.post(f"/w/acme/{path}", fields).status_code for path, fields in acts} == {
        path: 404 for path, _ in acts
    }
    assert cast.acme.audit_events.count() == events
