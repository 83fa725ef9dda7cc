"""The playground as a browser test sees it, and what it does there."""

from playwright.sync_api import Locator, Page, expect

from agents.models import Agent, Conversation
from tests.agents.test_pages import make_reply
from tests.harness.cast import Cast
from tests.provider_double.client import Double

PHONE = {"viewport": {"width": 360, "height": 740}}


def address(agent: Agent) -> str:
    return f"/w/acme/agents/{agent.pk}/playground/"


def box(page: Page) -> Locator:
    return page.get_by_label("Your message")


def button(page: Page) -> Locator:
    return page.locator("[data-send]")


def turns(page: Page) -> Locator:
    return page.locator(".chat__turn")


def ask(page: Page, text: str) -> Locator:
    """Type a message, press Enter, and wait until it is answered."""
    box(page).fill(text)
    box(page).press("Enter")
    turn = turns(page).last
    expect(turn.locator("[data-link]")).to_be_visible()
    return turn


def hang(double: Double) -> None:
    double.script("hang_mid_stream", after=2)


def talked(agent: Agent, cast: Cast, turns: int) -> Conversation:
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    for number in range(turns):
        make_reply(
            agent,
            conversation,
            question=f"Question {number}",
            created_at=f"2026-11-{10 + number // 30:02}T12:00:{number % 60:02}Z",
        )
    return conversation
