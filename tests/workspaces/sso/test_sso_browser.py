"""Signing in with the issuer's button in a real browser, and confirming there who one is."""

import re
from importlib import import_module

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from bookbag import onboarding
from llm import byo
from tests.harness import issuer as double
from tests.harness.browser import OpenPage, problems_of
from tests.harness.issuer import Issuer
from tests.harness.live import Server, StartServer
from workspaces.models import Identity, User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
HOUR = 3600


@pytest.fixture
def server(issuer: Issuer, start_server: StartServer) -> Server:
    """One where the issuer signs people in."""
    server = start_server(
        OIDC_ISSUER=issuer.name,
        OIDC_NAME="Acme ID",
        OIDC_CLIENT_ID=double.CLIENT,
        OIDC_CLIENT_SECRET=double.SECRET,
    )
    issuer.backs.add(f"{server.url}/sso/back/")
    return server


def press(page: Page, name: str) -> None:
    """With the keyboard."""
    button = page.get_by_role("main").get_by_role("button", name=name, exact=True)
    button.focus()
    page.keyboard.press("Enter")


def visits(complaints: list[str], issuer: Issuer) -> int:
    """How often the issuer's page was asked for, which is off the site and meant to be. Forgets them."""
    to_issuer = [one for one in complaints if one.startswith(f"off-site request: {issuer.name}/authorize?")]
    complaints[:] = [one for one in complaints if one not in to_issuer]
    return len(to_issuer)


def expect_refusal(page: Page, complaints: list[str], heading: str, status: int) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert problems_of(page) == []
    assert [one for one in complaints if f"status of {status}" not in one] == []
    complaints.clear()


def grow_old(page: Page) -> None:
    """As if the browser had signed in an hour ago."""
    cookie = next(one["value"] for one in page.context.cookies() if one["name"] == "session")
    session = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [{**one, "at": one["at"] - HOUR} for one in records]
    session.save()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_new_person_signs_in_and_is_known_the_next_time(
    issuer: Issuer, server: Server, open_page: OpenPage, complaints: list[str], scripts: bool
) -> None:
    page = open_page(server=server, java_script_enabled=scripts)
    page.goto("/workspaces/new/")
    assert not scripts or problems_of(page) == []
    press(page, "Sign in with Acme ID")
    # On to the page that was asked for, with nothing in between.
    expect(page.get_by_role("heading", name="Create a workspace")).to_be_visible()
    olivia = User.objects.get(email="olivia@acme.test")
    assert Identity.objects.get().person == olivia

    page.goto("/accounts/logout/")
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    press(page, "Sign in with Acme ID")
    expect(page.get_by_role("heading", name="Your workspaces")).to_be_visible()
    page.goto("/account/")
    expect(page.get_by_role("main")).to_contain_text("Acme ID")
    assert not scripts or problems_of(page) == []
    assert User.objects.get() == olivia
    assert visits(complaints, issuer) == 2


def test_page_that_leads_out_is_sound_and_has_a_link(
    issuer: Issuer, server: Server, open_page: OpenPage, complaints: list[str]
) -> None:
    page = open_page(server=server)
    # Whoever stays on the page, because the way there is slow.
    page.route(f"{issuer.name}/**", lambda route: route.abort("aborted"))
    page.goto("/accounts/signup/")
    with page.expect_event("requestfailed", lambda request: request.url.startswith(issuer.name)):
        press(page, "Continue with Acme ID")
    expect(page.get_by_role("heading", name="On to Acme ID")).to_be_visible()
    assert problems_of(page) == []

    page.unroute_all()
    page.get_by_role("link", name="Continue to Acme ID").click()
    expect(page.get_by_role("heading", name="Your workspaces")).to_be_visible()
    assert visits(complaints, issuer) >= 1


def test_refusals_say_why_and_lead_on(
    issuer: Issuer, server: Server, open_page: OpenPage, complaints: list[str]
) -> None:
    page = open_page(server=server)
    issuer.person["email_verified"] = False
    page.goto("/accounts/login/")
    press(page, "Sign in with Acme ID")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your address is not verified at Acme ID")
    visits(complaints, issuer)
    expect_refusal(page, complaints, "Your address is not verified at Acme ID", 403)

    # Somebody who says no there.
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.set_extra_http_headers({"X-Cancel": "1"})
    press(page, "Sign in with Acme ID")
    expect(page.get_by_role("status")).to_contain_text("You came back from Acme ID without signing in.")
    assert problems_of(page) == []
    visits(complaints, issuer)

    issuer.stop()
    page.goto(f"{server.url}/sso/back/?state=of-another-browser&code=1")
    expect_refusal(page, complaints, "That sign-in is over", 400)
    assert not User.objects.exists()


def test_person_without_a_password_confirms_there_and_their_act_is_done(
    issuer: Issuer, server: Server, open_page: OpenPage, complaints: list[str]
) -> None:
    page = open_page(server=server)
    page.goto("/accounts/login/")
    press(page, "Sign in with Acme ID")
    expect(page.get_by_role("heading", name="Your workspaces")).to_be_visible()
    acme = onboarding.create_workspace(name="Acme", slug="acme", owner=User.objects.get())

    # A page that wants it before it opens.
    grow_old(page)
    page.goto("/accounts/second-factor/totp/activate/")
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    assert problems_of(page) == []
    press(page, "Confirm with Acme ID")
    expect(page).to_have_url(re.compile(r"/totp/activate/$"))
    visits(complaints, issuer)

    # Somebody else there confirms nothing; the right person does, and what was pressed is done then.
    page.goto("/w/acme/settings/llm/")
    grow_old(page)
    page.get_by_role("switch").check()
    press(page, "Apply")
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    mine, issuer.person = issuer.person, {"sub": "2002", "email": "adam@acme.test", "email_verified": True}
    press(page, "Confirm with Acme ID")
    expect(page.get_by_role("heading", level=1)).to_have_text("That is somebody else at Acme ID")
    visits(complaints, issuer)
    expect_refusal(page, complaints, "That is somebody else at Acme ID", 403)
    assert not byo.settings_of(acme).byo_enabled

    issuer.person = mine
    page.go_back()
    press(page, "Confirm with Acme ID")
    expect(page).to_have_url(re.compile(r"/w/acme/settings/llm/$"))
    assert byo.settings_of(acme).byo_enabled
    assert visits(complaints, issuer) == 1
