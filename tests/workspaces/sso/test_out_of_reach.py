"""Signing in with an OpenID Connect issuer: when it does not go through."""

from typing import Any

import pytest
from django.test import Client

from tests.factories import PASSWORD, make_user
from tests.harness.issuer import Issuer
from tests.workspaces.sso.signing_in import (
    BEGIN,
    came_back,
    heading,
    is_in,
    nothing_changed,
)

pytestmark = pytest.mark.django_db


def test_person_who_says_no_is_back_at_the_sign_in_page(issuer: Issuer) -> None:
    browser = Client()
    answer = came_back(browser, issuer, cancel=True, next="/workspaces/new/")
    page = browser.get(answer["Location"]).content.decode()

    assert answer["Location"] == "/accounts/login/?next=%2Fworkspaces%2Fnew%2F"
    assert "You came back from Acme ID without signing in. Nothing was changed." in page


@pytest.mark.parametrize("part", ["/.well-known/openid-configuration", "/token", "/keys"])
@pytest.mark.parametrize("given", [500, 302, "<html>", "[]", '{"a": "' + "a" * 300_000 + '"}', "[" * 100_000])
def test_issuer_that_does_not_answer_as_one_is_said_to_be_out_of_reach(
    issuer: Issuer, part: str, given: Any
) -> None:
    make_user("olivia@acme.test")
    issuer.answers[part] = given
    browser = Client()
    answer = browser.post(BEGIN) if part.startswith("/.") else came_back(browser, issuer)

    assert (answer.status_code, heading(answer)) == (503, "Acme ID cannot be reached")
    assert nothing_changed()


def test_issuer_that_is_down_leaves_the_other_ways(issuer: Issuer) -> None:
    make_user("olivia@acme.test")
    issuer.stop()
    browser = Client()
    answer = browser.post(BEGIN)

    assert (answer.status_code, heading(answer)) == (503, "Acme ID cannot be reached")
    browser.post("/accounts/login/", {"login": "olivia@acme.test", "password": PASSWORD})
    assert is_in(browser)


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "authorization_endpoint"])
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://169.254.169.254/x",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "http://[::1",
        5,
        None,
        "\ud800",
    ],
)
def test_server_is_sent_to_no_host_but_the_issuers(issuer: Issuer, name: str, elsewhere: Any) -> None:
    at_issuer = f"{issuer.name}/\ud800" if elsewhere == "\ud800" else elsewhere
    issuer.answers["/.well-known/openid-configuration"] = {**issuer.description(), name: at_issuer}
    browser = Client()
    answer = browser.post(BEGIN)
    if name != "authorization_endpoint":
        answer = came_back(browser, issuer)

    assert heading(answer) == "Acme ID cannot be reached"


def test_issuer_that_names_its_ways_oddly_is_asked_in_the_usual_one(issuer: Issuer) -> None:
    odd = {**issuer.description(), "token_endpoint_auth_methods_supported": 5}
    issuer.answers["/.well-known/openid-configuration"] = odd
    browser = Client()
    came_back(browser, issuer)

    assert is_in(browser)


def test_issuer_that_calls_itself_something_else_is_refused(issuer: Issuer) -> None:
    issuer.answers["/.well-known/openid-configuration"] = {
        **issuer.description(),
        "issuer": "https://another.test",
    }

    assert Client().post(BEGIN).status_code == 503


def test_sign_ins_that_are_begun_are_counted(issuer: Issuer) -> None:
    answers = [Client().post(BEGIN).status_code for _ in range(61)]

    assert answers == [200] * 60 + [429]


def test_sign_in_leads_off_the_site_to_nowhere(issuer: Issuer) -> None:
    answer = came_back(Client(), issuer, next="https://evil.test/")

    assert answer["Location"] == "/"
