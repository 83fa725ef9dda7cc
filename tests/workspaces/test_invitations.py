"""Inviting people: who joins at once, whose link works and how often, and that no seat is given twice."""

from functools import partial
from html import unescape
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils.html import strip_tags

from billing.models import Account, Plan
from tests.factories import (
    PASSWORD,
    add_member,
    browser_of,
    make_invitation,
    make_user,
    make_workspace,
    owner_of,
    queries_of,
    told,
)
from tests.workspaces.racing import at_once
from workspaces import invitations, members
from workspaces.errors import (
    InvitationOver,
    InvitationSent,
    NoLongerMember,
    NoSeat,
    NotInvited,
    RoleAboveOwn,
)
from workspaces.invitations import InviteStatus
from workspaces.models import Invitation, Membership, Role, User, Workspace

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/members/"
INVITE = f"{PAGE}invite/"


@pytest.fixture
def olivia() -> User:
    return make_user("olivia@acme.test", name="Olivia")


def invite(
    workspace: Workspace, *addresses: str, role: str = "editor", seats: int | None = None
) -> list[InviteStatus]:
    answers = invitations.invite(addresses, role=Role(role), by=owner_of(workspace), seats=seats)
    return [one.status for one in answers]


def plan_of(workspace: Workspace, seats: int | None) -> None:
    """Give the workspace an account on a plan with so many seats."""
    plan = Plan.objects.create(
        slug="small", name="Small", monthly_credits=0, seat_limit=seats, once_per_person=True
    )
    Account.objects.create(workspace=workspace, plan=plan)


def link_of(invitation: Invitation) -> str:
    return f"/invitations/{invitations.token_of(invitation)}/"


def html_of(sent: Any) -> list[tuple[str, str]]:
    return list(sent.alternatives)


def actions(workspace: Workspace) -> list[str]:
    return list(workspace.audit_events.order_by("id").values_list("action", flat=True))


# --- Who is invited, and what becomes of it -----------------------------------------------------


def test_confirmed_address_joins_at_once(acme: Workspace) -> None:
    ada = make_user("ada@example.test")

    assert invite(acme, "Ada@Example.test") == [InviteStatus.JOINED]
    assert acme.memberships.get(user=ada).role == "editor"
    assert acme.invitations.count() == 0
    assert actions(acme)[-1] == "member.added"


def test_second_confirmed_address_of_a_person_is_theirs_too(acme: Workspace) -> None:
    ada = make_user("ada@example.test")
    EmailAddress.objects.create(user=ada, email="ada@work.test", verified=True)

    assert invite(acme, "ada@work.test") == [InviteStatus.JOINED]
    assert acme.memberships.filter(user=ada).exists()


def test_unconfirmed_address_is_nobodys(acme: Workspace) -> None:
    """A stranger who has registered somebody's address is not let in for it."""
    squatter = make_user("ada@example.test", confirmed=False)

    assert invite(acme, "ada@example.test") == [InviteStatus.INVITED]
    assert not acme.memberships.filter(user=squatter).exists()
    with pytest.raises(NotInvited):
        invitations.accept(acme.invitations.get(), squatter, seats=None)


def test_each_address_is_answered(acme: Workspace) -> None:
    make_user("ada@example.test")
    typed = [
        "new@example.test",
        "ada@example.test",
        "olivia@acme.test",
        "nonsense",
        "x@y",
        f"{'a' * 250}@x.test",
    ]

    assert invite(acme, *typed) == [
        InviteStatus.INVITED,
        InviteStatus.JOINED,
        InviteStatus.MEMBER,
        InviteStatus.MALFORMED,
        InviteStatus.MALFORMED,
        InviteStatus.MALFORMED,
    ]


def test_addresses_are_separated_by_whatever_people_type() -> None:
    text = "a@x.test, b@x.test;c@x.test\r\n\n d@x.test\ta@x.test"

    assert invitations.addresses_in(text) == ["a@x.test", "b@x.test", "c@x.test", "d@x.test"]


def test_owner_is_invited_as_nothing_less(acme: Workspace) -> None:
    assert invite(acme, "olivia@acme.test", role="viewer") == [InviteStatus.MEMBER]
    assert members.roles(acme) == {"olivia@acme.test": "owner"}


def test_nobody_is_invited_as_an_owner(acme: Workspace) -> None:
    with pytest.raises(RoleAboveOwn):
        invite(acme, "new@example.test", role="owner")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_invitation(acme, email="new@example.test").__class__.objects.update(role="owner")


def test_admin_who_is_none_any_more_invites_nobody(acme: Workspace) -> None:
    adam = add_member(acme, "admin")
    Membership.objects.filter(pk=adam.pk).update(role="viewer")

    with pytest.raises(NoLongerMember):
        invitations.invite(["new@example.test"], role=Role.VIEWER, by=adam, seats=None)


def test_invited_again_gets_a_new_link_and_role(acme: Workspace) -> None:
    first = make_invitation(acme, email="new@example.test")
    old = link_of(first)

    assert invite(acme, "new@example.test", role="admin") == [InviteStatus.INVITED]
    now = acme.invitations.get()
    assert (now.pk, now.role, link_of(now) == old) == (first.pk, "admin", False)
    assert invite(acme, "new@example.test") == [InviteStatus.JUST_SENT]


# --- Seats --------------------------------------------------------------------------------------


def test_members_and_open_invitations_take_seats(acme: Workspace) -> None:
    make_user("ada@example.test")

    assert invite(acme, "one@x.test", "two@x.test", "ada@example.test", seats=2) == [
        InviteStatus.INVITED,
        InviteStatus.NO_SEAT,
        InviteStatus.NO_SEAT,
    ]


def test_expired_invitation_takes_none(acme: Workspace) -> None:
    expired = make_invitation(acme, email="old@x.test", hours=25)

    assert invite(acme, "new@x.test", seats=2) == [InviteStatus.INVITED]
    with pytest.raises(NoSeat):
        invitations.resend(expired, by=owner_of(acme), seats=2)


def test_seat_that_is_gone_by_then_is_not_taken(acme: Workspace) -> None:
    invitation = make_invitation(acme, email="ada@x.test")

    with pytest.raises(NoSeat):
        invitations.accept(invitation, make_user("ada@x.test"), seats=1)
    invitation.refresh_from_db()
    assert invitation.state == "pending"


# --- Accepting ----------------------------------------------------------------------------------


def test_link_is_accepted_once(acme: Workspace) -> None:
    invitation, ada = make_invitation(acme, email="ada@x.test", role="admin"), make_user("ada@x.test")

    assert invitations.accept(invitation, ada, seats=None).role == "admin"
    assert actions(acme)[-1] == "member.joined"
    with pytest.raises(InvitationOver):
        invitations.accept(invitation, ada, seats=None)


@pytest.mark.parametrize("role", ["viewer", "owner"])
def test_member_keeps_their_role(acme: Workspace, role: str) -> None:
    invitation, ada = make_invitation(acme, email="ada@x.test", role="editor"), make_user("ada@x.test")
    add_member(acme, role, ada)

    assert invitations.accept(invitation, ada, seats=0).role == role
    assert acme.invitations.get().state == "accepted"


def test_dead_links_are_refused(acme: Workspace) -> None:
    expired = make_invitation(acme, email="ada@x.test", hours=24)
    ada = make_user("ada@x.test")
    with pytest.raises(InvitationOver):
        invitations.accept(expired, ada, seats=None)
    # Sent again, it is the new link that works; revoked, none.
    fresh = invitations.resend(expired, by=owner_of(acme), seats=None)
    with pytest.raises(InvitationOver):
        invitations.accept(expired, ada, seats=None)
    invitations.revoke(fresh, by=owner_of(acme))
    for act in (
        partial(invitations.accept, fresh, ada, seats=None),
        partial(invitations.revoke, fresh, by=owner_of(acme)),
        partial(invitations.resend, fresh, by=owner_of(acme), seats=None),
    ):
        with pytest.raises(InvitationOver):
            act()
    assert not acme.memberships.filter(user=ada).exists()


def test_it_is_not_sent_twice_within_a_minute(acme: Workspace) -> None:
    invitation = make_invitation(acme, email="ada@x.test")
    invitation = invitations.resend(invitation, by=owner_of(acme), seats=None)

    with pytest.raises(InvitationSent):
        invitations.resend(invitation, by=owner_of(acme), seats=None)


def test_neither_the_token_nor_the_link_is_stored(acme: Workspace) -> None:
    invitation = make_invitation(acme, email="ada@x.test")
    token = invitations.token_of(invitation)

    assert token is not None
    assert len(token) == 43
    assert token not in str(Invitation.objects.values())
    assert invitations.find(token) == invitation


def test_link_of_another_secret_is_not_shown(acme: Workspace, settings: Any) -> None:
    invitation = make_invitation(acme, email="ada@x.test")
    settings.SECRET_KEY = "another-" * 8

    assert invitations.token_of(invitation) is None


def test_expired_link_says_who_can_send_another(acme: Workspace) -> None:
    response = Client().get(link_of(make_invitation(acme, email="ada@x.test", hours=24)))

    assert response.status_code == 404
    assert "olivia@acme.test" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_twenty_who_accept_one_invitation_at_once_make_one_membership(acme: Workspace) -> None:
    invitation, ada = make_invitation(acme, email="ada@x.test"), make_user("ada@x.test")
    came_to = at_once(*[partial(invitations.accept, invitation, ada, seats=None)] * 20)

    assert came_to == ["InvitationOver"] * 19 + ["done"]
    assert acme.memberships.filter(user=ada).count() == 1
    assert actions(acme).count("member.joined") == 1


@pytest.mark.django_db(transaction=True)
def test_last_seat_is_taken_by_one_of_twenty(acme: Workspace) -> None:
    people = [make_user(f"p{number}@x.test", confirmed=False) for number in range(20)]
    waiting = [make_invitation(acme, email=person.email) for person in people]
    EmailAddress.objects.update(verified=True)
    came_to = at_once(
        *[
            partial(invitations.accept, one, person, seats=2)
            for one, person in zip(waiting, people, strict=True)
        ]
    )

    assert came_to == ["NoSeat"] * 19 + ["done"]
    assert acme.memberships.count() == 2


# --- The pages ----------------------------------------------------------------------------------


def test_page_says_the_seats_before_the_form(acme: Workspace, owner: Client) -> None:
    plan_of(acme, 3)
    make_invitation(acme, email="ada@x.test")
    page = " ".join(owner.get(PAGE).content.decode().split())

    assert "2 of the 3 seats of the Small plan are taken." in page
    assert "ada@x.test" in page


def test_page_without_a_seat_offers_no_form(acme: Workspace, owner: Client) -> None:
    plan_of(acme, 1)
    page = owner.get(PAGE).content.decode()

    assert "No seat is left" in page
    assert INVITE not in page
    owner.post(INVITE, {"emails": "new@x.test", "role": "viewer"})
    assert "no seat is left" in owner.get(PAGE).content.decode()
    assert acme.invitations.count() == 0


def test_each_address_is_told_and_written_to(acme: Workspace, owner: Client) -> None:
    make_user("ada@x.test")
    response = owner.post(INVITE, {"emails": "new@x.test, ada@x.test nonsense", "role": "admin"}, follow=True)
    page = response.content.decode()

    assert [one["words"] for one in response.context["answers"]] == [
        "was sent an invitation",
        "has joined at once",
        "is not an e-mail address",
    ]
    # What could not be done is in the form again, and told once.
    assert ">\nnonsense</textarea>" in page
    assert owner.get(PAGE).context["answers"] == []
    link = f"http://testserver{link_of(acme.invitations.get())}"
    assert [(one.to, link in one.body) for one in mail.outbox] == [
        (["new@x.test"], True),
        (["ada@x.test"], False),
    ]
    assert "/w/acme/members/" in mail.outbox[1].body
    assert [kind for one in mail.outbox for _, kind in html_of(one)] == ["text/html"] * 2
    assert f'href="{link}"' in str(html_of(mail.outbox[0])[0][0])
    assert link in page


def test_hostile_names_stay_text_in_the_mail(acme: Workspace, owner: Client) -> None:
    Workspace.objects.update(name="<b>Acme</b>\nBcc: x@evil.test")
    owner.post(INVITE, {"emails": "new@x.test", "role": "viewer"})

    assert mail.outbox[0].subject == "Olivia invites you to <b>Acme</b> Bcc: x@evil.test on Bookbag"
    assert "<b>Acme" not in str(html_of(mail.outbox[0])[0][0])


def test_pending_ones_are_shown_up_to_a_limit_and_found_by_their_address(
    acme: Workspace, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookbag.pages.members.PENDING_SHOWN", 1)
    for address in ("ada@x.test", "bob@x.test"):
        make_invitation(acme, email=address)
    first = owner.get(PAGE).content.decode()
    found = [owner.get(f"{PAGE}?q={name}").content.decode() for name in ("ada", "bob")]

    assert "The newest 1 of 2" in " ".join(first.split())
    assert ["ada@x.test" in page for page in found] == [True, False]
    assert ["bob@x.test" in page for page in found] == [False, True]


def test_search_hides_no_invitation_unsaid(acme: Workspace, owner: Client) -> None:
    for address in ("zoe@x.test", "bob@x.test"):
        make_invitation(acme, email=address)

    def shown(words: str) -> str:
        return " ".join(unescape(strip_tags(owner.get(f"{PAGE}?q={words}").content.decode())).split())

    everybody, zoe, olivia, nobody = map(shown, ("", "zoe", "olivia", "nobody"))
    assert "Invitations that wait" in everybody
    assert "2 wait;" not in everybody
    assert "No member's name or address has “zoe” in it, but an invitation that waits has." in zoe
    assert "2 wait; “zoe” is in 1 of the addresses." in zoe
    assert "2 wait; “olivia” is in none of the addresses." in olivia
    assert "2 wait; “nobody” is in none of the addresses." in nobody
    assert ["Nobody to show" in page for page in (everybody, zoe, olivia, nobody)] == [
        False,
        False,
        False,
        True,
    ]


def test_mail_that_fails_leaves_the_link_to_be_copied(acme: Workspace, owner: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1
    page = owner.post(INVITE, {"emails": "a@x.test b@x.test", "role": "viewer"}, follow=True)

    assert page.content.decode().count("could not be sent: copy the link") == 2
    assert acme.invitations.count() == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"emails": "", "role": "viewer"},
        {"emails": "new@x.test", "role": "owner"},
        {"emails": "new@x.test", "role": "god"},
        {"emails": "new@x.test"},
        {"emails": " ".join(f"p{number}@x.test" for number in range(51)), "role": "viewer"},
    ],
)
def test_what_cannot_be_meant_invites_nobody_and_stays_in_the_form(
    acme: Workspace, owner: Client, fields: dict[str, str]
) -> None:
    response = owner.post(INVITE, fields)

    assert response.status_code == 400
    assert fields["emails"] in response.content.decode()
    assert acme.invitations.count() == 0


def test_admin_sends_again_and_revokes(acme: Workspace, owner: Client) -> None:
    invitation = make_invitation(acme, email="ada@x.test")
    old = link_of(invitation)
    response = owner.post(f"{PAGE}invitations/{invitation.pk}/resend/")
    assert told(response) == ["ada@x.test was sent a new link. The one before no longer works."]
    assert Client().get(old).status_code == 404

    new = link_of(acme.invitations.get())
    assert Client().get(new).status_code == 200
    owner.post(f"{PAGE}invitations/{invitation.pk}/revoke/")
    assert Client().get(new).status_code == 404
    assert actions(acme)[-3:] == ["invitation.sent", "invitation.sent_again", "invitation.revoked"]
    assert "no longer works" in told(owner.post(f"{PAGE}invitations/{invitation.pk}/revoke/"))[-1]


def test_page_costs_the_same_whatever_the_number_of_invitations(acme: Workspace, owner: Client) -> None:
    make_invitation(acme, email="one@x.test")
    few = queries_of(owner, PAGE)
    for number in range(50):
        make_invitation(acme, email=f"p{number}@x.test")

    assert queries_of(owner, PAGE) == few


def test_invited_person_signs_in_and_joins(acme: Workspace) -> None:
    make_user("ada@x.test", confirmed=False)
    path = link_of(make_invitation(acme, email="ada@x.test"))
    EmailAddress.objects.update(verified=True)
    browser = Client()
    assert f"/accounts/login/?next={path}" in browser.get(path).content.decode()
    # A press of Join after the session has ended leads to the page, not to a dead end.
    assert browser.post(path)["Location"] == f"/accounts/login/?next={path}"
    response = browser.post(
        f"/accounts/login/?next={path}", {"login": "ada@x.test", "password": PASSWORD, "next": path}
    )
    assert response["Location"] == path
    assert ">Join Acme</button>" in browser.get(path).content.decode()

    response = browser.post(path)
    assert (response["Location"], told(response)[-1]) == ("/w/acme/", "Welcome to Acme. You are a viewer.")
    # The link again, by the back button, leads there as well.
    assert browser.get(path)["Location"] == "/w/acme/"


@pytest.mark.parametrize("mode", ["open", "invited"])
def test_stranger_who_is_invited_finds_the_address_in_the_form(
    acme: Workspace, settings: Any, mode: str
) -> None:
    settings.SIGNUP = mode
    browser = Client()
    browser.get(link_of(make_invitation(acme, email="ada@x.test")))

    assert 'value="ada@x.test"' in browser.get("/accounts/signup/").content.decode()
    assert "ada@x.test" not in Client().get("/accounts/signup/").content.decode()


def test_wrong_account_is_told_which_one_is_meant(acme: Workspace) -> None:
    path = link_of(make_invitation(acme, email="ada@x.test"))
    gina = browser_of(make_user("gina@x.test"))

    assert "You are signed in as <strong>gina@x.test" in gina.get(path).content.decode()
    assert gina.post(path).status_code == 403
    assert members.roles(acme) == {"olivia@acme.test": "owner"}


def test_unconfirmed_account_is_told_to_confirm_and_finds_it_on_the_first_page(acme: Workspace) -> None:
    path = link_of(make_invitation(acme, email="ada@x.test"))
    ada = make_user("ada@x.test", confirmed=False)
    browser = browser_of(ada)

    assert "First show that ada@x.test is yours" in browser.get(path).content.decode()
    assert browser.post(path).status_code == 403
    assert path not in browser.get("/").content.decode()
    EmailAddress.objects.update(verified=True)
    assert path in browser.get("/").content.decode()
    assert browser.post(path)["Location"] == "/w/acme/"


def test_full_workspace_says_so_to_whom_it_invited(acme: Workspace) -> None:
    invitation = make_invitation(acme, email="ada@x.test")
    plan_of(acme, 1)
    response = browser_of(make_user("ada@x.test")).post(link_of(invitation))

    assert response.status_code == 409
    assert "All seats" in response.content.decode()


def test_invitation_opens_the_sign_up_while_it_is_by_invitation_only(acme: Workspace, settings: Any) -> None:
    settings.SIGNUP = "invited"
    path = link_of(make_invitation(acme, email="ada@x.test"))
    browser = Client()
    assert browser.post("/accounts/signup/").status_code == 200  # closed: a page that says so
    browser.get(path)
    fields = {"email": "ada@x.test", "password1": PASSWORD, "password2": PASSWORD, "next": path}
    browser.post("/accounts/signup/", {**fields, "email": "other@x.test"})
    assert not User.objects.filter(email="other@x.test").exists()
    browser.post("/accounts/signup/", fields)

    assert User.objects.filter(email="ada@x.test").exists()


@pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 2000, "%00", "é"])
def test_made_up_link_is_a_404_with_a_way_on(acme: Workspace, token: str) -> None:
    assert Client().get(f"/invitations/{token}/").status_code in (400, 404)


def test_stranger_to_a_workspace_reaches_no_invitation_of_it(acme: Workspace) -> None:
    globex = make_workspace(slug="globex")
    theirs = make_invitation(globex, email="ada@x.test")
    browser = browser_of(owner_of(acme).user)

    for act in ("resend", "revoke"):
        assert browser.post(f"{PAGE}invitations/{theirs.pk}/{act}/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.state == "pending"
