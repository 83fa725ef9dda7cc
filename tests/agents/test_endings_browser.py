"""In a real browser: a thinking model's clock, how an answer ended, and the ways out of what went wrong."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from agents.models import Agent
from llm import keys
from llm.providers.base import Fault
from tests.agents.scenes import agent_on, agent_on_custom_model, spend_all
from tests.harness.browser import OpenPage, fits, problems_of
from tests.harness.cast import Cast
from tests.harness.chat import bring_key, platform_key
from tests.llm.rows import the_key
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]

# Collects what the page's status line is given to say.
LISTEN = """line => {
  window.heard = [];
  new MutationObserver(() => window.heard.push(line.textContent)).observe(line, { childList: true });
}"""


def ask(page: Page, agent: Agent, text: str = "Why is the sky blue?", *, where: str = "") -> Locator:
    """Send a message in the playground; the turn that it begins. `where`: the page's query string."""
    page.goto(f"/w/acme/agents/{agent.pk}/playground/{where}")
    page.locator("[data-announce]").evaluate(LISTEN)
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()
    return page.locator(".chat__turn").last


@pytest.fixture
def thinker(cast: Cast, provider_double: Double) -> Agent:
    """An agent on a model of which nothing is known, so that it may think."""
    bring_key(cast.acme)
    return agent_on_custom_model(cast, "openai")


class TestThinking:
    def test_clock_counts_by_itself_and_goes_with_the_first_text(
        self, cast: Cast, open_page: OpenPage, thinker: Agent, provider_double: Double
    ) -> None:
        provider_double.script("hang_mid_stream", first_ms=5_000, after=3)
        page = open_page(cast.edith)
        turn = ask(page, thinker)
        thinking = turn.locator("[data-thinking]")

        # The second event would come ten seconds after the first.
        expect(thinking).to_have_text(re.compile(r"^Thinking… 2 s$"))
        expect(thinking).to_have_text(re.compile(r"^Thinking… 3 s$"))
        expect(turn.locator("[data-text]")).to_contain_text("You asked")
        expect(thinking).to_be_hidden()
        assert page.evaluate("window.heard") == ["Answering", "Thinking"]
        turn.page.get_by_role("button", name="Stop").click()
        expect(turn.locator(".badge", has_text="Stopped")).to_be_visible()

    def test_reload_in_the_middle_shows_it_again(
        self, cast: Cast, open_page: OpenPage, thinker: Agent, provider_double: Double
    ) -> None:
        provider_double.script("hang_mid_stream", first_ms=60_000)
        page = open_page(cast.edith)
        expect(ask(page, thinker).locator("[data-thinking]")).to_have_text("Thinking… 2 s")

        page.reload()

        turn = page.locator(".chat__turn").last
        thinking = turn.locator("[data-thinking]")
        expect(thinking).to_be_visible()
        seconds = int(re.findall(r"\d+", thinking.inner_text())[0])
        assert seconds >= 2
        assert problems_of(page) == []
        turn.page.get_by_role("button", name="Stop").click()
        expect(turn.locator(".badge", has_text="Stopped")).to_be_visible()
        expect(thinking).to_have_count(0)

    def test_a_model_that_does_not_think_is_not_said_to(
        self, cast: Cast, open_page: OpenPage, provider_double: Double
    ) -> None:
        platform_key()
        provider_double.script("ok", first_ms=2_500)
        page = open_page(cast.edith)
        turn = ask(page, agent_on(cast, "openai"))

        expect(turn.locator(".prose")).to_contain_text("provider double")
        assert "Thinking" not in page.evaluate("window.heard")

    @pytest.mark.any_database
    def test_without_scripts_the_page_says_to_reload(
        self, cast: Cast, open_page: OpenPage, thinker: Agent, provider_double: Double
    ) -> None:
        provider_double.script("hang_mid_stream", first_ms=60_000)
        ask(open_page(cast.edith), thinker)
        page = open_page(cast.edith, java_script_enabled=False)
        page.goto(f"/w/acme/agents/{thinker.pk}/playground/")
        page.get_by_role("link", name="Why is the sky blue?").click()

        turn = page.locator(".chat__turn").last
        expect(turn).to_contain_text("Reload the page")
        expect(turn.locator("[data-thinking]")).to_be_hidden()
        turn.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("heading", name="Receipt")).to_be_visible()


class TestEndings:
    @pytest.mark.parametrize(
        ("mode", "chunks", "badge", "note"),
        [
            ("finish_length", None, "Cut at the model's limit", "reached its output limit"),
            ("content_filter", None, "The model declined", "declines to go on"),
            ("content_filter", [], "The model declined", "declined to answer this"),
            ("finish_length", [], "Used up on thinking", "used its whole output allowance"),
        ],
    )
    def test_an_answer_that_is_not_whole_is_marked(
        self,
        cast: Cast,
        open_page: OpenPage,
        provider_double: Double,
        mode: str,
        chunks: list[str] | None,
        badge: str,
        note: str,
    ) -> None:
        platform_key()
        provider_double.script(mode, chunks=chunks)
        page = open_page(cast.edith)
        turn = ask(page, agent_on(cast, "openai"))

        notice = turn.locator(".notice--warn")
        expect(notice).to_contain_text(note)
        expect(notice).not_to_contain_text("ry again")
        expect(turn.locator(".chat__meta .badge", has_text=badge)).to_be_visible()
        assert note in page.evaluate("window.heard").pop()

        page.reload()
        expect(page.locator(".chat__turn .notice--warn")).to_contain_text(note)
        earlier = page.get_by_role("region", name="Your conversations")
        expect(earlier.get_by_role("listitem")).to_contain_text(badge)
        page.locator(".chat__meta a.badge").click()
        expect(page.get_by_role("article", name="Receipt")).to_contain_text(badge)

    @pytest.mark.any_database
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 360])
    def test_marked_turns_are_sound_and_fit(
        self, cast: Cast, open_page: OpenPage, provider_double: Double, scheme: str, width: int
    ) -> None:
        platform_key()
        agent = agent_on(cast, "openai")
        page = open_page(cast.adam, color_scheme=scheme, viewport={"width": width, "height": 900})
        expect(ask(page, agent).locator("time")).to_be_visible()
        for mode in ("finish_length", "content_filter", "refusal", "401", "429_huge"):
            provider_double.script(mode)
            before = page.locator(".chat__turn time").count()
            page.get_by_label("Your message").fill(f"Another, {mode}")
            page.get_by_role("button", name="Send").click()
            expect(page.locator(".chat__turn time")).to_have_count(before + 1)

        expect(page.locator(".chat__turn .notice")).to_have_count(5)
        assert problems_of(page) == []
        assert fits(page)
        page.locator(".chat__meta a.badge").last.click()
        expect(page.get_by_role("article", name="Receipt")).to_be_visible()
        assert problems_of(page) == []
        assert fits(page)


class TestWaysOut:
    def test_refusal_has_its_links_with_and_without_scripts(
        self, cast: Cast, open_page: OpenPage, complaints: list[str]
    ) -> None:
        platform_key()
        spend_all(cast)
        agent = agent_on(cast, "openai")
        for options in ({}, {"java_script_enabled": False}):
            page = open_page(cast.adam, **options)
            page.goto(f"/w/acme/agents/{agent.pk}/playground/")
            page.get_by_label("Your message").fill("Anything left?")
            page.get_by_role("button", name="Send").click()

            refused = page.get_by_role("alert")
            expect(refused.locator("strong")).to_have_text(
                "The workspace has 0 credits left and this reply costs 5 credits."
            )
            expect(refused.locator(".btn")).to_have_text(
                ["Use Bookbag Local, free", "Use your own OpenAI key", "See credits"]
            )
            expect(page.get_by_label("Your message")).to_have_value("Anything left?")
            refused.get_by_role("link", name="See credits").click()
            expect(page).to_have_url(re.compile("/w/acme/credits/$"))
        assert all("402" in complaint for complaint in complaints)
        complaints.clear()

    def test_one_click_moves_the_agent_to_bookbag_local_and_keeps_what_was_typed(
        self, cast: Cast, open_page: OpenPage, complaints: list[str]
    ) -> None:
        platform_key()
        spend_all(cast)
        for options in ({}, {"java_script_enabled": False}):
            agent = agent_on(cast, "openai")
            page = open_page(cast.edith, **options)
            page.goto(f"/w/acme/agents/{agent.pk}/playground/")
            page.get_by_label("Your message").fill("Anything left?")
            page.get_by_role("button", name="Send").click()

            page.get_by_role("alert").get_by_role("button", name="Use Bookbag Local, free").click()

            expect(
                page.get_by_text("Guide runs on Bookbag Local now, free. It ran on GPT-4o")
            ).to_be_visible()
            expect(page.get_by_label("Your message")).to_have_value("Anything left?")
            expect(page.locator("[data-prospect]")).to_have_text(["local, free"])
            page.get_by_role("button", name="Send").click()
            expect(page.locator(".chat__turn")).to_contain_text(Agent.FALLBACK)
        assert all("402" in complaint for complaint in complaints)
        complaints.clear()

    def test_broken_route_stands_in_the_composers_place_until_it_is_mended(
        self, cast: Cast, open_page: OpenPage
    ) -> None:
        agent = agent_on(cast, "openai")
        bring_key(cast.acme, "anthropic")
        for options in ({}, {"java_script_enabled": False}):
            page = open_page(cast.adam, **options)
            page.goto(f"/w/acme/agents/{agent.pk}/playground/")

            trouble = page.locator("[data-trouble]")
            expect(trouble.locator("strong")).to_have_text(
                "This workspace brings its own keys, but has none for OpenAI."
            )
            expect(trouble.locator(".btn")).to_have_text(
                ["Add an OpenAI key", "Use Bookbag Local, free", "Change the model"]
            )
            expect(page.get_by_label("Your message")).to_be_hidden()
            expect(page.get_by_role("button", name="Send")).to_have_count(0)
            assert options or problems_of(page) == []
        bring_key(cast.acme)
        page.reload()

        expect(page.locator("[data-trouble]")).to_have_count(0)
        expect(page.get_by_label("Your message")).to_be_visible()

    def test_rejected_key_may_be_tried_and_a_reply_that_comes_mends_the_page(
        self, cast: Cast, open_page: OpenPage, provider_double: Double
    ) -> None:
        bring_key(cast.acme)
        keys.note_result(the_key(cast.acme).pk, fault=Fault.REJECTED)
        agent = agent_on(cast, "openai")
        page = open_page(cast.edith)
        page.goto(f"/w/acme/agents/{agent.pk}/playground/")
        expect(page.locator("[data-trouble] .btn")).to_have_text(
            ["Use Bookbag Local, free", "Change the model"]
        )
        expect(page.get_by_label("Your message")).to_be_hidden()

        page.get_by_role("link", name="Send a message all the same").click()
        page.get_by_label("Your message").fill("Are you there?")
        page.get_by_role("button", name="Send").click()

        expect(page.locator(".chat__turn").get_by_role("link", name="your OpenAI key")).to_be_visible()
        page.goto(f"/w/acme/agents/{agent.pk}/playground/")
        expect(page.locator("[data-trouble]")).to_have_count(0)

    @pytest.mark.both_databases
    def test_shortage_is_told_before_sending_and_while_a_reply_holds_the_rest(
        self, cast: Cast, open_page: OpenPage, provider_double: Double
    ) -> None:
        platform_key()
        spend_all(cast, leaving=9)
        provider_double.script("hang_mid_stream", after=3)
        page = open_page(cast.edith)
        page.goto(f"/w/acme/agents/{agent_on(cast, 'openai').pk}/playground/")
        shortage, left = page.locator("[data-shortage]"), page.locator("[data-composer] .chat__hint")
        expect(shortage).to_be_hidden()
        expect(left).to_contain_text("9 left", use_inner_text=True)
        page.get_by_label("Your message").fill("Tell me a story.")
        page.get_by_role("button", name="Send").click()

        expect(left).to_contain_text("4 (5 held) left", use_inner_text=True)
        expect(shortage).to_contain_text("The next reply costs 5 credits, which is more than is left.")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".chat__turn .badge", has_text="Stopped")).to_be_visible()
        expect(left).to_contain_text("4 left", use_inner_text=True)
        expect(shortage).to_be_visible()

    def test_failure_has_the_ways_of_the_readers_role(
        self, cast: Cast, open_page: OpenPage, provider_double: Double
    ) -> None:
        bring_key(cast.acme)
        provider_double.script("401", times=None)
        agent = agent_on(cast, "openai")
        for person, expected in (
            (cast.edith, ["Use Bookbag Local, free", "Change the model"]),
            (cast.adam, ["Replace the key", "Check the key again", "Use Bookbag Local, free"]),
        ):
            page = open_page(person)
            notice = ask(page, agent, where="?try").locator(".notice--danger")
            expect(notice.locator(".btn")).to_have_text(expected)
            page.reload()
            expect(page.locator(".chat__turn .notice--danger .btn")).to_have_text(expected)
        page.get_by_role("link", name="Replace the key").last.click()
        expect(page.locator("#openai-title")).to_be_in_viewport()
