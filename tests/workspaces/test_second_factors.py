"""Second factors: asked for after the password, once each, limited, and required where a workspace says so."""

import time
from functools import partial
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD, add_member, browser_of, is_in, make_user, make_workspace
from tests.harness.cast import make_agent
from tests.harness.threads import at_once
from workspaces import second_factors
from workspaces.models import AuditEvent, User

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
CODE = "/accounts/second-factor/authenticate/"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(steps: int = 0) -> str:
    """What the app shows now, or some steps of 30 seconds before or after."""
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + steps))


def with_app(user: User) -> User:
    with second_factors.belonging_to(user):
        TOTP.activate(user, SECRET)
    return user


def after_the_password(email: str) -> Client:
    browser = Client()
    answer = browser.post(LOGIN, {"login": email, "password": PASSWORD, "next": "/workspaces/new/"})
    assert answer["Location"] == CODE
    return browser


def test_password_alone_does_not_sign_in_somebody_with_an_app() -> None:
    with_app(make_user("olivia@acme.test"))
    browser = after_the_password("olivia@acme.test")

    assert not is_in(browser)
    assert "One more step" in browser.get(CODE).content.decode()


@pytest.mark.parametrize("steps", [-1, 0])
def test_code_of_the_app_signs_in_and_leads_on(steps: int) -> None:
    with_app(make_user("olivia@acme.test"))
    browser = after_the_password("olivia@acme.test")
    answer = browser.post(CODE, {"code": code(steps)})

    assert answer["Location"] == "/workspaces/new/"
    assert is_in(browser)


def test_code_is_taken_once() -> None:
    with_app(make_user("olivia@acme.test"))
    shown = code()
    after_the_password("olivia@acme.test").post(CODE, {"code": shown})
    thief = after_the_password("olivia@acme.test")
    page = thief.post(CODE, {"code": shown}).content.decode()

    assert "it was used before" in page
    assert not is_in(thief)


def test_code_is_taken_once_for_as_long_as_it_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """allauth remembers a code for 30 seconds; it is good for 90."""
    monkeypatch.setattr(TOTP, "_mark_code_used", lambda *_: True)
    with_app(make_user("olivia@acme.test"))
    shown = code()
    browsers = [after_the_password("olivia@acme.test") for _ in range(2)]
    for browser in browsers:
        browser.post(CODE, {"code": shown})

    assert [is_in(browser) for browser in browsers] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_recovery_code_that_four_send_at_once_signs_in_one() -> None:
    olivia = with_app(make_user("olivia@acme.test"))
    with second_factors.belonging_to(olivia):
        shown = RecoveryCodes.activate(olivia).get_unused_codes()[0]
    browsers = [after_the_password("olivia@acme.test") for _ in range(4)]
    at_once(*[partial(browser.post, CODE, {"code": shown}) for browser in browsers])

    assert sum(is_in(browser) for browser in browsers) == 1


def test_eleventh_wrong_code_is_refused_with_the_right_one_too() -> None:
    with_app(make_user("olivia@acme.test"))
    browser = after_the_password("olivia@acme.test")
    wrong = "000000" if code() != "000000" else "000001"
    for _ in range(10):
        assert "That is not right" in browser.post(CODE, {"code": wrong}).content.decode()
    page = browser.post(CODE, {"code": code()}).content.decode()

    assert "Too many wrong codes" in page
    assert not is_in(browser)


@pytest.mark.django_db(transaction=True)
def test_setting_up_an_app_gives_recovery_codes_and_is_told() -> None:
    olivia = make_user("olivia@acme.test")
    browser = browser_of(olivia)
    page = browser.get("/accounts/second-factor/totp/activate/")
    secret = page.context["form"].secret
    right = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    answer = browser.post("/accounts/second-factor/totp/activate/", {"code": right}, follow=True)
    codes = answer.context["unused_codes"]

    assert len(codes) == 10
    events = AuditEvent.objects.filter(actor=olivia).order_by("pk").values_list("action", flat=True)
    assert {"second_factor.added", "recovery_codes.added"} <= set(events)
    stranger = after_the_password("olivia@acme.test")
    assert stranger.post(CODE, {"code": codes[0]}).status_code == 302
    again = after_the_password("olivia@acme.test")
    assert again.post(CODE, {"code": codes[0]}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_adding_and_removing_one_is_told_by_mail() -> None:
    browser = browser_of(with_app(make_user("olivia@acme.test")))
    browser.post("/accounts/second-factor/totp/deactivate/")

    assert [message.subject for message in mail.outbox] == [
        "An app that shows codes was removed from your Bookbag account"
    ]
    assert not Authenticator.objects.exists()


def test_old_sign_in_is_asked_again_before_a_factor_is_changed(client: Client) -> None:
    client.force_login(make_user("olivia@acme.test"))
    User.objects.update(last_login="2026-01-01T00:00:00Z")
    answer = client.get("/accounts/second-factor/totp/activate/")

    assert answer["Location"].startswith("/accounts/reauthenticate/")


# --- A workspace that asks for it ------------------------------------------------------------------


@pytest.fixture
def strict() -> Any:
    """Acme asks for second factors; Olivia, who owns it, has one, and Victor, a viewer, has none."""
    olivia = with_app(make_user("olivia@acme.test"))
    acme = make_workspace(olivia, slug="acme")
    acme.second_factor_required = True
    acme.save()
    return acme


def test_member_without_one_is_led_to_it_and_sees_nothing_else(strict: Any) -> None:
    victor = browser_of(add_member(strict, "viewer").user)
    for page in ("workspaces:members", "agents:list", "agents:conversations"):
        answer = victor.get(reverse(page, args=["acme"]))
        assert answer.status_code == 403
        assert "asks for a second factor" in answer.content.decode()
        assert "olivia@acme.test" not in answer.content.decode()
        assert reverse("mfa_index") in answer.content.decode()


def test_stranger_is_told_nothing_of_it(strict: Any) -> None:
    assert browser_of(make_user()).get(reverse("workspaces:members", args=["acme"])).status_code == 404


def test_member_with_one_gets_in(strict: Any) -> None:
    victor = with_app(add_member(strict, "viewer").user)

    assert browser_of(victor).get(reverse("workspaces:members", args=["acme"])).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("chat_connections")
def test_chat_path_refuses_a_member_without_one(strict: Any) -> None:
    edith = add_member(strict, "editor").user
    send = reverse("agents:send_message", args=["acme", make_agent(strict).pk])
    fields = {"text": "Hello", "idempotency_key": "5d9e3c3e-8f0c-4c59-9a1c-0d2f3a7b6c11"}
    answer = browser_of(edith).post(send, fields, headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "second_factor_needed")
    assert answer.json()["error"]["actions"] == [
        {"label": "Set one up", "url": reverse("mfa_index"), "method": "GET"}
    ]
    with_app(edith)
    answer = browser_of(edith).post(send, fields, headers={"Accept": "application/json"})
    assert answer.status_code == 202


def test_recovery_codes_alone_are_no_second_factor(strict: Any) -> None:
    victor = add_member(strict, "viewer").user
    Authenticator.objects.create(user=victor, type="recovery_codes", data={"seed": "x", "used_mask": 0})

    assert browser_of(victor).get(reverse("workspaces:members", args=["acme"])).status_code == 403


def test_home_shows_no_figures_of_a_workspace_that_is_shut(strict: Any) -> None:
    page = browser_of(add_member(strict, "viewer").user).get("/").content.decode()

    assert "asks its members for a second factor" in page
    assert "<dt>Agents</dt>" not in page


def test_admin_without_one_cannot_ask_for_it_of_others() -> None:
    olivia = make_user("olivia@acme.test")
    acme = make_workspace(olivia, slug="acme")
    page = reverse("workspaces:second_factor_setting", args=["acme"])
    answer = browser_of(olivia).post(page, {"required": "on"}, follow=True)
    acme.refresh_from_db()

    assert not acme.second_factor_required
    assert "the rule would shut you out as well" in answer.content.decode()


def test_admin_asks_for_it_and_sees_whom_it_shuts_out() -> None:
    olivia = with_app(make_user("olivia@acme.test"))
    acme = make_workspace(olivia, slug="acme")
    victor = add_member(acme, "viewer").user
    page = reverse("workspaces:second_factor_setting", args=["acme"])
    browser = browser_of(olivia)
    assert victor.email in browser.get(page).content.decode()
    browser.post(page, {"required": "on"})
    browser.post(page, {"required": "on"})
    acme.refresh_from_db()

    assert acme.second_factor_required
    assert AuditEvent.objects.filter(workspace=acme, action="second_factor.required").count() == 1
    browser.post(page, {})
    acme.refresh_from_db()
    assert not acme.second_factor_required


@pytest.mark.parametrize(
    "credential",
    [
        "1" * 5_000,
        "[" * 50_000,
        "1",
        "[]",
        "{}",
        '"x"',
        "null",
        "no",
        '{"id": 1}',
        '{"id": "a", "response": []}',
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("path", ["login/", "add/", "reauthenticate/"])
def test_answer_that_no_authenticator_gives_signs_nobody_in(path: str, credential: str) -> None:
    browser = browser_of(None if path == "login/" else make_user())
    browser.get(f"/accounts/second-factor/webauthn/{path}")
    answer = browser.post(f"/accounts/second-factor/webauthn/{path}", {"credential": credential})

    assert answer.status_code in (200, 302)
    assert not Authenticator.objects.exists()
    assert path != "login/" or "_auth_user_id" not in browser.session
