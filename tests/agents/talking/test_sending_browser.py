"""In a real browser: by which keys and button a message is sent, stopped, edited, and waits for the reply before it."""

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent, Reply
from tests.agents.talking.playground import PHONE, address, ask, box, button, hang, turns
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]


@pytest.mark.any_database
class TestKeys:
    def test_enter_sends_and_shift_enter_breaks_the_line(self, page: Page) -> None:
        box(page).press_sequentially("One")
        box(page).press("Shift+Enter")
        box(page).press_sequentially("two")
        expect(turns(page)).to_have_count(0)
        box(page).press("Enter")

        expect(turns(page)).to_have_count(1)
        expect(turns(page).locator("[data-link]")).to_be_visible()
        assert Reply.objects.get().question == "One\ntwo"

    @pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
    def test_with_control_or_command_it_sends_too(self, page: Page, keys: str) -> None:
        box(page).fill("Hello")
        box(page).press(keys)

        expect(turns(page)).to_have_count(1)
        expect(turns(page).locator("[data-link]")).to_be_visible()

    @pytest.mark.parametrize("event", [{"isComposing": True}, {"keyCode": 229}])
    def test_nothing_is_sent_while_an_input_method_composes(
        self, page: Page, event: dict[str, object]
    ) -> None:
        box(page).fill("にほん")
        box(page).dispatch_event("keydown", {"key": "Enter", "bubbles": True, "cancelable": True, **event})

        expect(turns(page)).to_have_count(0)
        expect(box(page)).to_have_value("にほん")

    def test_slash_goes_to_the_box_and_types_where_one_types(self, page: Page) -> None:
        box(page).press("/")
        expect(box(page)).to_have_value("/")
        box(page).fill("")
        page.get_by_role("link", name="What costs credits").focus()
        page.keyboard.press("/")

        expect(box(page)).to_be_focused()
        expect(box(page)).to_have_value("")

    def test_up_arrow_edits_the_last_message_in_its_place(self, page: Page) -> None:
        ask(page, "First")
        box(page).press("ArrowUp")
        expect(box(page)).to_have_value("First")
        expect(page.locator("[data-instead]")).to_be_visible()
        box(page).fill("Second")
        box(page).press("Enter")

        turn = turns(page).last
        expect(turn.get_by_role("link", name="1 earlier version")).to_be_visible()
        expect(turns(page)).to_have_count(1)
        expect(page.locator("[data-instead]")).to_be_hidden()
        assert Reply.objects.get(question="First").superseded_by == Reply.objects.get(question="Second")

    def test_escape_leaves_a_turn_as_it_is(self, page: Page) -> None:
        ask(page, "First")
        box(page).press("ArrowUp")
        box(page).press("Escape")

        expect(box(page)).to_have_value("")
        expect(page.locator("[data-instead]")).to_be_hidden()
        assert page.locator("[name=instead_of]").input_value() == ""

    def test_no_keyboard_hint_on_a_touch_screen(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        for options, is_shown in (({}, True), ({"has_touch": True, "is_mobile": True, **PHONE}, False)):
            opened = open_page(cast.edith, **options)
            opened.goto(address(openai_agent))
            expect(opened.get_by_text("Enter sends")).to_be_visible(visible=is_shown)
            (expect(box(opened)).to_be_focused if is_shown else expect(box(opened)).not_to_be_focused)()


class TestTheButton:
    def test_is_send_then_stop_then_send_and_keeps_the_focus(
        self, page: Page, provider_double: Double
    ) -> None:
        hang(provider_double)
        box(page).fill("Long one")
        button(page).focus()
        page.keyboard.press("Enter")
        expect(button(page)).to_have_text("Stop")
        expect(button(page)).to_be_focused()
        expect(page.locator("[data-text]")).to_contain_text("You asked")
        expect(turns(page).locator(".chat__meta .badge")).to_have_text("5 credits held")
        page.wait_for_timeout(600)  # after a second press of the same wish
        page.keyboard.press("Enter")

        expect(turns(page).locator(".badge", has_text="Stopped")).to_be_visible()
        expect(button(page)).to_have_text("Send")
        expect(button(page)).to_be_focused()
        expect(button(page)).to_be_enabled()

    @pytest.mark.both_databases
    def test_double_click_sends_once_and_stops_nothing(self, page: Page, provider_double: Double) -> None:
        provider_double.script("chunks", chunks=["one ", "two"], gap_ms=300)
        box(page).fill("Twice?")
        button(page).dblclick()

        expect(turns(page).locator("[data-link]")).to_be_visible()
        assert Reply.objects.get().state == Reply.State.COMPLETED

    def test_escape_stops(self, page: Page, provider_double: Double) -> None:
        hang(provider_double)
        box(page).fill("Long one")
        box(page).press("Enter")
        expect(page.locator("[data-text]")).to_contain_text("You asked")
        expect(page.get_by_text("Stop: 5 credits once text has appeared")).to_be_visible()
        box(page).press("Escape")

        expect(turns(page).locator(".badge", has_text="Stopped")).to_be_visible()
        expect(page.get_by_text("Enter sends")).to_be_visible()
        expect(box(page)).to_be_focused()

    def test_escape_that_closes_a_menu_stops_nothing(self, page: Page, provider_double: Double) -> None:
        hang(provider_double)
        box(page).fill("Long one")
        box(page).press("Enter")
        expect(page.locator("[data-text]")).to_contain_text("You asked")
        menu = page.locator("details.dropdown").first
        menu.locator("summary").click()
        page.keyboard.press("Escape")

        expect(menu).not_to_have_attribute("open", "")
        expect(button(page)).to_have_text("Stop")
        page.keyboard.press("Escape")
        expect(turns(page).locator(".badge", has_text="Stopped")).to_be_visible()


class TestWaiting:
    @pytest.mark.both_databases
    def test_second_message_waits_and_is_sent_after_the_first(
        self, page: Page, provider_double: Double
    ) -> None:
        provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=700)
        box(page).fill("First")
        box(page).press("Enter")
        box(page).fill("Second")
        box(page).press("Enter")
        expect(turns(page).last).to_contain_text("Waits for the reply above")
        expect(box(page)).to_have_value("")

        expect(turns(page).locator("[data-link]")).to_have_count(2)
        first, second = Reply.objects.order_by("created_at")
        assert [first.question, second.question] == ["First", "Second"]
        assert first.conversation_id == second.conversation_id
        assert first.done_at is not None
        assert first.done_at < second.created_at

    def test_it_can_be_taken_back(self, page: Page, provider_double: Double) -> None:
        hang(provider_double)
        for text in ("First", "Second"):
            box(page).fill(text)
            box(page).press("Enter")
        page.get_by_role("button", name="Take back").click()

        expect(box(page)).to_have_value("Second")
        expect(turns(page)).to_have_count(1)
        page.keyboard.press("Escape")
        expect(button(page)).to_have_text("Send")
        assert Reply.objects.count() == 1

    def test_after_a_failure_it_is_back_in_the_box(self, page: Page, provider_double: Double) -> None:
        provider_double.script("401", first_ms=1_500)
        for text in ("First", "Second"):
            box(page).fill(text)
            box(page).press("Enter")

        expect(turns(page).locator(".notice--danger")).to_be_visible()
        expect(box(page)).to_have_value("Second")
        assert Reply.objects.count() == 1
