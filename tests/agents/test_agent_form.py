"""The agent's form follows the chat model: fitting settings are offered, others kept or dropped with a note."""

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents import model_settings
from agents.forms import AgentForm
from agents.models import Agent
from llm import byo, keys, listing, outlook, profiles
from llm.models import ChatModel
from llm.profiles import ListedProfile
from llm.providers.base import Listing
from llm.vault import Secret
from tests.bookbag.llm_settings.test_llm_settings_browser import problems_of
from tests.factories import browser_of
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast, catalogue_model, make_agent
from tests.harness.chat import bring_key, platform_key

OWN_SECRET = "sk-proj-FoRmSkEy7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
SETTINGS = ["effort", "temperature", "output_limit"]


def offer_of(provider: str, model_id: str, **facts: Any) -> model_settings.Offer:
    return model_settings.offer(
        "It",
        provider,
        profiles.by_rules(provider, model_id) if not facts else profiles.resolve(provider, model_id, **facts),
    )


def page_of(user: Any, agent: Agent) -> str:
    return browser_of(user).get(f"/w/acme/agents/{agent.pk}/").content.decode()


def shown(page: str) -> list[str]:
    """The settings that a visitor without scripts sees."""
    return [name for name in SETTINGS if f'data-setting="{name}">' in page]


def save(client: Client, agent: Agent, **changes: Any) -> Any:
    """Send the form as the page has it, with `changes`; the response's page says what became of it."""
    fields = {
        "name": agent.name,
        "instructions": agent.instructions,
        "chat_model": agent.chat_model_id,
        "temperature": "" if agent.temperature is None else agent.temperature,
        "effort": agent.effort,
        "output_limit": agent.output_limit or "",
        "status": agent.status,
        "fallback_text": agent.fallback_text,
    }
    response = client.post(f"/w/acme/agents/{agent.pk}/", fields | changes, follow=True)
    agent.refresh_from_db()
    return response


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


# --- What each family is offered -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model_id", "temperature", "efforts", "output"),
    [
        ("openai", "gpt-4o", [""], {}, "4,096"),
        ("openai", "gpt-5.1", ["", "none"], {"": "no thinking", "none": "", "low": "", "medium": "", "high": ""}, "4,096"),
        ("openai", "gpt-6-luna", ["", "none"], {"": "no thinking", "none": "", "low": "", "medium": "", "high": ""}, "16,384"),
        ("openai", "gpt-6-astra", [], {"": "low", "low": "", "medium": "", "high": ""}, "16,384"),
        ("openai", "chat-latest", [], {"": "medium", "medium": ""}, "16,384"),
        ("anthropic", "claude-sonnet-4-6", [], {}, "4,096"),
        ("anthropic", "claude-opus-5-5", [], {"": "low", "low": "", "medium": "", "high": ""}, "16,384"),
        ("anthropic", "claude-sonnet-5-5", [], {"": "low", "none": "", "low": "", "medium": "", "high": ""}, "16,384"),
        ("openai", "a-model-of-tomorrow", [], {}, "16,384"),
    ],
)  # fmt: skip
def test_each_family_is_offered_what_it_takes(
    provider: str, model_id: str, temperature: list[str], efforts: dict[str, str], output: str
) -> None:
    offer = offer_of(provider, model_id)

    assert offer.temperature == temperature
    assert list(offer.efforts) == list(efforts or {"": ""})
    assert not efforts or offer.efforts[""] == f"model's default ({efforts['']})"
    assert offer.output[""] == f"model's default ({output})"


def test_no_thinking_is_what_the_lowest_effort_is_called() -> None:
    assert offer_of("openai", "gpt-6-luna").efforts["none"] == "no thinking"


def test_a_default_that_only_the_provider_knows_is_not_named() -> None:
    offer = offer_of("anthropic", "claude-opus-5-5", listed=ListedProfile(efforts=("medium", "max")))
    assert offer.efforts == {"": "model's default", "medium": "medium", "max": "max"}


def test_a_temperature_that_goes_without_thinking_only_says_so() -> None:
    assert "only without thinking" in offer_of("openai", "gpt-6-luna").help["temperature"]
    assert "thinking" not in offer_of("openai", "gpt-4o").help["temperature"]


def test_thinking_raises_the_default_output_limit() -> None:
    output = offer_of("openai", "gpt-5.1").output
    assert (output["none"], output["high"]) == ("model's default (4,096)", "model's default (16,384)")


def test_bookbag_local_takes_none_of_it() -> None:
    offer = offer_of("local", "")
    assert [name for name in SETTINGS if offer.applies(name)] == []


# --- The page ----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model_id", "settings"),
    [
        ("", []),
        ("gpt-4o", ["temperature", "output_limit"]),
        ("gpt-6-luna", ["effort", "temperature", "output_limit"]),
        ("claude-sonnet-5-5", ["effort", "output_limit"]),
        ("claude-sonnet-4-6", ["output_limit"]),
    ],
)
def test_the_page_shows_what_the_model_takes(cast: Cast, model_id: str, settings: list[str]) -> None:
    page = page_of(cast.edith, make_agent(cast.acme, model_id))
    assert shown(page) == settings


@pytest.mark.django_db
def test_the_page_offers_the_levels_of_its_model_and_names_the_defaults(cast: Cast) -> None:
    page = page_of(cast.edith, make_agent(cast.acme, "claude-sonnet-5-5"))
    select = re.search(r'<select name="effort".*?</select>', page, re.S)
    assert select is not None
    assert re.findall(r">\s*([^<>]+?)</option>", select[0]) == [
        "model&#x27;s default (low)", "no thinking", "low", "medium", "high",
    ]  # fmt: skip
    assert 'placeholder="model&#x27;s default (16,384)"' in page
    assert 'max="128000"' in page


@pytest.mark.django_db
@pytest.mark.parametrize(("byo_enabled", "levels"), [(True, ["medium", "max"]), (False, ["high"])])
def test_the_list_of_the_account_that_would_run_it_decides(
    cast: Cast, byo_enabled: bool, levels: list[str]
) -> None:
    for workspace, known in ((cast.acme, ("medium", "max")), (None, ("high",)), (cast.globex, ("xhigh",))):
        row = keys.replace(
            workspace, provider="anthropic", secret=Secret("sk-ant-" + OWN_SECRET), by=cast.adam
        )
        listing.store(row, [Listing("claude-opus-5-5", "", ListedProfile(efforts=known))])
    byo.set_byo(cast.acme, enabled=byo_enabled, by=cast.adam)
    chat_model = ChatModel.objects.create(
        name="Opus", provider="anthropic", model_id="claude-opus-5-5", price=1
    )

    offer = AgentForm(
        workspace=cast.acme, routes=outlook.for_workspace(cast.acme), instance=Agent(workspace=cast.acme)
    ).offers[chat_model.pk]

    assert list(offer.efforts) == ["", *levels]


@pytest.mark.django_db
def test_a_model_that_is_gone_is_not_offered_but_stays_where_it_is_in_use(cast: Cast) -> None:
    ChatModel.objects.filter(model_id="gpt-4o").update(
        shuts_down_on=timezone.now().date() - dt.timedelta(days=1)
    )
    on_it = make_agent(cast.acme, "gpt-4o")
    elsewhere = make_agent(cast.acme, name="Else")

    assert ">GPT-4o · shut down by OpenAI: cannot run · was shut down on " in page_of(cast.edith, on_it)
    assert ">GPT-4o ·" not in page_of(cast.edith, elsewhere)
    refused = save(browser_of(cast.edith), elsewhere, chat_model=catalogue_model("gpt-4o").pk)
    assert (refused.status_code, elsewhere.chat_model.provider) == (400, "local")


@pytest.mark.django_db
@pytest.mark.usefixtures("last_days_as_published")
def test_the_picker_names_the_last_day_of_a_model_and_what_takes_over(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform_key()
    monkeypatch.setattr(outlook, "today", lambda: dt.date(2026, 11, 26))
    page = page_of(cast.edith, make_agent(cast.acme))
    last_day = "shuts down 14 Jan 2027 · use GPT-6 Luna"
    assert f">GPT-4o · 5 credits, from your credits · {last_day}</option>" in page
    assert ">GPT-6 Luna · 1 credit, from your credits</option>" in page
    assert ">Claude Haiku 4.5 · Bookbag has no Anthropic key: cannot run</option>" in page
    assert ">Bookbag Local · local, free</option>" in page


@pytest.mark.django_db
def test_the_picker_shows_no_credits_for_what_an_own_key_pays(cast: Cast) -> None:
    platform_key("anthropic")
    bring_key(cast.acme)

    page = unescape(page_of(cast.edith, make_agent(cast.acme)))

    assert ">GPT-6 Luna · your OpenAI key</option>" in page
    assert ">Claude Haiku 4.5 · no Anthropic key: cannot run</option>" in page
    assert "credit" not in page.partition('name="chat_model"')[2].partition("</select>")[0]


# --- Saving ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_settings_that_the_model_takes_are_saved(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-6-luna")
    response = save(browser_of(cast.edith), agent, effort="high", output_limit="20000", temperature="")
    assert said(response) == "Saved. The next reply uses it."
    assert (agent.effort, agent.output_limit, agent.temperature) == ("high", 20_000, None)


@pytest.mark.django_db
def test_a_change_of_model_keeps_the_temperature_and_says_that_it_is_not_sent(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    response = save(browser_of(cast.edith), agent, chat_model=catalogue_model("claude-sonnet-5-5").pk)
    assert said(response) == "Saved. Claude Sonnet 5.5 takes no temperature: it is kept, and not sent."
    assert (agent.temperature, agent.chat_model.name) == (0.2, "Claude Sonnet 5.5")

    back = save(browser_of(cast.edith), agent, chat_model=catalogue_model("gpt-4o").pk)
    assert said(back) == "Saved. The next reply uses it."


@pytest.mark.django_db
def test_what_was_said_once_is_not_said_with_every_change(cast: Cast) -> None:
    agent = make_agent(cast.acme, "claude-sonnet-5-5")
    assert said(save(browser_of(cast.edith), agent, name="Renamed")) == "Saved. The next reply uses it."


@pytest.mark.django_db
def test_a_change_of_model_drops_an_effort_that_it_does_not_offer(cast: Cast) -> None:
    agent = make_agent(cast.acme, "claude-sonnet-5-5")
    Agent.objects.filter(pk=agent.pk).update(effort="high")
    agent.refresh_from_db()
    response = save(browser_of(cast.edith), agent, chat_model=catalogue_model("claude-sonnet-4-6").pk)
    assert said(response) == "Saved. Claude Sonnet 4.6 takes no effort: “high” is dropped."
    assert agent.effort == ""


@pytest.mark.django_db
def test_a_change_of_model_keeps_an_effort_that_it_offers(cast: Cast) -> None:
    agent = make_agent(cast.acme, "claude-sonnet-5-5")
    Agent.objects.filter(pk=agent.pk).update(effort="high", temperature=None)
    agent.refresh_from_db()
    response = save(browser_of(cast.edith), agent, chat_model=catalogue_model("gpt-6-luna").pk)
    assert (said(response), agent.effort) == ("Saved. The next reply uses it.", "high")


@pytest.mark.django_db
def test_thinking_turned_on_says_that_the_temperature_is_not_sent(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-6-luna")
    response = save(browser_of(cast.edith), agent, effort="low")
    assert said(response) == (
        "Saved. GPT-6 Luna takes a temperature only without thinking: it is kept, and not sent."
    )


@pytest.mark.django_db
def test_a_change_of_model_lowers_an_output_limit_that_is_too_high(cast: Cast) -> None:
    agent = make_agent(cast.acme, "claude-sonnet-5-5")
    Agent.objects.filter(pk=agent.pk).update(output_limit=100_000)
    agent.refresh_from_db()
    response = save(browser_of(cast.edith), agent, chat_model=catalogue_model("claude-sonnet-4-6").pk)
    assert "Claude Sonnet 4.6 writes at most 64,000 tokens" in said(response)
    assert agent.output_limit == 64_000


@pytest.mark.django_db
def test_a_move_to_bookbag_local_keeps_what_it_does_not_take(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    Agent.objects.filter(pk=agent.pk).update(output_limit=1_000)
    agent.refresh_from_db()
    response = save(browser_of(cast.edith), agent, chat_model=catalogue_model("").pk)
    assert said(response) == (
        "Saved. Bookbag Local takes no output limit: it is kept, and not sent. "
        "Bookbag Local takes no temperature: it is kept, and not sent."
    )
    assert (agent.temperature, agent.output_limit) == (0.2, 1_000)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"effort": "max"}, "does not offer this effort"),
        ({"effort": "enormous"}, "Select a valid choice"),
        ({"output_limit": "15"}, "greater than or equal to 16"),
        ({"output_limit": "128001"}, "at most 128,000 tokens"),
        ({"chat_model": "gpt-6-luna", "temperature": "1.5"}, "less than or equal to 1"),
    ],
)
def test_what_the_model_that_is_set_does_not_offer_is_an_error(
    cast: Cast, changes: dict[str, str], words: str
) -> None:
    agent = make_agent(cast.acme, "claude-sonnet-5-5")
    if "chat_model" in changes:
        changes["chat_model"] = str(catalogue_model(changes["chat_model"]).pk)
    response = save(browser_of(cast.edith), agent, **changes)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert (agent.effort, agent.output_limit, agent.temperature) == ("", None, 0.2)


@pytest.mark.django_db
def test_a_wrong_value_in_a_hidden_field_is_passed_over(cast: Cast) -> None:
    agent = make_agent(cast.acme, "claude-sonnet-5-5")
    response = save(browser_of(cast.edith), agent, temperature="7", name="Renamed")
    assert (response.status_code, agent.name, agent.temperature) == (200, "Renamed", 0.2)


@pytest.mark.django_db
def test_an_effort_that_the_provider_no_longer_lists_is_dropped_with_a_word(cast: Cast) -> None:
    agent = make_agent(cast.acme, "claude-sonnet-5-5")
    Agent.objects.filter(pk=agent.pk).update(effort="max")
    agent.refresh_from_db()
    response = save(browser_of(cast.edith), agent)
    assert said(response) == "Saved. Claude Sonnet 5.5 does not offer the effort “max”: its default is used."


@pytest.mark.django_db
def test_a_new_agent_gets_its_settings_with_it(cast: Cast) -> None:
    fields = {
        "name": "One", "chat_model": catalogue_model("claude-sonnet-5-5").pk, "effort": "medium", "temperature": "0.2",
        "output_limit": "9000", "status": "active", "fallback_text": "No.",
    }  # fmt: skip
    response = browser_of(cast.edith).post("/w/acme/agents/new/", fields, follow=True)
    agent = cast.acme.agents.get()
    assert (agent.effort, agent.output_limit) == ("medium", 9_000)
    # Nobody chose the temperature that every new agent begins with.
    assert said(response) == "One is ready. Give it something to answer from."


# --- In a browser --------------------------------------------------------------------------------------


def choose_model(page: Page, name: str) -> None:
    """Pick the chat model that begins with `name`, whatever its price and payer are."""
    picker = page.get_by_label("Chat model")
    labels = [text for text in picker.locator("option").all_inner_texts() if text.startswith(f"{name} ·")]
    assert len(labels) == 1, labels
    picker.select_option(label=labels[0])


def visible(page: Page) -> list[str]:
    return [name for name in SETTINGS if page.locator(f"#id_{name}").is_visible()]


@pytest.mark.any_database
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_form_follows_the_model_at_once(cast: Cast, open_page: OpenPage) -> None:
    agent = make_agent(cast.acme, "gpt-6-luna")
    page = open_page(cast.edith)
    page.goto(f"/w/acme/agents/{agent.pk}/")
    assert visible(page) == SETTINGS
    page.get_by_label("Effort").select_option("none")

    choose_model(page, "Claude Sonnet 4.6")

    notes = page.locator("[data-model-notes]")
    expect(notes).to_contain_text("Claude Sonnet 4.6 takes no effort: “no thinking” is dropped.")
    expect(notes).to_contain_text("Claude Sonnet 4.6 takes no temperature: it is kept, and not sent.")
    assert visible(page) == ["output_limit"]
    expect(page.get_by_label("Output limit")).to_have_attribute("placeholder", "model's default (4,096)")

    choose_model(page, "GPT-6 Luna")

    expect(notes).to_be_empty()
    expect(page.get_by_label("Effort")).to_have_value("none")
    page.get_by_label("Effort").select_option("high")
    expect(notes).to_contain_text("GPT-6 Luna takes a temperature only without thinking")


@pytest.mark.any_database
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_wrong_value_that_is_hidden_does_not_hold_the_form(cast: Cast, open_page: OpenPage) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    page = open_page(cast.edith)
    page.goto(f"/w/acme/agents/{agent.pk}/")
    page.get_by_label("Temperature").fill("7")
    choose_model(page, "Claude Sonnet 5.5")
    page.get_by_label("Effort").select_option("medium")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("Saved.")
    agent.refresh_from_db()
    assert (agent.chat_model.name, agent.effort, agent.temperature) == ("Claude Sonnet 5.5", "medium", 0.2)


@pytest.mark.any_database
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_form_works_without_scripts(cast: Cast, open_page: OpenPage) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    page = open_page(cast.edith, java_script_enabled=False)
    page.goto(f"/w/acme/agents/{agent.pk}/")
    assert visible(page) == ["temperature", "output_limit"]
    choose_model(page, "Claude Sonnet 5.5")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("Claude Sonnet 5.5 takes no temperature")
    assert visible(page) == ["effort", "output_limit"]
    page.get_by_label("Effort").select_option("none")
    page.get_by_role("button", name="Save").click()
    agent.refresh_from_db()
    assert agent.effort == "none"


@pytest.mark.any_database
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.deep
def test_the_form_is_sound_and_fits(cast: Cast, open_page: OpenPage, scheme: str, width: int) -> None:
    agent = make_agent(cast.acme, "gpt-6-luna")
    page = open_page(cast.edith, color_scheme=scheme, viewport={"width": width, "height": 800})
    page.goto(f"/w/acme/agents/{agent.pk}/")
    choose_model(page, "Claude Sonnet 5.5")
    expect(page.locator("[data-model-notes]")).to_contain_text("takes no temperature")
    assert problems_of(page) == []
    assert page.locator("html").evaluate("it => it.scrollWidth <= it.clientWidth")
