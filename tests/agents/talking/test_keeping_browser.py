"""In a real browser: what is typed is kept until it is accepted, and a lost connection loses no reply."""

import re

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent, Conversation, Reply
from billing import ledger
from llm import keys
from tests.agents.scenes import spend_all
from tests.agents.talking.playground import address, ask, box, hang, turns
from tests.harness.cast import Cast
from tests.harness.chat import platform_key
from tests.harness.live import Server
from tests.harness.visitor import session_cookie
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]


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

    def test_going_back_to_the_inspector_asks_nothing_and_shows_the_text_again(self, page: Page) -> None:
        def looks_at(text: str) -> None:
            expect(page.get_by_role("heading", name="Prompt inspector")).to_be_visible()
            expect(page.get_by_role("textbox", name="Message")).to_have_value(text)
            expect(page.get_by_role("heading", name="This message")).to_be_visible()
            expect(page).to_have_url(re.compile(rf"/inspect/\?conversation={talk}$"))  # by its script

        ask(page, "First")
        talk = Conversation.objects.get().pk
        box(page).fill("What of\nthis?")
        page.get_by_role("button", name="Inspect the prompt").click()
        looks_at("What of\nthis?")
        page.get_by_role("textbox", name="Message").fill("And of that?")
        page.get_by_role("button", name="Inspect", exact=True).click()
        looks_at("And of that?")
        page.get_by_role("button", name="Send it").click()
        expect(turns(page).last).to_contain_text("And of that?")

        page.go_back()
        looks_at("And of that?")
        expect(page.get_by_text("2 earlier turns of this conversation are sent along.")).to_be_visible()
        page.reload()
        looks_at("And of that?")
        page.go_back()
        looks_at("What of\nthis?")
        page.go_back()
        expect(box(page)).to_be_visible()
        assert Reply.objects.count() == 2

    def test_what_another_member_inspected_in_the_same_tab_is_not_shown(
        self, cast: Cast, page: Page, live: Server, openai_agent: Agent
    ) -> None:
        ask(page, "First")
        box(page).fill("Ediths own")
        page.get_by_role("button", name="Inspect the prompt").click()
        expect(page.get_by_role("heading", name="This message")).to_be_visible()
        expect(page).to_have_url(re.compile(r"/inspect/\?conversation="))
        page.context.clear_cookies()
        page.context.add_cookies([{"name": "session", "value": session_cookie(cast.adam), "url": live.url}])
        page.goto(address(openai_agent))

        page.go_back()

        expect(page.get_by_role("heading", name="Prompt inspector")).to_be_visible()
        expect(page.get_by_role("textbox", name="Message")).to_have_value("")

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

    @pytest.mark.parametrize("signs_out_here", [True, False])
    def test_it_outlives_signing_out_while_a_reply_runs(
        self, cast: Cast, page: Page, provider_double: Double, complaints: list[str], signs_out_here: bool
    ) -> None:
        hang(provider_double)
        box(page).fill("First")
        box(page).press("Enter")
        expect(turns(page)).to_contain_text("You asked")
        box(page).fill("Second")
        talk = page.url
        tab = page if signs_out_here else page.context.new_page()
        tab.goto("/accounts/logout/")
        tab.locator("main").get_by_role("button", name="Sign out").click()
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
        if not signs_out_here:
            page.get_by_role("button", name="Stop").click()
            page.get_by_role("alert").get_by_role("link", name="Sign in").click()
        else:
            page.goto(talk)
        page.get_by_label("E-mail address").fill(cast.edith.email)
        page.get_by_label("Password").fill(cast.password)
        page.get_by_role("button", name="Sign in", exact=True).click()

        expect(turns(page)).to_contain_text("You asked")
        expect(box(page)).to_have_value("Second")
        page.get_by_role("button", name="Stop").click()
        expect(turns(page).locator(".badge", has_text="Stopped")).to_be_visible()
        complaints.clear()

    def test_another_member_in_the_same_tab_does_not_get_it(
        self, cast: Cast, page: Page, live: Server, openai_agent: Agent
    ) -> None:
        box(page).press_sequentially("Between us")
        page.context.clear_cookies()
        page.context.add_cookies([{"name": "session", "value": session_cookie(cast.adam), "url": live.url}])
        page.goto("/w/acme/")  # whichever page it is

        assert "Between us" not in page.evaluate("JSON.stringify(sessionStorage)")
        page.goto(address(openai_agent))
        expect(box(page)).to_have_value("")

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
