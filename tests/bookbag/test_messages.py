"""What the last act is answered with: a message in the page, which covers nothing and stays until it is closed."""

import pytest
from playwright.sync_api import Page, expect

from tests.harness.browser import OpenPage
from tests.harness.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/w/acme/settings/llm/"
# Names of what is in the window and cannot be pressed in its middle, since something else lies there.
COVERED = """
() => [...document.querySelectorAll("main a, main button, main input")]
  .filter((it) => {
    const box = it.getBoundingClientRect();
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const at = box.width && y > 60 && y < innerHeight ? document.elementFromPoint(x, y) : it;
    return !it.contains(at) && !at.contains(it);
  })
  .map((it) => it.outerHTML)
"""


def flip(page: Page) -> None:
    page.goto(PAGE)
    page.get_by_role("switch").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status").filter(has_text="is on")).to_be_visible()


@pytest.mark.any_database
@pytest.mark.parametrize("width", [1280, 360])
def test_message_covers_nothing_and_can_be_closed(cast: Cast, open_page: OpenPage, width: int) -> None:
    page = open_page(cast.adam, viewport={"width": width, "height": 900})
    flip(page)
    assert page.evaluate(COVERED) == []
    assert page.locator("html").evaluate("it => it.scrollWidth <= it.clientWidth")

    page.get_by_role("button", name="Dismiss").press("Enter")
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.locator("main")).to_be_focused()


def test_message_without_scripts_is_there_and_offers_no_button_that_does_nothing(
    cast: Cast, open_page: OpenPage
) -> None:
    page = open_page(cast.adam, java_script_enabled=False)
    flip(page)
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)
