"""In a real browser: where a conversation opens, what comes on demand, and the list of conversations."""

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent, Conversation
from tests.agents.talking.playground import address, ask, box, talked, turns
from tests.agents.test_pages import make_reply
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]


def test_new_conversation_is_listed_without_a_reload_as_after_it(page: Page, provider_double: Double) -> None:
    mine = page.get_by_role("region", name="Your conversations")
    new = page.get_by_role("link", name="New conversation")
    expect(mine).to_be_hidden()
    expect(new).to_be_hidden()
    question = "Why is the sky blue at noon and red in the evening, and what of the night?"
    for text in (question, "And why?"):
        ask(page, text)
    expect(mine.locator("ul a")).to_have_count(1)
    live = mine.locator("ul a").inner_text()
    expect(mine.locator("ul a")).to_have_attribute("dir", "auto")
    expect(new).to_be_visible()

    page.reload()

    expect(mine.locator("ul a")).to_have_attribute("dir", "auto")
    assert mine.locator("ul a").all_inner_texts() == [live]
    new.click()
    expect(turns(page)).to_have_count(0)
    expect(mine.locator("ul a")).to_have_count(1)


@pytest.mark.any_database
class TestOpening:
    def test_conversation_opens_where_it_ended(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        conversation = talked(openai_agent, cast, 60)
        page = open_page(cast.edith)
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}")

        expect(turns(page).last).to_be_in_viewport()
        expect(box(page)).to_be_focused()
        expect(turns(page)).to_have_count(50)

    @pytest.mark.parametrize("hash", ["", "#latest"])
    @pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
    @pytest.mark.parametrize("width", [360, 1280])
    def test_its_last_turn_stands_above_the_composer(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent, width: int, scripts: bool, hash: str
    ) -> None:
        conversation = talked(openai_agent, cast, 20)
        page = open_page(cast.edith, viewport={"width": width, "height": 780}, java_script_enabled=scripts)
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}{hash}")
        if not scripts and not hash:
            page.get_by_role("link", name="Question 0").click()  # in the list of conversations

        # What can be done with it is neither covered nor scrolled out of sight.
        foot = turns(page).last.locator(".chat__tools").bounding_box()
        composer = page.locator("[data-composer]").bounding_box()
        assert foot
        assert composer
        assert 60 < foot["y"] < foot["y"] + foot["height"] <= composer["y"]

    def test_page_of_fifty_turns_takes_six_requests(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        conversation = talked(openai_agent, cast, 60)
        page = open_page(cast.edith)
        asked: set[str] = set()
        # Each use of an icon is told as a request, and answered from the first one.
        page.on("request", lambda request: asked.add(request.url.partition("#")[0]))
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}", wait_until="networkidle")

        assert len(asked) <= 6, asked

    def test_earlier_turns_come_on_demand_and_move_nothing(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        conversation = talked(openai_agent, cast, 120)
        page = open_page(cast.edith)
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}")
        for count in (100, 120):
            page.get_by_role("link", name="Show earlier turns").click()
            expect(turns(page)).to_have_count(count)

        expect(turns(page).first).to_contain_text("Question 0")
        expect(page.get_by_role("link", name="Show earlier turns")).to_have_count(0)
        assert page.locator("[data-day]").count() == 4

    def test_earlier_turns_without_scripts(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        conversation = talked(openai_agent, cast, 60)
        page = open_page(cast.edith, java_script_enabled=False)
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}")
        page.get_by_role("link", name="Show earlier turns").click()

        expect(turns(page)).to_have_count(10)
        page.get_by_role("link", name="Go to the latest turns").click()
        expect(turns(page)).to_have_count(50)

    def test_times_are_the_readers_and_utc_without_scripts(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        conversation = Conversation.objects.create(agent=openai_agent, started_by=cast.edith)
        make_reply(openai_agent, conversation, created_at="2026-11-10T20:30:00Z")
        make_reply(openai_agent, conversation, created_at="2026-11-10T23:30:00Z")
        for options, times, days in (
            ({"timezone_id": "Asia/Kolkata"}, ["02:00", "05:00"], ["11 November 2026"]),
            ({"timezone_id": "Europe/Berlin"}, ["21:30", "00:30"], ["10 November 2026", "11 November 2026"]),
            ({"java_script_enabled": False}, ["20:30 UTC", "23:30 UTC"], ["10 November 2026"]),
        ):
            page = open_page(cast.edith, **options)
            page.goto(f"{address(openai_agent)}?conversation={conversation.pk}")
            expect(page.locator(".chat__meta time")).to_have_text(times)
            expect(page.locator("[data-day]")).to_have_text(days)
