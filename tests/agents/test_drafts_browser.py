"""A long unsaved text survives a reload and the end of the session, and is removed once it is saved."""

import pytest
from playwright.sync_api import Page, expect

from tests.factories import PASSWORD
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast, make_agent

pytestmark = [pytest.mark.browser, pytest.mark.any_database]
BACK = "This is what you typed here before"


def kept(page: Page) -> int:
    return int(
        page.evaluate("Object.keys(sessionStorage).filter((name) => name.startsWith('bookbag-text:')).length")
    )


def test_instructions_outlive_reload_and_session_and_go_when_saved(open_page: OpenPage, cast: Cast) -> None:
    agent = make_agent(cast.acme)
    here = f"/w/acme/agents/{agent.pk}/"
    page = open_page(cast.edith)
    page.goto(here)
    field = page.get_by_label("Instructions")
    field.fill("Be brief. <b>Always.</b>")
    page.reload()
    expect(field).to_have_value("Be brief. <b>Always.</b>")
    expect(page.get_by_text(BACK)).to_be_visible()

    cast.edith.sessions.all().delete()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("what you sent was not saved")).to_be_visible()
    page.get_by_label("E-mail address").fill(cast.edith.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(field).to_have_value("Be brief. <b>Always.</b>")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast--success")).to_be_visible()
    expect(field).to_have_value("Be brief. <b>Always.</b>")
    assert kept(page) == 0


def test_draft_is_let_go_and_is_nobody_elses(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(cast.edith)
    page.goto(f"/w/acme/agents/{make_agent(cast.acme).pk}/sources/new/")
    page.locator("textarea").fill("A text of Edith's")
    page.reload()
    page.get_by_role("button", name="Back to what is saved").click()
    expect(page.locator("textarea")).to_have_value("")
    assert kept(page) == 0

    page.locator("textarea").fill("Another text of Edith's")
    assert kept(page) == 1
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill(cast.adam.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Your workspaces")).to_be_visible()
    assert kept(page) == 0
