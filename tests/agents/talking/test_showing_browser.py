"""In a real browser: the playground without scripts, for a screen reader, in each state and width."""

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from agents.models import Agent
from llm import byo, keys
from tests.agents.scenes import spend_all
from tests.agents.talking.playground import PHONE, address, ask, box, button, hang, talked, turns
from tests.harness.browser import OpenPage, fits, problems_of
from tests.harness.cast import Cast
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]


@pytest.mark.any_database
class TestWithoutScripts:
    def test_editing_is_a_page_with_the_text_in_the_box(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        page = open_page(cast.edith, java_script_enabled=False)
        page.goto(address(openai_agent))
        box(page).fill("First")
        button(page).click()
        page.get_by_role("link", name="Edit", exact=True).click()
        expect(box(page)).to_have_value("First")
        expect(page.get_by_text("Takes the place of an earlier turn")).to_be_visible()
        box(page).fill("Second")
        button(page).click()

        expect(turns(page)).to_have_count(1)
        expect(turns(page)).to_contain_text("Second")
        page.get_by_role("link", name="1 earlier version").click()
        expect(turns(page)).to_contain_text("First")


@pytest.mark.deep
@pytest.mark.any_database
class TestHeardAndSeen:
    def test_screen_reader_hears_answering_then_a_summary(self, page: Page, provider_double: Double) -> None:
        provider_double.script("chunks", chunks=["word " * 300])
        page.locator("[data-announce]").evaluate(
            "line => { window.heard = [];"
            " new MutationObserver(() => window.heard.push(line.textContent)).observe(line, { childList: true }); }"
        )
        turn = ask(page, "Long?")

        heard = page.evaluate("window.heard")
        assert heard[0] == "Answering"
        assert "300 words" in heard[-1]
        assert len(heard[-1]) < 200
        box(page).press("Shift+Tab")
        expect(page.get_by_role("link", name="Go to the reply")).to_be_focused()
        page.keyboard.press("Enter")
        expect(turn.get_by_role("article")).to_be_focused()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 360, 320])
    def test_each_state_is_sound_and_fits(
        self,
        cast: Cast,
        open_page: OpenPage,
        openai_agent: Agent,
        provider_double: Double,
        scheme: str,
        width: int,
    ) -> None:
        page = open_page(cast.edith, color_scheme=scheme, viewport={"width": width, "height": 740})
        page.goto(address(openai_agent))
        ask(page, "One\n\nwith a long word: " + "w" * 200)
        box(page).press("ArrowUp")
        assert problems_of(page) == []
        assert fits(page)
        page.keyboard.press("Escape")
        hang(provider_double)
        for text in ("Two", "Three"):
            box(page).fill(text)
            box(page).press("Enter")
        expect(page.locator("[data-text]")).to_contain_text("You asked")
        assert problems_of(page) == []
        assert fits(page)
        page.keyboard.press("Escape")
        expect(turns(page).locator(".badge", has_text="Stopped")).to_be_visible()

    @pytest.mark.parametrize("name", ["w" * 120, "סוכן " + "אבגדה" * 23])
    def test_long_names_of_any_script_fit_at_360(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent, name: str
    ) -> None:
        Agent.objects.filter(pk=openai_agent.pk).update(name=name)
        byo.add_model(cast.acme, provider="openai", model_id="ft:ours", name=name[:60], by=cast.adam)
        page = open_page(cast.adam, **PHONE)
        place = f"/w/acme/agents/{openai_agent.pk}/"
        for path in (
            "/w/acme/",
            "/w/acme/agents/",
            place,
            f"{place}playground/",
            f"{place}compare/",
            f"{place}playground/try/",
            f"{place}activity/",
        ):
            page.goto(path)
            assert fits(page), path
            for shown in page.locator("main *", has_text=name).all():
                if not shown.locator("*", has_text=name).count():
                    # Its own direction, whatever stands around it.
                    assert shown.evaluate("it => !!it.closest('bdi, [dir=auto]')"), path

    def test_composer_covers_nothing_that_has_the_focus(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        conversation = talked(openai_agent, cast, 12)
        # The second is what a window of 1280 by 1024 has left at 400 %.
        for size in ({"width": 360, "height": 740}, {"width": 320, "height": 256}):
            page = open_page(cast.edith, viewport=size)
            page.goto(f"{address(openai_agent)}?conversation={conversation.pk}")
            top = page.locator("[data-composer]")
            for link in page.locator(".chat__meta a").all():
                link.focus()
                place, cover = link.bounding_box(), top.bounding_box()
                assert place is not None
                assert cover is not None
                assert (
                    place["y"] + place["height"] <= cover["y"] + 1
                    or place["y"] >= cover["y"] + cover["height"]
                )

    @pytest.mark.parametrize("size", [{"width": 360, "height": 740}, {"width": 1280, "height": 720}])
    def test_composer_covers_no_notice(
        self,
        cast: Cast,
        open_page: OpenPage,
        openai_agent: Agent,
        provider_double: Double,
        complaints: list[str],
        size: ViewportSize,
    ) -> None:
        spend_all(cast, leaving=9)
        conversation = talked(openai_agent, cast, 12)
        page = open_page(cast.edith, viewport=size)
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}")

        def stands_clear(notice: str) -> None:
            expect(page.locator(notice)).to_be_visible()
            page.wait_for_timeout(200)
            place, cover = page.locator(notice).bounding_box(), page.locator("[data-composer]").bounding_box()
            assert place is not None
            assert cover is not None
            assert place["y"] >= 0, notice
            assert place["y"] + place["height"] <= cover["y"] + 1, notice

        # Of a reply that runs, and goes on being written.
        provider_double.script(
            "hang_mid_stream", chunks=["one ", "two ", "three "] * 20, gap_ms=100, after=55
        )
        box(page).fill("Tell me a story.")
        box(page).press("Enter")
        expect(turns(page).last).to_contain_text("two")
        stands_clear("[data-shortage]")
        page.keyboard.press("Escape")
        expect(turns(page).locator(".badge", has_text="Stopped")).to_be_visible()
        stands_clear("[data-shortage]")
        # Of one that is refused, in the place of an earlier turn, which makes the composer higher.
        turns(page).last.get_by_role("link", name="Regenerate").click()
        stands_clear("[data-problem]")
        # Of the route, and of the connection.
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}")
        keys.delete(None, provider="openai", by=None)
        box(page).fill("Anybody?")
        box(page).press("Enter")
        expect(page.locator(".chat__hint [data-prospect]")).to_contain_text("cannot run")
        stands_clear("[data-problem]")
        page.context.set_offline(True)
        stands_clear("[data-lost]")
        page.context.set_offline(False)
        complaints.clear()

    def test_little_moves_when_a_reply_ends(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent, provider_double: Double
    ) -> None:
        page = open_page(cast.edith, **PHONE)
        page.goto(address(openai_agent))
        page.evaluate(
            "() => new PerformanceObserver(list => { for (const one of list.getEntries()) window.shift += one.value; })"
            ".observe({ type: 'layout-shift' })"
        )
        written = ["## Title\n\n* one\n* two\n\n", "and **more** of it. " * 20, "The end."]
        provider_double.script("chunks", chunks=written, gap_ms=1_000)
        box(page).fill("Move?")
        box(page).press("Enter")
        expect(page.locator("[data-text]")).to_contain_text("more of it. and")
        page.evaluate("window.shift = 0")
        expect(turns(page).locator("[data-link]")).to_be_visible()
        page.wait_for_timeout(300)

        assert page.evaluate("window.shift") < 0.02
