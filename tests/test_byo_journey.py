"""The product's main job, in a real browser: bring a key, switch, verify, and switch back."""

import re

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent
from billing import ledger
from llm import keys
from tests.harness.browser import OpenPage, set_byo
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, PLATFORM_SECRETS, platform_key
from tests.provider_double.client import Double

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True), pytest.mark.money]


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def ask(page: Page, agent: Agent, text: str) -> str:
    """Send a message in the playground and return the finished reply's badge."""
    page.goto(f"/w/acme/agents/{agent.pk}/playground/")
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()
    turn = page.locator(".chat__turn").last
    expect(turn.locator("[data-link]")).to_be_visible()
    expect(turn).to_contain_text("provider double")
    return turn.locator(".chat__meta .badge").inner_text()


def test_paste_switch_verify_and_switch_back(
    cast: Cast, open_page: OpenPage, provider_double: Double
) -> None:
    platform_key("openai")
    agent = make_agent(cast.acme, "gpt-4o")
    page = open_page()
    sign_in(page, cast.adam.email, cast.password)

    page.goto("/w/acme/settings/llm/")
    page.get_by_label("OpenAI key", exact=True).fill(ACME_SECRETS["openai"])
    page.get_by_role("region", name="OpenAI").get_by_role("button", name="Save key").click()
    expect(page.locator(".mask").first).to_have_text(f"sk-…{ACME_SECRETS['openai'][-4:]}")
    assert ACME_SECRETS["openai"] not in page.content()

    set_byo(page, on=True)
    expect(page.locator(".payer").first).to_contain_text("provider")
    provider_double.clear()
    page.get_by_role("link", name="Verify in the playground").first.click()
    expect(page).to_have_url(re.compile(f"/agents/{agent.pk}/playground/"))

    assert ask(page, agent, "Who answers me?") == "your OpenAI key"
    assert [call["secret"] for call in provider_double.calls()] == [ACME_SECRETS["openai"]]
    assert ledger.balance(cast.acme).posted == 100

    set_byo(page, on=False)
    provider_double.clear()
    assert ask(page, agent, "And now?") == "5 credits"
    assert [call["secret"] for call in provider_double.calls()] == [PLATFORM_SECRETS["openai"]]
    assert ledger.balance(cast.acme).posted == 95


@pytest.mark.parametrize(
    ("provider", "model_id", "effort"),
    [("OpenAI", "gpt-6-luna", "low"), ("Anthropic", "claude-sonnet-5-5", "")],
)
def test_the_three_steps_with_a_current_model_that_thinks(
    cast: Cast, open_page: OpenPage, provider_double: Double, provider: str, model_id: str, effort: str
) -> None:
    secret = ACME_SECRETS[provider.lower()]
    agent = make_agent(cast.acme, model_id)
    Agent.objects.filter(pk=agent.pk).update(effort=effort)
    page = open_page()
    sign_in(page, cast.adam.email, cast.password)

    page.goto("/w/acme/settings/llm/")
    page.get_by_label(f"{provider} key", exact=True).fill(secret)
    page.get_by_role("region", name=provider).get_by_role("button", name="Save key").click()
    expect(page.locator(".mask").first).to_contain_text(secret[-4:])
    set_byo(page, on=True)
    provider_double.script("thinking", seconds=4, tokens=62, text="The provider double has thought about it.")
    page.get_by_role("link", name="Verify in the playground").first.click()
    page.get_by_label("Your message").fill("Who answers me?")
    page.get_by_role("button", name="Send").click()

    turn = page.locator(".chat__turn").last
    expect(turn).to_contain_text("Thinking")
    expect(turn.locator(".chat__meta .badge").first).to_have_text(f"your {provider} key", timeout=15_000)
    expect(turn).to_contain_text("has thought about it")
    expect(turn).not_to_contain_text("Thinking")
    turn.get_by_role("link", name=f"your {provider} key: open the receipt").click()
    receipt = page.get_by_role("article", name="Receipt")
    for words in ("62 thinking", "“Bring your own keys” was on", "Complete", secret[-4:]):
        expect(receipt).to_contain_text(words)
    assert [call["secret"] for call in provider_double.calls() if call["path"] != "/v1/models"] == [secret]
    assert ledger.balance(cast.acme).posted == 100


def test_the_badge_leads_to_a_receipt_that_says_who_paid_and_why(
    cast: Cast, open_page: OpenPage, provider_double: Double
) -> None:
    platform_key("openai")
    agent = make_agent(cast.acme, "gpt-4o")
    page = open_page(cast.edith)

    assert ask(page, agent, "What does this cost?") == "5 credits"
    page.get_by_role("link", name="5 credits: open the receipt").click()

    receipt = page.get_by_role("article", name="Receipt")
    expect(receipt).to_contain_text("Bookbag's OpenAI key")
    expect(receipt).to_contain_text("“Bring your own keys” was off")
    expect(receipt.locator(".receipt__total")).to_have_text("Charged5 credits")
    expect(receipt).not_to_contain_text(PLATFORM_SECRETS["openai"][-4:])


def test_without_javascript_the_form_comes_back_with_the_reply(
    cast: Cast, open_page: OpenPage, provider_double: Double
) -> None:
    platform_key("openai")
    agent = make_agent(cast.acme, "gpt-4o")
    page = open_page(cast.edith, java_script_enabled=False)

    assert ask(page, agent, "Plain HTML, please") == "5 credits"
    expect(page.locator(".chat__question").last).to_contain_text("Plain HTML, please")


def test_a_refusal_keeps_what_was_typed(cast: Cast, open_page: OpenPage, complaints: list[str]) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    for scripts in (True, False):
        platform_key("openai")
        page = open_page(cast.edith, java_script_enabled=scripts)
        page.goto(f"/w/acme/agents/{agent.pk}/playground/")
        page.get_by_label("Your message").fill("Do not lose me")
        keys.delete(None, provider="openai", by=None)
        page.get_by_role("button", name="Send").click()

        if scripts:
            expect(page.get_by_role("alert")).to_contain_text("no working OpenAI key")
            expect(page.get_by_label("Your message")).to_have_value("Do not lose me")
        else:  # the page as it is while there is no route: the reason stands in the composer's place
            expect(page.get_by_role("alert")).to_have_count(0)
            expect(page.locator("[data-trouble]")).to_contain_text("no working OpenAI key")
            page.get_by_text("What you typed").click()
            expect(page.get_by_role("paragraph").filter(has_text="Do not lose me")).to_be_visible()
    # The browser's console names every 503; that is what was asked for.
    assert all("503" in complaint for complaint in complaints)
    complaints.clear()
