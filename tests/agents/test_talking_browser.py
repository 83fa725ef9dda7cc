"""In a real browser: how a member talks to an agent, by keyboard and by mouse, and what happens when something is lost."""

import pytest
from playwright.sync_api import Locator, Page, expect

from agents.models import Agent, Conversation, Reply
from billing import ledger
from llm import keys
from tests.agents.scenes import agent_on, spend_all
from tests.agents.test_endings_browser import fits, sound
from tests.agents.test_pages import make_reply
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.harness.chat import bring_key, platform_key
from tests.harness.live import Server
from tests.harness.visitor import session_cookie
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]

PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture
def agent(cast: Cast, provider_double: Double) -> Agent:
    platform_key()
    return agent_on(cast, "openai")


@pytest.fixture
def page(cast: Cast, open_page: OpenPage, agent: Agent) -> Page:
    """The playground, opened by Edith."""
    opened = open_page(cast.edith)
    opened.goto(address(agent))
    return opened


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

    def test_no_keyboard_hint_on_a_touch_screen(self, cast: Cast, open_page: OpenPage, agent: Agent) -> None:
        for options, is_shown in (({}, True), ({"has_touch": True, "is_mobile": True, **PHONE}, False)):
            opened = open_page(cast.edith, **options)
            opened.goto(address(agent))
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


@pytest.mark.any_database
class TestNothingIsLost:
    def test_what_is_typed_outlives_a_reload(self, page: Page) -> None:
        box(page).press_sequentially("Half a thought")
        page.reload()

        expect(box(page)).to_have_value("Half a thought")

    def test_it_is_forgotten_once_it_is_accepted(self, page: Page) -> None:
        ask(page, "All of it")
        page.reload()

        expect(box(page)).to_have_value("")
        assert page.evaluate("Object.keys(sessionStorage).length") == 0

    def test_what_the_inspector_has_sent_is_not_in_the_box_again(self, page: Page) -> None:
        def inspect(text: str) -> None:
            box(page).fill(text)
            page.get_by_role("button", name="Inspect the prompt").click()
            expect(page.get_by_role("heading", name="Prompt inspector")).to_be_visible()

        inspect("Sent from there")
        page.get_by_role("button", name="Send it").click()
        expect(turns(page)).to_contain_text("Sent from there")
        expect(box(page)).to_have_value("")

        # Not sent, it comes back: also on the page that the inspector has led to before.
        inspect("Only looked at")
        page.go_back()
        expect(box(page)).to_have_value("Only looked at")
        page.reload()
        expect(box(page)).to_have_value("Only looked at")

    def test_it_is_there_after_signing_in_again(self, cast: Cast, page: Page, complaints: list[str]) -> None:
        ask(page, "First")
        page.context.clear_cookies(name="session")
        box(page).fill("Second")
        box(page).press("Enter")
        link = page.get_by_role("alert").get_by_role("link", name="Sign in")
        expect(link).to_be_visible()
        expect(box(page)).to_have_value("Second")
        link.click()
        page.get_by_label("E-mail address").fill(cast.edith.email)
        page.get_by_label("Password").fill(cast.password)
        page.get_by_role("button", name="Sign in", exact=True).click()

        expect(box(page)).to_have_value("Second")
        expect(turns(page)).to_have_count(1)
        assert all("401" in complaint or "403" in complaint for complaint in complaints), complaints
        complaints.clear()

    def test_another_member_in_the_same_tab_does_not_get_it(
        self, cast: Cast, page: Page, live: Server, agent: Agent
    ) -> None:
        box(page).press_sequentially("Between us")
        page.context.clear_cookies()
        page.context.add_cookies([{"name": "session", "value": session_cookie(cast.adam), "url": live.url}])
        page.goto(address(agent))

        expect(box(page)).to_have_value("")
        assert "Between us" not in page.evaluate("JSON.stringify(sessionStorage)")

    def test_refused_or_unanswered_it_is_in_the_box_once_however_often_one_reloads(
        self, page: Page, complaints: list[str]
    ) -> None:
        keys.delete(None, provider="openai", by=None)
        box(page).fill("Who runs this?")
        box(page).press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Our side")
        expect(page.locator(".chat__hint [data-prospect]")).to_have_text(
            "Bookbag has no OpenAI key: cannot run"
        )
        for _ in range(2):
            page.reload()
            assert page.locator("[name=text]").first.input_value() == "Who runs this?"
        platform_key()

        page.reload()
        page.route("**/messages/", lambda route: route.abort())
        box(page).press("Enter")
        expect(page.locator("[data-problem]")).to_contain_text("The connection was lost.")
        for _ in range(2):
            page.reload()
            expect(box(page)).to_have_value("Who runs this?")
        complaints.clear()  # the browser's own lines about the 503 and the request that was cut

    def test_refused_message_is_in_the_box_again(self, cast: Cast, page: Page, complaints: list[str]) -> None:
        spend_all(cast)
        box(page).fill("Anything left?")
        box(page).press("Enter")

        expect(page.get_by_role("alert")).to_contain_text("Nothing was charged")
        expect(box(page)).to_have_value("Anything left?")
        expect(turns(page)).to_have_count(0)
        complaints.clear()


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


class TestLostConnection:
    def test_is_said_and_taken_back_and_the_reply_goes_on(
        self, cast: Cast, page: Page, live: Server, provider_double: Double
    ) -> None:
        provider_double.script("chunks", chunks=["one ", "two ", "three ", "four"], gap_ms=1_500)
        box(page).fill("Slowly")
        box(page).press("Enter")
        expect(page.locator("[data-text]")).to_contain_text("one")
        live.pause()
        lost = page.locator("[data-lost]")
        expect(lost).to_contain_text("nothing is charged twice", timeout=6_000)
        live.go_on()

        expect(lost).to_be_hidden()
        expect(turns(page).locator("[data-link]")).to_be_visible()
        assert Reply.objects.get().text == "one two three four"
        assert ledger.balance(cast.acme).posted == 95

    def test_offline_is_said_at_once(self, page: Page, complaints: list[str]) -> None:
        page.context.set_offline(True)
        expect(page.locator("[data-lost]")).to_be_visible(timeout=3_000)
        page.context.set_offline(False)
        expect(page.locator("[data-lost]")).to_be_hidden()
        # The page may have asked for something meanwhile.
        assert all("ERR_INTERNET_DISCONNECTED" in complaint for complaint in complaints), complaints
        complaints.clear()

    @pytest.mark.both_databases
    def test_message_to_a_dead_server_is_kept_and_answered_once(
        self, cast: Cast, page: Page, live: Server, complaints: list[str]
    ) -> None:
        live.kill()
        box(page).fill("Anybody there?")
        box(page).press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("will not be answered or charged twice")
        expect(box(page)).to_have_value("Anybody there?")
        live.start()
        expect(page.locator("[data-lost]")).to_be_hidden()
        box(page).press("Enter")

        expect(turns(page).locator("[data-link]")).to_be_visible()
        assert Reply.objects.count() == 1
        complaints.clear()


class TestOnATurn:
    def test_copy_takes_the_answer_as_it_was_written(self, page: Page, provider_double: Double) -> None:
        written = "# Title\n\n* one\n* two\n\n```python\nprint('x')\n```\n"
        provider_double.script("chunks", chunks=[written])
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        turn = ask(page, "Write")
        turn.hover()
        turn.get_by_role("link", name="Copy", exact=True).click()

        expect(turn.get_by_text("Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").strip() == written.strip()
        turn.get_by_role("button", name="Copy code").click()
        expect(turn.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == "print('x')\n"

    def test_link_opens_and_marks_the_turn_even_far_back(
        self, cast: Cast, open_page: OpenPage, agent: Agent
    ) -> None:
        conversation = talked(agent, cast, 120)
        reply = conversation.replies.get(question="Question 3")
        page = open_page(cast.adam)
        page.goto(f"{address(agent)}?conversation={conversation.pk}#reply-{reply.pk}")

        turn = page.locator(f"#reply-{reply.pk}")
        expect(turn).to_be_in_viewport()
        assert turn.evaluate("it => it.matches(':target')")
        page.get_by_role("link", name="Go to the latest turns").click()
        expect(turns(page).last).to_contain_text("Question 119")

    @pytest.mark.both_databases
    def test_regenerate_says_its_price_and_keeps_the_earlier_version(self, cast: Cast, page: Page) -> None:
        ask(page, "What is it?")
        expect(turns(page).locator(".chat__price")).to_have_text("5 credits")
        page.get_by_role("link", name="Regenerate").click()

        link = turns(page).get_by_role("link", name="1 earlier version")
        expect(link).to_be_visible()
        assert ledger.balance(cast.acme).posted == 90
        link.click()
        expect(page.get_by_role("heading", name="Earlier versions")).to_be_visible()
        expect(turns(page)).to_have_count(1)
        expect(turns(page)).to_contain_text("What is it?")
        page.get_by_role("link", name="To the newest version").click()
        expect(turns(page)).to_have_count(1)

    def test_regenerated_by_keyboard_the_focus_goes_to_the_new_reply(
        self, cast: Cast, page: Page, complaints: list[str]
    ) -> None:
        ask(page, "What is it?")
        page.get_by_role("link", name="Regenerate").press("Enter")
        expect(page.get_by_role("link", name="1 earlier version")).to_be_visible()
        expect(turns(page).locator(".chat__reply")).to_be_focused()

        spend_all(cast, leaving=10 + 1)
        page.get_by_role("link", name="Regenerate").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Nothing was charged")
        expect(page.get_by_role("link", name="Regenerate")).to_be_focused()
        complaints.clear()  # the browser's own line about the 402

    def test_editing_an_earlier_turn_keeps_those_after_it_as_a_version(self, page: Page) -> None:
        for text in ("One", "Two", "Three"):
            ask(page, text)
        turns(page).nth(1).hover()
        turns(page).nth(1).get_by_role("link", name="Edit", exact=True).click()
        expect(box(page)).to_have_value("Two")
        box(page).fill("Two, otherwise")
        box(page).press("Enter")

        expect(turns(page).nth(1).get_by_role("link", name="1 earlier version")).to_be_visible()
        expect(turns(page)).to_have_count(2)
        turns(page).nth(1).get_by_role("link", name="1 earlier version").click()
        expect(turns(page)).to_contain_text(["Two", "Three"])

    def test_failed_turn_can_be_tried_again_and_stays(
        self, cast: Cast, page: Page, provider_double: Double
    ) -> None:
        provider_double.script("401")
        turn = ask(page, "Work?")
        turn.get_by_role("link", name="Try again").click()

        expect(turns(page)).to_have_count(2)
        expect(turns(page).last.get_by_role("link", name="Regenerate")).to_be_visible()
        assert list(Reply.objects.order_by("created_at").values_list("question", "state")) == [
            ("Work?", "failed"),
            ("Work?", "completed"),
        ]
        assert ledger.balance(cast.acme).posted == 95

    def test_refused_regeneration_puts_everything_back(
        self, cast: Cast, page: Page, complaints: list[str]
    ) -> None:
        ask(page, "What is it?")
        spend_all(cast, leaving=5 + 1)
        page.get_by_role("link", name="Regenerate").click()

        expect(page.get_by_role("alert")).to_contain_text("Nothing was charged")
        expect(turns(page)).to_have_count(1)
        expect(turns(page)).to_be_visible()
        assert Reply.objects.get().superseded_by is None
        complaints.clear()


class TestWhoPays:
    def test_page_learns_that_somebody_else_pays_by_now(self, cast: Cast, page: Page, agent: Agent) -> None:
        ask(page, "On credits?")
        bring_key(cast.acme)

        turn = ask(page, "On my key?")

        expect(turn.locator(".chat__meta .badge")).to_have_text("your OpenAI key")
        expect(page.locator(".chat__hint [data-prospect]")).to_have_text("your OpenAI key")
        expect(page.locator(".inspector .kv")).to_contain_text("your OpenAI account")
        for price in page.locator(".chat__price").all():
            expect(price).to_have_text("your OpenAI key")


@pytest.mark.any_database
class TestOpening:
    def test_conversation_opens_where_it_ended(self, cast: Cast, open_page: OpenPage, agent: Agent) -> None:
        conversation = talked(agent, cast, 60)
        page = open_page(cast.edith)
        page.goto(f"{address(agent)}?conversation={conversation.pk}")

        expect(turns(page).last).to_be_in_viewport()
        expect(box(page)).to_be_focused()
        expect(turns(page)).to_have_count(50)

    @pytest.mark.parametrize("hash", ["", "#latest"])
    @pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
    @pytest.mark.parametrize("width", [360, 1280])
    def test_its_last_turn_stands_above_the_composer(
        self, cast: Cast, open_page: OpenPage, agent: Agent, width: int, scripts: bool, hash: str
    ) -> None:
        conversation = talked(agent, cast, 20)
        page = open_page(cast.edith, viewport={"width": width, "height": 780}, java_script_enabled=scripts)
        page.goto(f"{address(agent)}?conversation={conversation.pk}{hash}")
        if not scripts and not hash:
            page.get_by_role("link", name="Question 0").click()  # in the list of conversations

        # What can be done with it is neither covered nor scrolled out of sight.
        foot = turns(page).last.locator(".chat__tools").bounding_box()
        composer = page.locator("[data-composer]").bounding_box()
        assert foot
        assert composer
        assert 60 < foot["y"] < foot["y"] + foot["height"] <= composer["y"]

    def test_page_of_fifty_turns_takes_six_requests(
        self, cast: Cast, open_page: OpenPage, agent: Agent
    ) -> None:
        conversation = talked(agent, cast, 60)
        page = open_page(cast.edith)
        asked: set[str] = set()
        # Each use of an icon is told as a request, and answered from the first one.
        page.on("request", lambda request: asked.add(request.url.partition("#")[0]))
        page.goto(f"{address(agent)}?conversation={conversation.pk}", wait_until="networkidle")

        assert len(asked) <= 6, asked

    def test_earlier_turns_come_on_demand_and_move_nothing(
        self, cast: Cast, open_page: OpenPage, agent: Agent
    ) -> None:
        conversation = talked(agent, cast, 120)
        page = open_page(cast.edith)
        page.goto(f"{address(agent)}?conversation={conversation.pk}")
        for count in (100, 120):
            page.get_by_role("link", name="Show earlier turns").click()
            expect(turns(page)).to_have_count(count)

        expect(turns(page).first).to_contain_text("Question 0")
        expect(page.get_by_role("link", name="Show earlier turns")).to_have_count(0)
        assert page.locator("[data-day]").count() == 4

    def test_earlier_turns_without_scripts(self, cast: Cast, open_page: OpenPage, agent: Agent) -> None:
        conversation = talked(agent, cast, 60)
        page = open_page(cast.edith, java_script_enabled=False)
        page.goto(f"{address(agent)}?conversation={conversation.pk}")
        page.get_by_role("link", name="Show earlier turns").click()

        expect(turns(page)).to_have_count(10)
        page.get_by_role("link", name="Go to the latest turns").click()
        expect(turns(page)).to_have_count(50)

    def test_times_are_the_readers_and_utc_without_scripts(
        self, cast: Cast, open_page: OpenPage, agent: Agent
    ) -> None:
        conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
        make_reply(agent, conversation, created_at="2026-11-10T20:30:00Z")
        make_reply(agent, conversation, created_at="2026-11-10T23:30:00Z")
        for options, times, days in (
            ({"timezone_id": "Asia/Kolkata"}, ["02:00", "05:00"], ["11 November 2026"]),
            ({"timezone_id": "Europe/Berlin"}, ["21:30", "00:30"], ["10 November 2026", "11 November 2026"]),
            ({"java_script_enabled": False}, ["20:30 UTC", "23:30 UTC"], ["10 November 2026"]),
        ):
            page = open_page(cast.edith, **options)
            page.goto(f"{address(agent)}?conversation={conversation.pk}")
            expect(page.locator(".chat__meta time")).to_have_text(times)
            expect(page.locator("[data-day]")).to_have_text(days)


@pytest.mark.any_database
class TestWithoutScripts:
    def test_editing_is_a_page_with_the_text_in_the_box(
        self, cast: Cast, open_page: OpenPage, agent: Agent
    ) -> None:
        page = open_page(cast.edith, java_script_enabled=False)
        page.goto(address(agent))
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
        self, cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double, scheme: str, width: int
    ) -> None:
        page = open_page(cast.edith, color_scheme=scheme, viewport={"width": width, "height": 740})
        page.goto(address(agent))
        ask(page, "One\n\nwith a long word: " + "w" * 200)
        box(page).press("ArrowUp")
        assert sound(page) == []
        assert fits(page)
        page.keyboard.press("Escape")
        hang(provider_double)
        for text in ("Two", "Three"):
            box(page).fill(text)
            box(page).press("Enter")
        expect(page.locator("[data-text]")).to_contain_text("You asked")
        assert sound(page) == []
        assert fits(page)
        page.keyboard.press("Escape")
        expect(turns(page).locator(".badge", has_text="Stopped")).to_be_visible()

    @pytest.mark.parametrize("name", ["w" * 120, "סוכן " + "אבגדה" * 23])
    def test_long_names_of_any_script_fit_at_360(
        self, cast: Cast, open_page: OpenPage, agent: Agent, name: str
    ) -> None:
        Agent.objects.filter(pk=agent.pk).update(name=name)
        page = open_page(cast.adam, **PHONE)
        place = f"/w/acme/agents/{agent.pk}/"
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
        self, cast: Cast, open_page: OpenPage, agent: Agent
    ) -> None:
        conversation = talked(agent, cast, 12)
        # The second is what a window of 1280 by 1024 has left at 400 %.
        for size in ({"width": 360, "height": 740}, {"width": 320, "height": 256}):
            page = open_page(cast.edith, viewport=size)
            page.goto(f"{address(agent)}?conversation={conversation.pk}")
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

    def test_little_moves_when_a_reply_ends(
        self, cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
    ) -> None:
        page = open_page(cast.edith, **PHONE)
        page.goto(address(agent))
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
