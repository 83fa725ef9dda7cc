"""In a real browser: finding and deleting conversations, rating, correcting, and questions to begin with."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from agents.knowledge import training
from agents.models import Agent, ReplyRating
from tests.agents.test_conversations import conversation
from tests.harness.browser import OpenPage, fits, problems_of
from tests.harness.cast import Cast, make_agent
from workspaces.models import Role

pytestmark = [pytest.mark.browser, pytest.mark.any_database, pytest.mark.django_db(transaction=True)]

LOOKS = [
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "dark", "viewport": {"width": 360, "height": 720}},
]


@pytest.fixture
def guide(cast: Cast) -> Agent:
    agent = make_agent(cast.acme)
    training.add_qa(agent, question="When do you open?", answer="At nine.")
    return agent


def assert_shows_well(page: Page) -> None:
    assert fits(page)
    assert problems_of(page) == []


def ask(page: Page, agent: Agent, question: str) -> None:
    """Send a message and wait for its answer."""
    page.goto(f"/w/acme/agents/{agent.pk}/playground/")
    page.get_by_label("Your message").fill(question)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Good answer")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark"])
def test_from_a_suggestion_to_a_rating_and_a_correction(
    cast: Cast, guide: Agent, open_page: OpenPage, look: dict[str, Any]
) -> None:
    page = open_page(cast.edith, **look)
    page.goto(f"/w/acme/agents/{guide.pk}/playground/")
    assert_shows_well(page)

    page.get_by_role("link", name="When do you open?").click()
    expect(page.get_by_label("Your message")).to_have_value("When do you open?")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.get_by_role("button", name="Send").click()
    bad = page.get_by_role("button", name="Bad answer")
    bad.click()
    expect(bad).to_have_attribute("aria-pressed", "true")
    expect(bad).to_be_focused()
    page.get_by_text("Say why").click()
    page.get_by_label("What is wrong with it").select_option("Not true")
    page.get_by_label("Note").fill("We open at seven.")
    assert_shows_well(page)
    page.get_by_label("Note").press("Enter")
    expect(page.locator("[data-rating] summary")).to_have_text("Not true")
    assert list(ReplyRating.objects.values_list("value", "reason", "note")) == [
        ("down", "wrong", "We open at seven.")
    ]

    page.get_by_role("link", name="Correct").click()
    assert_shows_well(page)
    page.get_by_role("textbox", name="Answer").fill("At seven.")
    page.get_by_role("button", name="Replace its answer").click()
    assert_shows_well(page)
    page.get_by_role("button", name="Ask it again").click()
    turns = page.locator(".chat__turn")
    expect(turns).to_have_count(2)
    expect(turns.last).to_contain_text("At seven.")
    expect(turns.last.locator(".badge").first).to_have_text("stored answer, free")


def test_rating_is_taken_back_by_pressing_it_again(cast: Cast, guide: Agent, open_page: OpenPage) -> None:
    page = open_page(cast.edith)
    ask(page, guide, "When do you open?")
    good = page.get_by_role("button", name="Good answer")

    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "false")
    assert not ReplyRating.objects.exists()


def test_rating_that_could_not_be_saved_says_so(
    cast: Cast, guide: Agent, open_page: OpenPage, complaints: list[str]
) -> None:
    page = open_page(cast.edith)
    ask(page, guide, "When do you open?")
    page.route("**/rating/", lambda route: route.abort())

    page.get_by_role("button", name="Good answer").click()

    expect(page.locator("[data-rating] [role=alert]")).to_contain_text("Not saved")
    complaints.clear()
    page.unroute("**/rating/")
    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")


def test_who_may_not_rate_any_more_is_told_why(
    cast: Cast, guide: Agent, open_page: OpenPage, complaints: list[str]
) -> None:
    page = open_page(cast.edith)
    ask(page, guide, "When do you open?")
    cast.acme.memberships.filter(user=cast.edith).update(role=Role.VIEWER)

    page.get_by_role("button", name="Good answer").click()

    expect(page.locator("[data-rating] [role=alert]")).to_have_text(
        "Not saved: it is not allowed from here any more. Reload the page to see why."
    )
    page.context.clear_cookies(name="session")
    page.get_by_role("button", name="Good answer").click()
    expect(page.locator("[data-rating] [role=alert]")).to_contain_text("Not saved: your session has ended.")
    # Nor is the page to sign in what is copied.
    page.get_by_role("link", name="Copy", exact=True).click()
    expect(page.get_by_role("link", name="Not copied")).to_be_visible()
    assert not ReplyRating.objects.exists()
    complaints.clear()


def test_without_scripts_a_rating_a_suggestion_and_an_undo_work(
    cast: Cast, guide: Agent, open_page: OpenPage
) -> None:
    page = open_page(cast.edith, java_script_enabled=False)
    page.goto(f"/w/acme/agents/{guide.pk}/playground/")
    page.get_by_role("link", name="When do you open?").click()
    expect(page.get_by_label("Your message")).to_have_value("When do you open?")
    page.get_by_role("button", name="Send").click()

    page.get_by_role("button", name="Good answer").click()
    expect(page.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")

    page.goto("/w/acme/conversations/")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("is deleted")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="When do you open?")).to_be_visible()


@pytest.mark.deep
@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark"])
def test_lists_and_pages_show_well(
    cast: Cast, guide: Agent, open_page: OpenPage, look: dict[str, Any]
) -> None:
    for number in range(12):
        conversation(
            guide, cast.edith, f"{'Supercalifragilistic' * 8} {number}", "متى تفتحون؟", minutes_ago=number
        )
    made = conversation(guide, cast.edith, "The last", title="x" * 120, minutes_ago=99)
    for user in (cast.adam, cast.victor):
        page = open_page(user, **look)
        for path in (
            "conversations/?whose=all", "conversations/?whose=all&q=nothing+of+it", f"conversations/{made.pk}/",
            f"agents/{guide.pk}/activity/", f"agents/{guide.pk}/activity/?rating=up",
        ):  # fmt: skip
            page.goto(f"/w/acme/{path}")
            assert_shows_well(page)


def test_pinned_by_keyboard_alone(cast: Cast, guide: Agent, open_page: OpenPage) -> None:
    conversation(guide, cast.edith, "Keep me", minutes_ago=9)
    conversation(guide, cast.edith, "Another")
    page = open_page(cast.edith)
    page.goto("/w/acme/conversations/")

    page.get_by_role("button", name="Pin Keep me").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Pinned")).to_be_visible()
    expect(page.locator(".list").first).to_contain_text("Keep me")
