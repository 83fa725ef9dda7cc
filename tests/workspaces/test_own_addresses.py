"""The page of one's e-mail addresses: the primary one is confirmed, and nobody's else."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from tests.factories import PASSWORD, browser_of, make_user
from workspaces.models import User

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/accounts/email/"
ANOTHERS = "Another account signs in with that address."


def ask(browser: Client, act: str, email: str) -> str:
    response: Any = browser.post(PAGE, {f"action_{act}": "", "email": email}, follow=True)
    assert response.status_code == 200
    return str(response.content.decode())


def link() -> str:
    found = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found.group(1)


def added_by_an_operator(email: str) -> User:
    return User.objects.create_user(email, PASSWORD)


def test_unconfirmed_address_is_not_made_the_primary_one() -> None:
    """Its owner could not sign up with it any more."""
    browser = browser_of(added_by_an_operator("olivia@acme.test"))
    ask(browser, "add", "gina@globex.test")
    page = ask(browser, "primary", "gina@globex.test")

    assert "Confirm the address first" in page
    assert "Make primary" not in page
    assert User.objects.get().email == "olivia@acme.test"


def test_unconfirmed_person_takes_no_address_of_another_account() -> None:
    browser = browser_of(added_by_an_operator("olivia@acme.test"))
    ask(browser, "add", "gina@globex.test")
    added_by_an_operator("gina@globex.test")
    page = ask(browser, "primary", "gina@globex.test")

    assert "Confirm the address first" in page
    assert User.objects.filter(email="gina@globex.test").count() == 1


def test_confirmed_address_that_another_account_signs_in_with_is_refused_in_words() -> None:
    olivia = make_user("olivia@acme.test")
    EmailAddress.objects.create(user=olivia, email="gina@globex.test", verified=True)
    added_by_an_operator("gina@globex.test")
    page = ask(browser_of(olivia), "primary", "gina@globex.test")

    assert ANOTHERS in page
    olivia.refresh_from_db()
    assert olivia.email == "olivia@acme.test"
    assert EmailAddress.objects.get(user=olivia, primary=True).email == "olivia@acme.test"


def test_link_that_confirms_an_address_of_another_account_is_answered_in_words() -> None:
    browser = browser_of(added_by_an_operator("olivia@acme.test"))
    ask(browser, "add", "gina@globex.test")
    path = link()
    added_by_an_operator("gina@globex.test")
    answer: Any = browser.post(path, follow=True)

    assert answer.status_code == 200
    assert ANOTHERS in answer.content.decode()
    assert not EmailAddress.objects.filter(email="gina@globex.test", verified=True).exists()


def test_confirmed_address_becomes_the_primary_one() -> None:
    olivia = make_user("olivia@acme.test")
    EmailAddress.objects.create(user=olivia, email="olivia@home.test", verified=True)
    ask(browser_of(olivia), "primary", "olivia@home.test")
    olivia.refresh_from_db()

    assert olivia.email == "olivia@home.test"


def test_page_is_for_people_who_are_signed_in() -> None:
    assert Client().get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
