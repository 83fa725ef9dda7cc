"""Inviting and joining in a real browser: two people at two windows, and the pages without a script."""

import re

import pytest
from playwright.sync_api import expect

from tests.factories import PASSWORD, add_member, make_user, make_workspace
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from workspaces.models import Invitation

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def roomy(cast: Cast) -> Cast:
    """Acme on a plan with seats to spare."""
    plan = cast.acme.account.plan
    plan.seat_limit = 20
    plan.save()
    return cast


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_somebody_is_invited_and_joins(roomy: Cast, open_page: OpenPage, scripts: bool) -> None:
    ada = make_user("ada@x.test")
    page = open_page(roomy.adam, java_script_enabled=scripts)
    page.goto("/w/acme/members/")
    page.get_by_label("E-mail addresses").fill("new@x.test; ada@x.test nonsense")
    page.get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("button", name="Invite", exact=True).click()

    told = page.locator("#invite").get_by_role("status")
    expect(told).to_contain_text("new@x.test was sent an invitation.")
    expect(told).to_contain_text("ada@x.test has joined at once.")
    expect(told).to_contain_text("nonsense is not an e-mail address.")
    expect(page.get_by_label("E-mail addresses")).to_have_value("nonsense")
    link = page.get_by_label("Link for new@x.test").input_value()

    # The address is confirmed by now, as it is of somebody who has followed the mail of their sign-up.
    make_user("new@x.test")
    theirs = open_page(java_script_enabled=scripts)
    theirs.goto(link)
    theirs.get_by_role("link", name="Sign in and join").click()
    theirs.locator("[name=login]").fill("new@x.test")
    theirs.locator("[name=password]").fill(PASSWORD)
    theirs.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    theirs.get_by_role("button", name="Join Acme").click()
    expect(theirs.get_by_role("status")).to_contain_text("Welcome to Acme. You are a viewer.")
    expect(theirs).to_have_url(re.compile(r"/w/acme/$"))
    assert Invitation.objects.get().state == "accepted"
    assert roomy.acme.memberships.filter(user=ada).exists()


def test_switcher_leads_from_one_workspace_to_another_by_keyboard(cast: Cast, open_page: OpenPage) -> None:
    page = open_page(cast.olivia)
    page.goto("/workspaces/new/")
    page.get_by_label("Name").fill("Initech")
    page.get_by_role("button", name="Create").click()
    expect(page).to_have_url(re.compile(r"/w/initech/$"))
    page.locator("summary.topbar__workspace").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Acme", exact=True)).to_be_visible()
    page.get_by_role("link", name="Acme", exact=True).focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/w/acme/$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_people_fit_a_phone(roomy: Cast, open_page: OpenPage, scheme: str) -> None:
    page = open_page(roomy.olivia, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.goto("/w/acme/members/")
    page.get_by_label("E-mail addresses").fill(
        "a.very.long.address.of.somebody@department.of.something.example.com"
    )
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_role("heading", name="Invitations that wait")).to_be_visible()
    for path in ("/w/acme/members/", "/w/acme/settings/", "/w/acme/settings/delete/", "/w/acme/audit/"):
        page.goto(path)
        width = page.locator("html").evaluate("page => page.scrollWidth")
        assert width <= 360, path


def test_long_names_do_not_overlap_in_a_full_switcher(cast: Cast, open_page: OpenPage) -> None:
    for number in range(20):
        add_member(
            make_workspace(name=f"The Department of Very Long Names, Section {number}"), "viewer", cast.olivia
        )
    page = open_page(cast.olivia, viewport={"width": 360, "height": 740})
    page.goto("/w/acme/")
    page.locator("summary.topbar__workspace").click()
    entries = page.locator(".topbar .dropdown--left .dropdown__panel a")
    expect(entries.nth(5)).to_be_visible()
    overfull = entries.evaluate_all("all => all.filter(one => one.scrollHeight > one.clientHeight).length")

    assert entries.count() > 20
    assert overfull == 0
