"""In a real browser: a walk through the places that say what becomes of a reply, while people change it; and what
somebody sees whose page is overtaken by what others did meanwhile.
"""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from agents.models import Agent
from llm import keys
from llm.models import ChatModel
from tests.agents.scenes import agent_on
from tests.agents.talking.playground import address, ask, box, hang, turns
from tests.harness.browser import OpenPage, problems_of, set_byo
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, bring_key, platform_key
from tests.llm.rows import the_key
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]


class Walk:
    """Adam's window, and the places that say the same of the agent's next reply."""

    def __init__(self, page: Page, agent: Agent) -> None:
        self.page, self.agent = page, agent

    def badge(self, within: str = "main") -> Locator:
        return self.page.locator(f"{within} [data-prospect]:visible").first

    def option(self) -> Locator:
        """The agent's model in a picker."""
        return self.page.locator("select[name=chat_model] option:checked").first

    def says(self, words: str) -> None:
        """The overview, the agents' list, the agent's page with its picker, a trial's picker, and the playground."""
        at = f"/w/acme/agents/{self.agent.pk}/"
        for path in ("/w/acme/", "/w/acme/agents/", at):
            self.page.goto(path)
            expect(self.badge()).to_have_text(words)
        expect(self.option()).to_contain_text(f"{self.agent.chat_model.name} · {words}")
        self.page.goto(f"{at}playground/try/")
        expect(self.option()).to_contain_text(f"{self.agent.chat_model.name} · {words}")
        self.page.goto(address(self.agent))
        expect(self.badge(".chat")).to_have_text(words)
        runs = "run" not in words and "fail" not in words
        expect(self.page.locator("[data-composer]")).to_be_visible(visible=runs)
        expect(self.page.locator("[data-trouble]")).to_have_count(0 if runs else 1)

    def receipt_says(self, summary: str) -> None:
        turns(self.page).last.locator(".chat__meta a.badge").click()
        expect(self.page.locator("[data-summary]")).to_have_text(re.compile(summary))

    def save_key(self, secret: str) -> None:
        self.page.goto("/w/acme/settings/llm/")
        self.page.get_by_label("OpenAI key", exact=True).fill(secret)
        self.page.get_by_role("region", name="OpenAI").get_by_role("button", name="Save key").click()
        expect(self.page.locator(".mask").first).to_have_text(f"sk-…{secret[-4:]}")


def test_six_places_say_the_same_while_people_change_it(
    cast: Cast, open_page: OpenPage, provider_double: Double
) -> None:
    platform_key()
    agent = make_agent(cast.acme, "gpt-4o", name="Front desk")
    walk = Walk(open_page(cast.adam), agent)

    walk.says("5 credits")
    ask(walk.page, "What does this cost?")
    walk.receipt_says("5 credits, from Acme's credits.")

    set_byo(walk.page, on=True)
    walk.says("no OpenAI key: cannot run")

    walk.save_key(ACME_SECRETS["openai"])
    walk.says("your OpenAI key")
    ask(walk.page, "And now?")
    walk.receipt_says("Billed by OpenAI, .*, on your key")

    provider_double.script("401", times=None)
    walk.page.goto(address(agent))
    ask(walk.page, "Is my key still good?")
    walk.receipt_says("Nothing was charged.")
    walk.says("OpenAI key rejected: will fail")

    # Its way out leads back here, with the result.
    box_of_trouble = walk.page.locator("[data-trouble]")
    box_of_trouble.get_by_role("button", name="Check the key again").click()
    expect(walk.page.get_by_text("checked.")).to_be_visible()
    expect(walk.page).to_have_url(re.compile(address(agent)))
    expect(box_of_trouble).to_be_visible()
    provider_double.clear_scripts()
    box_of_trouble.get_by_role("button", name="Check the key again").click()
    expect(box_of_trouble).to_have_count(0)
    walk.says("your OpenAI key")

    set_byo(walk.page, on=False)
    keys.delete(None, provider="openai", by=cast.oscar)
    walk.says("Bookbag has no OpenAI key: cannot run")

    platform_key()
    ChatModel.objects.filter(pk=agent.chat_model_id).update(enabled=False)
    walk.says("withdrawn: cannot run")


def test_what_is_typed_and_its_conversation_come_back_after_the_key_is_checked(
    cast: Cast, open_page: OpenPage, provider_double: Double
) -> None:
    bring_key(cast.acme)
    provider_double.script("401", times=1)
    page = open_page(cast.adam)
    page.goto(address(agent_on(cast, "openai")))
    turn = ask(page, "Are you there?")
    box(page).fill("And a second thought")

    turn.get_by_role("button", name="Check the key again").click()

    expect(page.get_by_text("checked.")).to_be_visible()
    expect(page.locator(".chat__question")).to_have_text(["You: Are you there?"])
    expect(box(page)).to_have_value("And a second thought")
    assert the_key(cast.acme).health == "valid"
    # Sent, it is neither in the box nor kept a second time.
    expect(ask(page, "And a second thought")).to_contain_text("provider double")
    page.reload()
    expect(box(page)).to_have_value("")


def test_agent_that_is_deleted_elsewhere(
    cast: Cast, open_page: OpenPage, openai_agent: Agent, complaints: list[str]
) -> None:
    page = open_page(cast.edith)
    where = address(openai_agent)
    page.goto(where)
    openai_agent.delete()

    box(page).fill("Are you there?")
    box(page).press("Enter")

    expect(page.locator("[data-problem]")).to_contain_text(
        "This agent is not here any more. Nothing was charged."
    )
    expect(box(page)).to_have_value("Are you there?")
    complaints.clear()  # the browser's own line about the 404
    page.get_by_role("link", name="See the agents").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Agents")

    page.goto(where)
    expect(page.get_by_role("heading", level=1)).to_have_text("This agent is not here any more.")
    expect(page.get_by_role("link", name="New agent")).to_be_visible()
    assert problems_of(page) == []
    complaints.clear()


def test_reply_of_another_is_watched_and_not_stopped(
    cast: Cast, open_page: OpenPage, openai_agent: Agent, provider_double: Double, complaints: list[str]
) -> None:
    hang(provider_double)
    adam, edith, victor = (open_page(user) for user in (cast.adam, cast.edith, cast.victor))
    adam.goto(address(openai_agent))
    box(adam).fill("A long story")
    box(adam).press("Enter")
    expect(adam.locator("[data-text]")).to_contain_text("You asked")

    conversation = openai_agent.conversations.get()
    victor.goto(f"/w/acme/conversations/{conversation.pk}/")
    expect(victor.locator("[data-text]")).to_contain_text("You asked")
    edith.goto(f"{address(openai_agent)}?conversation={conversation.pk}")
    expect(edith.locator("[data-begun-by]")).to_contain_text("Begun by adam@acme.test.")
    expect(edith.locator("[data-text]")).to_contain_text("You asked")
    edith.keyboard.press("Escape")
    problem = edith.locator("[data-problem]")
    expect(problem).to_contain_text("Another member asked for this reply. They or an admin")
    expect(problem.get_by_role("link", name="See who can")).to_be_visible()
    complaints.clear()  # the browser's own line about the 403

    adam.keyboard.press("Escape")
    for window in (adam, edith, victor):
        expect(turns(window).last).to_contain_text("Stopped")
    expect(victor.locator("[data-running], [data-composer]")).to_have_count(0)
