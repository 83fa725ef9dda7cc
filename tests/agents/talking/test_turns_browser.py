"""In a real browser: what can be done with a turn, and what it says of who pays."""

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent, Reply
from billing import ledger
from llm import byo, keys
from tests.agents.scenes import spend_all
from tests.agents.talking.playground import address, ask, box, hang, talked, turns
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.harness.chat import bring_key
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]


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

    @pytest.mark.parametrize("said", ["#", "&nbsp;", "[]()"])
    def test_answer_of_nothing_but_signs_is_seen_and_charged(
        self, cast: Cast, page: Page, provider_double: Double, said: str
    ) -> None:
        provider_double.script("chunks", chunks=[said])
        turn = ask(page, "Which sign?")

        expect(turn.locator(".chat__text")).to_have_text(said)
        expect(turn.locator(".chat__text")).to_be_visible()
        assert ledger.balance(cast.acme).posted == 95
        page.reload()
        expect(turns(page).last.locator(".chat__text")).to_have_text(said)

    def test_link_opens_and_marks_the_turn_even_far_back(
        self, cast: Cast, open_page: OpenPage, openai_agent: Agent
    ) -> None:
        conversation = talked(openai_agent, cast, 120)
        reply = conversation.replies.get(question="Question 3")
        page = open_page(cast.adam)
        page.goto(f"{address(openai_agent)}?conversation={conversation.pk}#reply-{reply.pk}")

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


def hang_on_own_key(cast: Cast, page: Page, provider_double: Double) -> None:
    """A reply on Acme's own key, which runs until it is stopped."""
    bring_key(cast.acme)
    page.reload()
    hang(provider_double)
    box(page).fill("On my key?")
    box(page).press("Enter")
    expect(turns(page)).to_contain_text("You asked")


class TestWhoPays:
    def test_page_learns_that_somebody_else_pays_by_now(
        self, cast: Cast, page: Page, openai_agent: Agent
    ) -> None:
        ask(page, "On credits?")
        bring_key(cast.acme)

        turn = ask(page, "On my key?")

        expect(turn.locator(".chat__meta .badge")).to_have_text("your OpenAI key")
        expect(page.locator(".chat__hint [data-prospect]")).to_have_text("your OpenAI key")
        expect(page.locator(".inspector .kv")).to_contain_text("your OpenAI account")
        for price in page.locator(".chat__price").all():
            expect(price).to_have_text("your OpenAI key")

    @pytest.mark.both_databases
    def test_switched_off_while_a_reply_runs_is_said_when_that_ends(
        self, cast: Cast, page: Page, openai_agent: Agent, provider_double: Double
    ) -> None:
        hang_on_own_key(cast, page, provider_double)
        byo.set_byo(cast.acme, enabled=False, by=cast.adam)
        box(page).fill("And what of this?")
        page.keyboard.press("Escape")

        badge = page.locator(".chat__hint [data-prospect]")
        expect(turns(page).locator(".chat__meta a.badge")).to_have_text("your OpenAI key")
        expect(badge).to_have_text("5 credits")
        expect(page.locator(".inspector .kv")).to_contain_text("your credits")
        expect(page.locator("[data-shortage]")).to_be_hidden()
        expect(box(page)).to_have_value("And what of this?")
        expect(box(page)).to_be_focused()
        hang(provider_double)
        box(page).press("Enter")
        expect(turns(page).last.locator(".chat__meta .badge")).to_have_text("5 credits held")
        expect(turns(page).last).to_contain_text("You asked")
        page.keyboard.press("Escape")
        expect(turns(page).last.locator(".chat__meta a.badge")).to_have_text("5 credits")

    def test_key_deleted_while_a_reply_runs_is_said_above_the_box_until_it_is_mended(
        self, cast: Cast, page: Page, openai_agent: Agent, provider_double: Double
    ) -> None:
        hang_on_own_key(cast, page, provider_double)
        keys.delete(cast.acme, provider="openai", by=cast.adam)
        page.keyboard.press("Escape")

        trouble = page.locator("[data-trouble]")
        expect(trouble.locator("strong")).to_have_text(
            "This workspace brings its own keys, but has none for OpenAI."
        )
        expect(page.locator(".chat__hint [data-prospect]")).to_have_text("no OpenAI key: cannot run")
        expect(box(page)).to_be_focused()
        bring_key(cast.acme)
        ask(page, "And now?")
        expect(trouble).to_have_count(0)
        expect(page.locator(".chat__hint [data-prospect]")).to_have_text("your OpenAI key")
