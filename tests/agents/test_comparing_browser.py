"""In a real browser: columns that stream side by side, the sum before they are sent, and one press that sends once."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from agents.models import Agent, Reply
from billing import ledger
from llm import byo
from tests.agents.scenes import calls, spend_all
from tests.harness.browser import OpenPage, fits, problems_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import bring_key, platform_key
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]


@pytest.fixture
def agent(cast: Cast, provider_double: Double) -> Agent:
    """On GPT-4o at 5 credits; GPT-4o mini costs 1 and Claude Sonnet 4.6 costs 4."""
    platform_key("openai")
    platform_key("anthropic")
    return make_agent(cast.acme, "gpt-4o")


def choose(page: Page, agent: Agent, *names: str) -> None:
    """Open the page and tick these models, and no other."""
    page.goto(f"/w/acme/agents/{agent.pk}/compare/")
    for box in page.locator("label.choice").all():
        name = box.locator("[data-name]").inner_text()
        box.locator("input").set_checked(name in names)


def send(page: Page, text: str = "Why is the sky blue?") -> list[Locator]:
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send to all").click()
    expect(page.locator("[data-columns] > li").first).to_be_visible()
    return page.locator("[data-columns] > li").all()


@pytest.mark.any_database
def test_the_sum_follows_the_choice(cast: Cast, open_page: OpenPage, agent: Agent) -> None:
    page = open_page(cast.edith)

    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6")
    expect(page.locator("[data-total]")).to_have_text(re.compile("Together 9 credits, of 100 left."))
    page.get_by_label(re.compile("^GPT-4o mini")).check()
    expect(page.locator("[data-total]")).to_have_text(re.compile("Together 10 credits, of 100 left."))
    spend_all(cast, leaving=8)
    page.get_by_label(re.compile("^GPT-4o mini")).uncheck()
    expect(page.locator("[data-total]")).to_contain_text("That does not fit.")
    assert problems_of(page) == []


@pytest.mark.both_databases
def test_columns_stream_side_by_side_and_a_second_press_sends_nothing(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", match={"provider": "openai"}, after=3)
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6")

    send(page)
    page.get_by_role("button", name="Send to all").click(click_count=3)
    hanging = page.locator("[data-column]", has_text="GPT-4o")
    done = page.locator("[data-column]", has_text="Claude Sonnet 4.6")

    expect(done.get_by_role("link", name="Go on with this one")).to_be_visible()
    expect(done).to_contain_text("first text ")
    expect(hanging.locator("[data-text]")).to_contain_text("You asked")
    assert problems_of(page) == []
    hanging.get_by_role("button", name="Stop").click()
    expect(hanging.get_by_role("link", name="Go on with this one")).to_be_visible()
    assert (len(calls(provider_double)), Reply.objects.count()) == (2, 2)
    assert ledger.balance(cast.acme) == ledger.Balance(91, 0)
    expect(page.get_by_label("Message")).to_have_value("")


def test_another_payer_than_was_said_sends_nothing_until_it_is_pressed_again(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
) -> None:
    bring_key(cast.acme)
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "GPT-4o mini")
    expect(page.locator("[data-total]")).to_contain_text("2 replies on your OpenAI key")
    byo.set_byo(cast.acme, enabled=False, by=cast.adam)

    page.get_by_label("Message").fill("Why?")
    page.get_by_role("button", name="Send to all").click()

    expect(page.get_by_role("alert")).to_contain_text(
        "Together 6 credits, of 100 left. This differs from what the page said before"
    )
    expect(page.locator("label.choice", has_text="GPT-4o mini").locator(".badge")).to_have_text("1 credit")
    assert Reply.objects.count() == 0
    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_role("link", name="Go on with this one")).to_have_count(2)
    assert ledger.balance(cast.acme) == ledger.Balance(94, 0)


def test_what_is_typed_meanwhile_stays_and_an_early_stop_counts(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", match={"provider": "openai"}, after=3)
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6")

    def answer_late(route: Route) -> None:
        page.wait_for_timeout(700)
        route.continue_()

    page.route("**/messages/", answer_late)

    send(page)
    page.locator("[data-column]", has_text="GPT-4o").get_by_role("button", name="Stop").click()
    page.get_by_label("Message").fill("And the next one?")

    expect(page.get_by_role("link", name="Go on with this one")).to_have_count(2)
    assert Reply.objects.filter(state="stopped").count() == 1
    expect(page.get_by_label("Message")).to_have_value("And the next one?")


def test_live_is_what_a_reload_shows(cast: Cast, open_page: OpenPage, agent: Agent) -> None:
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6", "GPT-4o mini")
    send(page, "A **bold** question?")
    links = page.get_by_role("link", name="Go on with this one")
    expect(links).to_have_count(3)

    live = page.locator("[data-columns] > li").evaluate_all("all => all.map(one => one.outerHTML)")
    page.reload()

    assert page.locator("[data-columns] > li").evaluate_all("all => all.map(one => one.outerHTML)") == live
    expect(page.locator("[data-question]")).to_have_text("A **bold** question?")
    links.first.click()
    expect(page.get_by_text("The agent still uses GPT-4o")).to_be_visible()


def test_a_reload_in_the_middle_goes_on(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", match={"provider": "openai"}, after=3)
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6")
    send(page)
    hanging = page.locator("[data-column]", has_text="GPT-4o")
    expect(hanging.locator("[data-text]")).to_contain_text("You asked")
    expect(page).to_have_url(re.compile("reply=.*reply="))

    page.reload()

    expect(hanging.locator("[data-text]")).to_contain_text("You asked")
    hanging.get_by_role("button", name="Stop").click()
    expect(hanging.get_by_role("link", name="Go on with this one")).to_be_visible()
    assert len(calls(provider_double)) == 2


@pytest.mark.both_databases
def test_a_refused_column_says_why_and_the_other_answers(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double, complaints: list[str]
) -> None:
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6")
    expect(page.locator("[data-total]")).to_contain_text("Together 9 credits")
    bring_key(cast.acme, "openai")
    page.get_by_label("Message").fill("Why is the sky blue?")
    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_role("alert")).to_contain_text("This differs from what the page said before")

    send(page)

    refused = page.locator("[data-column]", has_text="Claude Sonnet 4.6")
    expect(refused.get_by_text("has none for Anthropic")).to_be_visible()
    expect(refused.locator("[data-ways-out] a").first).to_be_visible()
    expect(page.locator("[data-column]", has_text="GPT-4o").get_by_text("your OpenAI key")).to_be_visible()
    expect(page.get_by_role("link", name="Go on with this one")).to_have_count(1)
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    assert all("409" in one for one in complaints)
    complaints.clear()

    # Mended, the same press asks the one that did not answer, and no other. First the page has looked at its sum again.
    expect(page.locator("[data-announce]")).to_have_text("1 of 2 have answered.")
    expect(page.get_by_label("Message")).to_have_value("Why is the sky blue?")
    bring_key(cast.acme, "anthropic")
    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_role("alert")).to_contain_text("This differs from what the page said before")
    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_role("link", name="Go on with this one")).to_have_count(2)
    assert sorted(provider for provider, _, _ in calls(provider_double)) == ["anthropic", "openai"]


def test_a_dead_server_is_said_and_what_is_typed_outlives_it_a_reload_and_a_sign_in(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double, complaints: list[str]
) -> None:
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "GPT-4o mini")
    expect(page.locator("[data-total]")).to_contain_text("Together 6 credits")
    box = page.get_by_label("Message")
    box.fill("Why is the sky blue?")
    page.route("**/compare/**", lambda route: route.abort())
    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_role("alert")).to_contain_text("The connection was lost.")
    page.unroute("**/compare/**")
    # Of the two the first is accepted, and what it answers is lost on its way.
    page.route("**/messages/", lambda route: (route.fetch(), route.abort()))
    page.get_by_role("button", name="Send to all").click()
    expect(page.locator("[data-column] [data-problem]:visible")).to_have_count(2)
    page.unroute("**/messages/")

    page.reload()
    expect(box).to_have_value("Why is the sky blue?")
    page.context.clear_cookies(name="session")
    page.get_by_role("button", name="Send to all").click()
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("E-mail address").fill(cast.edith.email)
    page.get_by_label("Password").fill(cast.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Compare chat models")).to_be_visible()
    expect(box).to_have_value("Why is the sky blue?")
    for one in page.locator("label.choice").all():
        one.locator("input").set_checked(one.locator("[data-name]").inner_text() in ("GPT-4o", "GPT-4o mini"))
    expect(page.locator("[data-total]")).to_contain_text("Together 6 credits")
    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_role("link", name="Go on with this one")).to_have_count(2)
    expect(box).to_have_value("")
    page.reload()
    expect(box).to_have_value("")

    # The same press of Send throughout: each was answered and charged once.
    assert sorted(model for _, _, model in calls(provider_double)) == ["gpt-4o", "gpt-4o-mini"]
    assert ledger.balance(cast.acme) == ledger.Balance(94, 0)
    complaints.clear()  # the browser's own lines about what was cut and the 401


def test_a_press_while_they_answer_says_so_and_sends_nothing(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
) -> None:
    provider_double.script("chunks", chunks=["one ", "two ", "three ", "four"], gap_ms=1_500)
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "GPT-4o mini")
    send(page)
    expect(page.locator("[data-text]").first).to_contain_text("one")

    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_role("alert")).to_contain_text("still being written")
    expect(page.locator("[data-announce]")).to_have_text("All have answered.", timeout=30_000)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert Reply.objects.count() == 2


@pytest.mark.any_database
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_columns_stack_on_a_narrow_screen_and_answer_without_scripts(
    cast: Cast, open_page: OpenPage, agent: Agent, scheme: str, complaints: list[str]
) -> None:
    page = open_page(
        cast.edith, java_script_enabled=False, color_scheme=scheme, viewport={"width": 360, "height": 800}
    )
    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6")
    page.get_by_label("Message").fill("Why is the sky blue?")

    page.get_by_role("button", name="Send to all").click()
    expect(page.get_by_text("Together 9 credits, of 100 left. Send again")).to_be_visible()
    complaints.clear()  # of the status 400
    page.get_by_role("button", name="Send to all").click()

    columns = page.locator("[data-columns] > li")
    expect(columns).to_have_count(2)
    first, second = (columns.nth(place).bounding_box() for place in (0, 1))
    assert first
    assert second
    assert (first["x"], first["width"]) == (second["x"], second["width"])
    assert first["y"] + first["height"] <= second["y"]


@pytest.mark.any_database
def test_it_fits_at_360_with_long_words(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
) -> None:
    provider_double.script(
        "text", times=None, text="w" * 400 + "\n\n| " + "cell | " * 30 + "\n|" + "---|" * 30
    )
    page = open_page(cast.edith, viewport={"width": 360, "height": 800})
    choose(page, agent, "GPT-4o", "Claude Sonnet 4.6")

    send(page, "x" * 3_000)

    expect(page.get_by_role("link", name="Go on with this one")).to_have_count(2)
    assert fits(page)
    assert problems_of(page) == []


@pytest.mark.any_database
def test_keyboard_alone_compares(cast: Cast, open_page: OpenPage, agent: Agent) -> None:
    page = open_page(cast.edith)
    choose(page, agent, "GPT-4o", "GPT-4o mini")
    page.get_by_label("Message").focus()
    page.keyboard.type("Why is the sky blue?")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="Go on with this one")).to_have_count(2)


def test_what_is_typed_in_the_playground_is_what_the_inspector_shows(
    cast: Cast, open_page: OpenPage, agent: Agent, provider_double: Double
) -> None:
    page = open_page(cast.edith)
    page.goto(f"/w/acme/agents/{agent.pk}/playground/")
    page.get_by_label("Your message").fill("Why is\nthe sky blue?")

    page.get_by_role("button", name="Inspect the prompt").click()

    expect(page.get_by_role("heading", name="Prompt inspector")).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_have_value("Why is\nthe sky blue?")
    assert calls(provider_double) == []
    assert problems_of(page) == []
    page.get_by_role("button", name="Send it").click()
    expect(page.locator(".chat__question").first).to_contain_text("the sky blue?")
    assert len(calls(provider_double)) == 1
