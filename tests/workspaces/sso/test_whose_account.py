"""Signing in with an OpenID Connect issuer: whose account it opens, and that a second factor is asked for all the same."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD, add_member, make_invitation, make_user, make_workspace
from tests.harness.issuer import Issuer
from tests.workspaces.sso.signing_in import came_back, heading, is_in, nothing_changed
from workspaces import invitations, second_factors
from workspaces.models import AuditEvent, Identity, User

pytestmark = pytest.mark.django_db


def test_verified_address_of_nobody_makes_an_account_and_signs_in(issuer: Issuer) -> None:
    issuer.person["name"] = "Olivia"
    browser = Client()
    answer = came_back(browser, issuer, next="/workspaces/new/")
    olivia = User.objects.get(email="olivia@acme.test")

    assert (answer.status_code, answer["Location"]) == (302, "/workspaces/new/")
    assert is_in(browser)
    assert (olivia.name, olivia.has_usable_password()) == ("Olivia", False)
    assert EmailAddress.objects.get(user=olivia).verified
    acts = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert acts == ["address.confirmed", "person.signed_up", "person.signed_in"]
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_confirmed_address_joins_the_account_and_its_owner_is_told(issuer: Issuer) -> None:
    olivia = make_user("olivia@acme.test")
    browser = Client()
    came_back(browser, issuer)

    assert is_in(browser)
    assert Identity.objects.get().person == olivia
    assert [(one.to, one.subject) for one in mail.outbox] == [
        (["olivia@acme.test"], "Acme ID signs you in to Bookbag")
    ]
    event = AuditEvent.objects.get(action="identity.added")
    assert event.sentence == f"{issuer.name} signs in to the account from now on, as olivia@acme.test"
    # The password goes on working.
    assert Client().login(email="olivia@acme.test", password=PASSWORD)


def test_person_is_known_by_the_subject_whatever_the_address_is_by_now(issuer: Issuer) -> None:
    make_user("olivia@acme.test")
    came_back(Client(), issuer)
    issuer.person |= {"email": "gina@globex.test"}
    make_user("gina@globex.test")
    browser = Client()
    came_back(browser, issuer)

    assert is_in(browser, "olivia@acme.test")
    assert Identity.objects.get().address == "gina@globex.test"


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_address_that_the_issuer_has_not_verified_is_nobodys(issuer: Issuer, verified: Any) -> None:
    make_user("olivia@acme.test")
    issuer.person["email_verified"] = verified
    browser = Client()
    answer = came_back(browser, issuer)

    assert (answer.status_code, heading(answer)) == (403, "Your address is not verified at Acme ID")
    assert nothing_changed()
    assert not is_in(browser)


def test_address_that_was_never_confirmed_here_is_not_taken_over(issuer: Issuer) -> None:
    """An operator has added somebody, who has not shown that the address is theirs."""
    User.objects.create_user("olivia@acme.test", PASSWORD)
    answer = came_back(Client(), issuer)

    assert (answer.status_code, heading(answer)) == (403, "There is an account with your address already")
    assert nothing_changed()


def test_strangers_sign_up_with_the_address_gives_way(issuer: Issuer) -> None:
    Client().post(
        "/accounts/signup/", {"email": "olivia@acme.test", "password1": PASSWORD, "password2": PASSWORD}
    )
    came_back(Client(), issuer)

    assert not Client().login(email="olivia@acme.test", password=PASSWORD)
    assert User.objects.get(email="olivia@acme.test").identities.count() == 1


def test_operator_is_not_joined_unasked(issuer: Issuer) -> None:
    make_user("olivia@acme.test", is_staff=True)
    answer = came_back(Client(), issuer)

    assert heading(answer) == "Operators connect Acme ID themselves"
    assert nothing_changed()


def test_second_account_there_with_the_same_address_is_refused(issuer: Issuer) -> None:
    make_user("olivia@acme.test")
    came_back(Client(), issuer)
    issuer.person["sub"] = "2002"
    browser = Client()
    answer = came_back(browser, issuer)

    assert heading(answer) == "Another account at Acme ID is connected already"
    assert not is_in(browser)


def test_disabled_person_is_not_signed_in(issuer: Issuer) -> None:
    make_user("olivia@acme.test", is_active=False)
    browser = Client()
    came_back(browser, issuer)

    assert not is_in(browser)


def test_closed_sign_up_is_closed_here_too(issuer: Issuer, settings: Any) -> None:
    settings.SIGNUP = "closed"
    answer = came_back(Client(), issuer)

    assert heading(answer) == "There is no account with your address"
    assert not User.objects.exists()


def test_invited_person_comes_in_with_the_issuer_and_joins(issuer: Issuer, settings: Any) -> None:
    settings.SIGNUP = "invited"
    acme = make_workspace(slug="acme")
    path = reverse(
        "workspaces:invitation", args=[invitations.token_of(make_invitation(acme, email="olivia@acme.test"))]
    )
    browser = Client()
    browser.get(path)
    answer = came_back(browser, issuer, next=path)
    browser.post(answer["Location"])

    assert acme.memberships.filter(user__email="olivia@acme.test").exists()


def test_sign_ups_of_a_network_are_counted(issuer: Issuer, settings: Any) -> None:
    settings.SIGNUPS_PER_ADDRESS = 1
    came_back(Client(), issuer)
    issuer.person |= {"sub": "2002", "email": "adam@acme.test"}

    assert came_back(Client(), issuer).status_code == 429
    assert not User.objects.filter(email="adam@acme.test").exists()


def test_second_factor_is_asked_for_after_the_issuer_too(issuer: Issuer) -> None:
    olivia = make_user("olivia@acme.test")
    with second_factors.belonging_to(olivia):
        TOTP.activate(olivia, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    browser = Client()
    answer = came_back(browser, issuer)

    assert answer["Location"] == "/accounts/second-factor/authenticate/"
    assert not is_in(browser)


def test_workspace_that_wants_a_second_factor_wants_one_of_these_too(issuer: Issuer) -> None:
    acme = make_workspace(slug="acme")
    acme.second_factor_required = True
    acme.save()
    add_member(acme, "editor", make_user("olivia@acme.test"))
    browser = Client()
    came_back(browser, issuer)

    assert browser.get("/w/acme/").status_code == 403
    Authenticator.objects.create(
        user=User.objects.get(email="olivia@acme.test"), type="totp", data={"secret": "-"}
    )
    assert browser.get("/w/acme/").status_code == 200
