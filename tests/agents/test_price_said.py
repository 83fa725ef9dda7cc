"""A reply never costs more than its sender was told: a price that was raised meanwhile is said before it is charged."""

import pytest
from playwright.sync_api import expect

from agents.models import Agent, Reply
from billing import ledger
from billing.models import Hold
from llm import byo
from llm.models import ChatModel
from tests.agents.scenes import nothing_happened
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.harness.chat import accepted, bring_key, refusal, send, talk
from tests.harness.visitor import Visit
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def raise_the_price(agent: Agent, to: int) -> None:
    ChatModel.objects.filter(pk=agent.chat_model_id).update(price=to)


def test_dearer_reply_is_refused_with_both_prices_and_nothing_is_asked_or_held(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    raise_the_price(openai_agent, 7)
    answer = send(visit(cast.edith), openai_agent, price_said=5)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["price"], error["said"]) == (409, "price_changed", 7, 5)
    assert error["title"] == "A reply now costs 7 credits, not 5 credits as was said here."
    assert "Nothing was charged." in error["message"]
    assert nothing_happened(provider_double)
    assert not Hold.objects.exists()


@pytest.mark.parametrize("said", [5, 7, ""])
def test_the_price_said_or_a_lower_one_is_charged(
    cast: Cast, visit: Visit, openai_agent: Agent, said: object
) -> None:
    assert talk(visit(cast.edith), openai_agent, price_said=said).end.data["charged"] == 5


@pytest.mark.parametrize("said", ["-1", "5.0", "five", "9" * 30, "\u0665"])
def test_a_price_that_is_none_is_malformed(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, said: str
) -> None:
    assert refusal(send(visit(cast.edith), openai_agent, price_said=said)) == (400, "malformed")
    assert nothing_happened(provider_double)


def test_own_keys_switched_off_meanwhile_do_not_charge_what_was_said_to_cost_no_credits(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    bring_key(cast.acme)
    byo.set_byo(cast.acme, enabled=False, by=cast.adam)

    assert refusal(send(visit(cast.edith), openai_agent, price_said=0)) == (409, "price_changed")
    assert nothing_happened(provider_double)


def test_the_same_press_again_is_its_reply_whatever_the_price_is_by_then(
    cast: Cast, visit: Visit, openai_agent: Agent
) -> None:
    edith, press = visit(cast.edith), {"idempotency_key": "0123456789", "price_said": "5"}
    first = accepted(edith, openai_agent, **press)
    raise_the_price(openai_agent, 7)

    assert accepted(edith, openai_agent, **press)["reply"] == first["reply"]
    assert Reply.objects.count() == 1


@pytest.mark.browser
@pytest.mark.both_databases
def test_the_page_says_the_new_price_and_sends_when_pressed_again(
    cast: Cast, open_page: OpenPage, openai_agent: Agent, complaints: list[str]
) -> None:
    page = open_page(cast.edith)
    page.goto(f"/w/acme/agents/{openai_agent.pk}/playground/")
    raise_the_price(openai_agent, 7)
    box = page.get_by_label("Your message")
    box.fill("Why is the sky blue?")
    box.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("A reply now costs 7 credits")
    expect(box).to_have_value("Why is the sky blue?")
    expect(page.locator(".chat__composer .badge")).to_have_text("7 credits")
    box.press("Enter")

    expect(page.locator(".chat__turn").last.get_by_role("link", name="7 credits")).to_be_visible()
    assert ledger.balance(cast.acme) == ledger.Balance(93, 0)
    assert all("409" in one for one in complaints)
    complaints.clear()


@pytest.mark.browser
def test_without_scripts_the_page_comes_back_with_it(
    cast: Cast, open_page: OpenPage, openai_agent: Agent, complaints: list[str]
) -> None:
    page = open_page(cast.edith, java_script_enabled=False)
    page.goto(f"/w/acme/agents/{openai_agent.pk}/playground/")
    raise_the_price(openai_agent, 7)
    page.get_by_label("Your message").fill("Why is the sky blue?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("A reply now costs 7 credits")
    complaints.clear()  # of the status 409
    page.get_by_role("button", name="Send").click()

    expect(page.locator(".chat__turn").last.get_by_role("link", name="7 credits")).to_be_visible()
    assert ledger.balance(cast.acme) == ledger.Balance(93, 0)
