"""Passkeys, from making one to signing in and confirming with it, in a Chromium with an authenticator of its own.

A passkey belongs to a name, never to an address in numbers, so the server is reached as localhost here.
"""

import copy

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from tests.factories import PASSWORD, make_user
from tests.harness.browser import OpenPage
from tests.harness.live import Server
from workspaces.models import AuditEvent, User

pytestmark = [pytest.mark.both_databases, pytest.mark.browser]


@pytest.fixture
def named(live: Server) -> Server:
    """The server under the name localhost."""
    server = copy.copy(live)
    server.url = live.url.replace("127.0.0.1", "localhost")
    return server


def give_authenticator(page: Page) -> None:
    """A device that keeps passkeys and takes every finger for the right one."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").last.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def type_password(page: Page, user: User) -> None:
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_passkey_is_made_and_signs_in_alone_beside_the_password_and_again(
    open_page: OpenPage, named: Server
) -> None:
    olivia = make_user("olivia@acme.test")
    page = open_page(olivia, server=named)
    give_authenticator(page)
    page.goto("/accounts/second-factor/webauthn/add/")
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_role("link", name="Rename My laptop")).to_be_visible()
    assert Authenticator.objects.filter(user=olivia, type="webauthn").count() == 1

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Your workspaces")).to_be_visible()

    sign_out(page)
    type_password(page, olivia)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Your workspaces")).to_be_visible()

    page.goto("/accounts/second-factor/webauthn/reauthenticate/?next=/workspaces/new/")
    page.get_by_role("button", name="Confirm with a passkey").click()
    expect(page.get_by_role("heading", name="Create a workspace")).to_be_visible()
    assert AuditEvent.objects.filter(action="person.signed_in", actor=olivia).count() == 2


def test_no_passkey_at_hand_is_said_and_leaves_the_password(open_page: OpenPage, named: Server) -> None:
    make_user("olivia@acme.test")
    page = open_page(server=named)
    give_authenticator(page)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    expect(page.get_by_label("Password")).to_be_visible()
