"""In a real browser with the system's own colours forced: every state of the playground and the pages it leads to."""

import pytest
from playwright.sync_api import Page, expect

from agents.knowledge import training
from agents.models import Agent
from tests.agents.scenes import agent_on, spend_all
from tests.harness.browser import OpenPage, fits, problems_of
from tests.harness.cast import Cast
from tests.harness.chat import platform_key
from tests.provider_double.client import Double

pytestmark = [
    pytest.mark.deep,
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.money,
]


@pytest.fixture
def agent(cast: Cast, provider_double: Double) -> Agent:
    platform_key()
    agent = agent_on(cast, "openai")
    training.add_text(agent, title="Hours", text="The shop opens at nine in the morning.")
    return agent


@pytest.fixture
def page(cast: Cast, open_page: OpenPage, agent: Agent) -> Page:
    page = open_page(cast.adam, viewport={"width": 360, "height": 740}, forced_colors="active")
    page.goto(f"/w/acme/agents/{agent.pk}/playground/")
    return page


def is_sound(page: Page) -> None:
    assert problems_of(page) == []
    assert fits(page)


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.locator("[data-send]").click()


def test_talking(page: Page, provider_double: Double) -> None:
    is_sound(page)

    ask(page, "When does the shop open?")
    expect(page.locator(".chat__turn").last.locator("[data-link]")).to_be_visible()
    is_sound(page)

    provider_double.script("hang_mid_stream", after=2)
    ask(page, "And when does it close?")
    expect(page.locator("[data-send]")).to_have_text("Stop")
    expect(page.locator("[data-text]").last).not_to_be_empty()
    is_sound(page)

    page.locator("[data-send]").click()
    expect(page.locator("[data-send]")).to_have_text("Send")
    provider_double.script("500", times=3)
    ask(page, "And on Sunday?")
    expect(page.get_by_text("not charged").last).to_be_visible()
    is_sound(page)


def test_a_broken_route_in_the_place_of_the_box(cast: Cast, agent: Agent, page: Page) -> None:
    spend_all(cast)
    page.reload()
    is_sound(page)


def test_pages_beside_it(agent: Agent, page: Page) -> None:
    ask(page, "When does the shop open?")
    expect(page.locator(".chat__turn").last.locator("[data-link]")).to_be_visible()
    receipt = page.locator(".chat__turn").last.locator("a[href*='/replies/']").first.get_attribute("href")
    base = f"/w/acme/agents/{agent.pk}/"
    beside = ["inspect/", "compare/", "playground/try/", "activity/", ""]
    for path in [str(receipt), "/w/acme/conversations/", *(base + one for one in beside)]:
        page.goto(path)
        is_sound(page)
