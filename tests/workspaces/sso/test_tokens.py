"""Signing in with an OpenID Connect issuer: what its token and its answer must prove."""

import re
import time
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_user
from tests.harness import issuer as double
from tests.harness.issuer import Issuer
from tests.workspaces.sso.signing_in import (
    HOUR,
    came_back,
    heading,
    is_in,
    led_out,
    nothing_changed,
)
from workspaces.issuer import Question
from workspaces.models import User

pytestmark = pytest.mark.django_db

WRONG: dict[str, dict[str, Any]] = {
    "nonce": {"nonce": "of another sign-in"},
    "no nonce": {"nonce": None},
    "half a sign as nonce": {"nonce": "\ud800"},
    "list as nonce": {"nonce": ["x"]},
    "audience": {"aud": "another-client"},
    "no audience": {"aud": None},
    "several, and not said for whom": {"aud": [double.CLIENT, "another-client"]},
    "party": {"azp": "another-client"},
    "issuer": {"iss": "https://another.test"},
    "no issuer": {"iss": None},
    "expired": {"exp": int(time.time()) - HOUR},
    "no end": {"exp": None},
    "from the future": {"iat": int(time.time()) + HOUR},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "endless subject": {"sub": "1" * 256},
    "unseen subject": {"sub": "1\0"},
    "half a sign as subject": {"sub": "1\ud800"},
    "no moment": {"exp": float("inf")},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_token_with_a_wrong_claim_is_refused(issuer: Issuer, wrong: str) -> None:
    make_user("olivia@acme.test")
    issuer.told = WRONG[wrong]
    browser = Client()
    answer = came_back(browser, issuer)

    assert (answer.status_code, heading(answer)) == (400, "Acme ID did not say who you are")
    assert nothing_changed()
    assert not is_in(browser)


@pytest.mark.parametrize(
    "address",
    [
        "a\0@x.test",
        "a\ud800@x.test",
        f"{'x' * 250}@x.test",
        "no address",
        "a@x.test\nBcc: b@x.test",
        ["a@x.test"],
    ],
)
def test_address_that_is_none_is_nobodys(issuer: Issuer, address: Any) -> None:
    issuer.told = {"email": address}
    answer = came_back(Client(), issuer)

    assert (answer.status_code, heading(answer)) == (403, "Your address is not verified at Acme ID")
    assert not User.objects.exists()


def test_name_that_the_issuer_gives_is_one_line(issuer: Issuer) -> None:
    issuer.told = {"name": "\u202eOlivia\n\0of \ud800Acme"}
    came_back(Client(), issuer)

    assert User.objects.get().name == "Olivia of Acme"


@pytest.mark.parametrize("name", [{"a": 1}, ["x"], 5, True])
def test_name_that_is_no_text_is_none(issuer: Issuer, name: Any) -> None:
    issuer.told = {"name": name}
    came_back(Client(), issuer)

    assert User.objects.get().name == ""


@pytest.mark.parametrize(
    ("algorithm", "signed_with"),
    [("none", None), ("HS256", "a secret/with+signs, made longer"), ("RS256", double.OTHERS_KEY)],
)
def test_token_that_the_issuer_has_not_signed_is_refused(
    issuer: Issuer, algorithm: str, signed_with: Any
) -> None:
    make_user("olivia@acme.test")
    issuer.algorithm, issuer.signed_with = algorithm, signed_with
    answer = came_back(Client(), issuer)

    assert heading(answer) == "Acme ID did not say who you are"
    assert nothing_changed()


def test_state_of_another_browser_fits_nothing(issuer: Issuer) -> None:
    """Somebody's own answer, sent to a victim, would sign the victim in to the sender's account."""
    make_user("olivia@acme.test")
    address = issuer.visit(led_out(Client()))
    victim = Client()
    led_out(victim)
    answer = victim.get(address)

    assert (answer.status_code, heading(answer)) == (400, "That sign-in is over")
    assert not is_in(victim)
    assert "/token" not in issuer.asked


def test_answer_works_once(issuer: Issuer) -> None:
    browser = Client()
    address = issuer.visit(led_out(browser))
    browser.get(address)
    browser.post("/accounts/logout/")

    assert heading(browser.get(address)) == "That sign-in is over"
    assert not is_in(browser)


def test_answer_after_ten_minutes_is_refused(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Client()
    address = issuer.visit(led_out(browser))
    later = time.time() + 601
    monkeypatch.setattr("workspaces.sso_pages.time.time", lambda: later)

    assert heading(browser.get(address)) == "That sign-in is over"


def test_answer_in_the_name_of_another_issuer_is_refused(issuer: Issuer) -> None:
    browser = Client()
    address = issuer.visit(led_out(browser)) + "&iss=https%3A%2F%2Fanother.test"

    assert heading(browser.get(address)) == "Acme ID did not say who you are"
    assert "/token" not in issuer.asked


def test_another_verifier_gets_no_token(issuer: Issuer) -> None:
    """PKCE: whoever has read the code on its way cannot use it."""
    browser = Client()
    address = issuer.visit(led_out(browser))
    session = browser.session
    for asked in session["sso_asked"].values():
        asked["verifier"] = Question.new().verifier
    session.save()

    assert heading(browser.get(address)) == "Acme ID did not say who you are"
    assert nothing_changed()


def test_wrong_client_secret_is_refused_by_the_issuer(issuer: Issuer, settings: Any) -> None:
    settings.OIDC_CLIENT_SECRET = "another"

    assert heading(came_back(Client(), issuer)) == "Acme ID did not say who you are"


def test_double_refuses_what_the_rules_refuse(issuer: Issuer) -> None:
    """Or the tests above would prove little."""
    address = led_out(Client())
    for wrong in (
        address.replace("sso%2Fback", "elsewhere"),
        address.replace("code_challenge_method=S256", "code_challenge_method=plain"),
        re.sub(r"&code_challenge=[^&]*", "", address),
        re.sub(r"&nonce=[^&]*", "", address),
    ):
        assert wrong != address
        with pytest.raises(AssertionError):
            issuer.visit(wrong)
