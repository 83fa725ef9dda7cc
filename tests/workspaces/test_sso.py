"""Signing in with an OpenID Connect issuer: what it must prove, whose account it opens, and what it never does."""

import re
import time
from html import unescape
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from django.urls import NoReverseMatch, reverse

from bookbag.configuration.checks import boot_problems
from tests.factories import PASSWORD, add_member, browser_of, make_invitation, make_user, make_workspace
from tests.harness import issuer as double
from tests.harness.issuer import Issuer
from workspaces import invitations, second_factors
from workspaces.issuer import Question
from workspaces.models import AuditEvent, Identity, User

pytestmark = pytest.mark.django_db
BEGIN, CONNECT, CONFIRM, REMOVE = "/sso/", "/sso/connect/", "/sso/confirm/", "/sso/remove/"


def led_out(browser: Client, path: str = BEGIN, **fields: str) -> str:
    """Where the page that a button of ours answers with leads."""
    page = browser.post(path, fields).content.decode()
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    assert found is not None, page
    return unescape(found.group(1))


def came_back(
    browser: Client, issuer: Issuer, path: str = BEGIN, *, cancel: bool = False, **fields: str
) -> Any:
    return browser.get(issuer.visit(led_out(browser, path, **fields), cancel=cancel))


def is_in(browser: Client, email: str = "olivia@acme.test") -> bool:
    return browser.get("/account/").context is not None and email in browser.get("/account/").content.decode()


def heading(answer: Any) -> str:
    found = re.search(r"<h1>(.*?)</h1>", answer.content.decode(), re.S)
    return unescape(re.sub(r"<[^>]*>", "", found.group(1))) if found else ""


def nothing_changed() -> bool:
    return not Identity.objects.exists() and not AuditEvent.objects.filter(action="person.signed_in").exists()


# --- Whose account it opens ------------------------------------------------------------------------


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


# --- Second factors --------------------------------------------------------------------------------


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


# --- What a token must prove -----------------------------------------------------------------------

HOUR = 3600
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


# Of when somebody signed in there.
PROVES_NOTHING = {
    "an hour ago": int(time.time()) - HOUR,
    "nobody knows when": None,
    "tomorrow": int(time.time()) + 24 * HOUR,
    "beyond all numbers": 10**400,
    "never": float("inf"),
    "no number": float("nan"),
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


# --- When it does not go through -------------------------------------------------------------------


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


# --- The account -----------------------------------------------------------------------------------


def stale(browser: Client) -> Client:
    """As if the sign-in were long ago."""
    User.objects.update(last_login="2026-01-01T00:00:00Z")
    session = browser.session
    for record in session.get("account_authentication_methods", []):
        record["at"] -= HOUR
    session.save()
    return browser


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


# --- The pages and the map -------------------------------------------------------------------------


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


# --- The settings ----------------------------------------------------------------------------------

GOOD = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "bookbag", "OIDC_CLIENT_SECRET": "a secret"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET not set. Set all three, or none."),
        ({"OIDC_ISSUER": "", "OIDC_CLIENT_ID": ""}, "OIDC_ISSUER and OIDC_CLIENT_ID not set."),
        ({"OIDC_ISSUER": "http://id.example"}, "OIDC_ISSUER is plain HTTP"),
        ({"OIDC_ISSUER": "http://127.0.0.1:9"}, ""),
    ],
)
def test_half_given_settings_stop_the_start(settings: Any, change: dict[str, str], words: str) -> None:
    for name, value in {**GOOD, **change}.items():
        setattr(settings, name, value)
    problems = " ".join(boot_problems())

    assert words in problems if words else problems == ""


def test_without_the_extra_the_start_says_which(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookbag.configuration.checks.find_spec", lambda name: None)
    assert boot_problems() == []
    for name, value in GOOD.items():
        setattr(settings, name, value)

    assert boot_problems() == ["OIDC_ISSUER needs the optional extra: uv sync --extra sso."]
