"""Signing in with an OpenID Connect issuer: where its button is, who may ask for which address, and what an export has of it."""

import re

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.factories import browser_of, make_user
from tests.harness.issuer import Issuer
from tests.workspaces.sso.signing_in import (
    BEGIN,
    CONFIRM,
    CONNECT,
    REMOVE,
    came_back,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/"])
def test_button_is_where_people_sign_in_and_leads_on_afterwards(issuer: Issuer, path: str) -> None:
    page = Client().get(path, {"next": "/workspaces/new/"}).content.decode()

    assert re.search(r'action="/sso/".*?name="next" value="/workspaces/new/".*?with Acme ID', page, re.S)


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/account/"])
def test_nothing_of_it_is_there_where_no_issuer_is_named(path: str) -> None:
    browser = browser_of(make_user()) if path == "/account/" else Client()

    assert "sso" not in browser.get(path).content.decode()
    assert Client().post(BEGIN).status_code == 404
    with pytest.raises(NoReverseMatch):
        reverse("sso_begin")


# Name, method, and what a visitor and somebody signed in are answered: an address without a line here fails.
MAP = {
    ("sso_begin", "POST"): (200, 302),
    ("sso_back", "GET"): (400, 400),
    ("sso_connect", "POST"): (302, 200),
    ("sso_confirm", "GET"): (302, 302),
    ("sso_confirm", "POST"): (302, 302),
    ("sso_remove", "POST"): (302, 302),
}


def test_every_address_of_it_answers_as_the_table_says(issuer: Issuer) -> None:
    from workspaces.sso_urls import urlpatterns

    assert {name for name, _ in MAP} == {one.name for one in urlpatterns}
    assert all(getattr(one.callback, "access", "") for one in urlpatterns)
    for (name, method), expected in MAP.items():
        asked = [Client(), browser_of(make_user())]
        found = tuple(one.generic(method, reverse(name)).status_code for one in asked)
        assert (name, found) == (name, expected)


def test_writers_want_a_token_of_the_page(issuer: Issuer) -> None:
    browser = browser_of(make_user(), enforce_csrf_checks=True)

    assert {browser.post(path).status_code for path in (BEGIN, CONNECT, CONFIRM, REMOVE)} == {403}


@pytest.mark.django_db(transaction=True)
def test_export_of_own_data_has_it(issuer: Issuer) -> None:
    browser = Client()
    came_back(browser, issuer)
    text = b"".join(browser.get("/account/export.json")).decode()

    assert f'"issuer": "{issuer.name}"' in text
