"""Signing in with an OpenID Connect issuer: connected to an account, removed from it, and asked to confirm who one is."""

import time
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from tests.factories import browser_of, make_user
from tests.harness.issuer import Issuer
from tests.workspaces.sso.signing_in import (
    CONFIRM,
    CONNECT,
    HOUR,
    REMOVE,
    came_back,
    heading,
    is_in,
    led_out,
    stale,
)
from workspaces.models import AuditEvent, Identity

pytestmark = pytest.mark.django_db

# Of when somebody signed in there.
PROVES_NOTHING = {
    "an hour ago": int(time.time()) - HOUR,
    "nobody knows when": None,
    "tomorrow": int(time.time()) + 24 * HOUR,
    "beyond all numbers": 10**400,
    "never": float("inf"),
    "no number": float("nan"),
}


def test_signed_in_person_connects_whichever_account_they_have_there(issuer: Issuer) -> None:
    issuer.person |= {"email": "olivia@home.test", "email_verified": False}
    browser = browser_of(make_user("olivia@acme.test"))
    came_back(browser, issuer, CONNECT)

    assert "Signs you in as" in browser.get("/account/").content.decode()
    other = Client()
    came_back(other, issuer)
    assert is_in(other)


def test_identity_of_somebody_else_is_not_connected(issuer: Issuer) -> None:
    make_user("olivia@acme.test")
    came_back(Client(), issuer)
    answer = came_back(browser_of(make_user("adam@acme.test")), issuer, CONNECT)

    assert heading(answer) == "It signs in somebody else already"
    assert Identity.objects.get().person.email == "olivia@acme.test"


def test_answer_for_one_person_is_not_taken_for_the_next_in_the_same_browser(issuer: Issuer) -> None:
    browser = browser_of(make_user("olivia@acme.test"))
    address = issuer.visit(led_out(browser, CONNECT))
    browser.force_login(make_user("adam@acme.test"))

    assert heading(browser.get(address)) == "That sign-in is over"
    assert not Identity.objects.exists()


@pytest.mark.parametrize("path", [CONNECT, REMOVE])
def test_old_sign_in_is_confirmed_before_anything_is_connected_or_removed(issuer: Issuer, path: str) -> None:
    browser = stale(browser_of(make_user("olivia@acme.test")))

    assert browser.post(path)["Location"] == "/accounts/reauthenticate/?next=%2Faccount%2F"


@pytest.mark.django_db(transaction=True)
def test_identity_is_removed_while_something_else_signs_in(issuer: Issuer) -> None:
    browser = Client()
    make_user("olivia@acme.test")
    came_back(browser, issuer)
    browser.post(REMOVE)

    assert not Identity.objects.exists()
    assert mail.outbox[-1].subject == "Acme ID no longer signs you in to Bookbag"
    assert AuditEvent.objects.filter(action="identity.removed").count() == 1


def test_only_way_in_is_kept(issuer: Issuer) -> None:
    browser = Client()
    came_back(browser, issuer)
    page = browser.get("/account/").content.decode()
    answer = browser.post(REMOVE, follow=True).content.decode()

    assert "Remove Acme ID" not in page
    assert "Set a password or add a passkey first" in answer
    assert Identity.objects.count() == 1


def test_person_without_a_password_confirms_where_they_signed_in(issuer: Issuer) -> None:
    browser = Client()
    came_back(browser, issuer)
    stale(browser)
    asked = browser.get("/account/export.json", follow=True)
    assert asked.redirect_chain[-1][0].startswith(CONFIRM)
    answer = came_back(browser, issuer, CONFIRM, next="/account/delete/")

    assert answer["Location"] == "/account/delete/"
    assert browser.get("/account/delete/").status_code == 200


def test_person_without_a_password_is_asked_by_allauths_pages_too(issuer: Issuer) -> None:
    browser = Client()
    came_back(browser, issuer)

    assert browser.get("/accounts/second-factor/totp/activate/").status_code == 200
    assert stale(browser).get("/accounts/second-factor/totp/activate/")["Location"].startswith(CONFIRM)


def test_somebody_else_there_confirms_nothing(issuer: Issuer) -> None:
    browser = Client()
    came_back(browser, issuer)
    stale(browser)
    issuer.person = {"sub": "2002", "email": "adam@acme.test", "email_verified": True}

    assert heading(came_back(browser, issuer, CONFIRM)) == "That is somebody else at Acme ID"
    assert browser.get("/account/export.json").status_code == 302


@pytest.mark.parametrize("auth_time", PROVES_NOTHING.values(), ids=PROVES_NOTHING)
def test_sign_in_that_the_issuer_remembers_confirms_nothing(issuer: Issuer, auth_time: Any) -> None:
    browser = Client()
    came_back(browser, issuer)
    stale(browser)
    issuer.told = {"auth_time": auth_time}

    refused = came_back(browser, issuer, CONFIRM)

    assert heading(refused) == "Acme ID did not ask who you are"
    assert browser.get("/account/export.json").status_code == 302
    # The way on for a person without a password.
    assert browser.get("/accounts/password/reset/").status_code == 200
