"""All pages show the same prospect of a chat model: every state of keys and models × every page."""

import datetime as dt
import re
from collections.abc import Callable
from html import unescape
from uuid import UUID

import pytest
from django.test import Client, override_settings

from agents.models import Agent
from billing.models import Account, Plan
from llm import byo, keys, outlook
from llm.models import ChatModel
from llm.providers.base import Fault
from llm.vault import Secret
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, bring_key, platform_key
from tests.llm.rows import the_key

pytestmark = pytest.mark.django_db


def rejected_own(cast: Cast) -> None:
    bring_key(cast.acme)
    keys.note_result(the_key(cast.acme).pk, fault=Fault.REJECTED)


def unreadable_own(cast: Cast) -> None:
    bring_key(cast.acme)
    keys.note_unreadable(the_key(cast.acme).pk)


def rejected_platform(cast: Cast) -> None:
    platform_key()
    keys.note_result(the_key(None).pk, fault=Fault.REJECTED)


def unreadable_platform(cast: Cast) -> None:
    platform_key()
    keys.note_unreadable(the_key(None).pk)


def key_kept_and_switched_off(cast: Cast) -> None:
    """A key that waits: credits pay, and without a platform key nothing runs."""
    keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]))


def shut_down(cast: Cast) -> None:
    platform_key()
    ChatModel.objects.filter(model_id="gpt-6-luna").update(
        shuts_down_on=outlook.today() - dt.timedelta(days=1)
    )


def withdrawn(cast: Cast) -> None:
    platform_key()
    ChatModel.objects.filter(model_id="gpt-6-luna").update(enabled=False)


def missing_own(cast: Cast) -> None:
    platform_key()
    byo.set_byo(cast.acme, enabled=True, by=None)


STATES: dict[str, tuple[Callable[[Cast], None], str]] = {
    "credits": (lambda cast: platform_key(), "1 credit"),
    "own key": (lambda cast: bring_key(cast.acme), "your OpenAI key"),
    "own key missing": (missing_own, "no OpenAI key: cannot run"),
    "own key rejected": (rejected_own, "OpenAI key rejected: will fail"),
    "own key unreadable": (unreadable_own, "OpenAI key unreadable: cannot run"),
    "platform key missing": (lambda cast: None, "Bookbag has no OpenAI key: cannot run"),
    "own key switched off": (key_kept_and_switched_off, "Bookbag has no OpenAI key: cannot run"),
    "platform key rejected": (rejected_platform, "Bookbag's OpenAI key rejected: will fail"),
    "platform key unreadable": (unreadable_platform, "Bookbag's OpenAI key unreadable: cannot run"),
    "shut down": (shut_down, "shut down by OpenAI: cannot run"),
    "withdrawn": (withdrawn, "withdrawn: cannot run"),
}
BADGE = re.compile(r"data-prospect>([^<]*)</span>")


def page(browser: Client, path: str) -> str:
    return unescape(browser.get(f"/w/acme/{path}").content.decode())


def badges(browser: Client, path: str) -> list[str]:
    return BADGE.findall(page(browser, path))


def option(browser: Client, path: str, name: str = "GPT-6 Luna") -> str:
    """What a picker says of the model, after its name."""
    found = re.findall(rf">\s*{name} · ([^<]*?)\s*</option>", page(browser, path))
    return found[0] if found else ""


@pytest.mark.parametrize("state", STATES)
def test_every_page_says_the_same(cast: Cast, state: str) -> None:
    bring_about, words = STATES[state]
    agent = make_agent(cast.acme, "gpt-6-luna", name="Front desk")
    bring_about(cast)
    adam = browser_of(cast.adam)
    at = f"agents/{agent.pk}"

    assert badges(adam, "") == [words]  # the overview
    assert badges(adam, "agents/") == [words]
    assert badges(adam, f"{at}/") == [words]
    assert set(badges(adam, f"{at}/playground/")) == {words}
    assert badges(adam, f"{at}/inspect/") == [words]
    assert badges(adam, f"agents/change-models/?from={agent.chat_model.code}")[0] == words
    assert badges(adam, "settings/llm/")[0] == words
    assert option(adam, f"{at}/").startswith(words)
    assert option(adam, f"{at}/playground/try/").startswith(words)
    if state not in ("withdrawn", "shut down"):  # these are not offered anew
        Account.objects.filter(workspace=cast.acme).update(plan=Plan.objects.get(slug="pro"))
        assert option(adam, "agents/new/").startswith(words)
        assert words in badges(adam, f"{at}/compare/")
        assert words in badges(adam, f"agents/change-models/?from={local_code(cast)}")


def local_code(cast: Cast) -> UUID:
    """The chat model of an agent that could move to the one in question."""
    return make_agent(cast.acme, name="Elsewhere").chat_model.code


@pytest.mark.parametrize("state", STATES)
def test_the_composer_is_there_exactly_when_a_reply_would_come(cast: Cast, state: str) -> None:
    bring_about, words = STATES[state]
    agent = make_agent(cast.acme, "gpt-6-luna")
    bring_about(cast)
    playground = page(browser_of(cast.edith), f"agents/{agent.pk}/playground/")
    composer = playground.partition('<form class="chat__composer"')[2].partition(">")[0]

    runs = words in ("1 credit", "your OpenAI key")
    assert ("hidden" not in composer) == runs
    assert ("data-trouble" not in playground) == runs
    if not runs:
        assert "Use Bookbag Local, free" in playground
    # Once beside Send, and where that is out of sight, once in its place. What the script builds turns of is not shown.
    shown = re.sub(r"<template.*?</template>", "", playground, flags=re.DOTALL)
    assert shown.count("data-prospect") == (1 if runs else 2)


@pytest.mark.parametrize(
    ("state", "title", "sentence"),
    [
        ("credits", "Your credits pay", "OpenAI replies run on Bookbag's keys"),
        ("credits", "Your credits pay", "Anthropic replies cannot run: Bookbag has no Anthropic key."),
        ("own key", "Your provider bills you", "Anthropic replies cannot run: no Anthropic key."),
        ("own key rejected", "Only Bookbag Local replies now", "OpenAI replies will fail: OpenAI key rejected."),
        ("platform key missing", "Only Bookbag Local replies now", "OpenAI replies cannot run: Bookbag has no OpenAI key."),
        ("own key switched off", "Only Bookbag Local replies now", "Bookbag has no OpenAI key."),
    ],
)  # fmt: skip
def test_who_pays_is_what_is_the_case(cast: Cast, state: str, title: str, sentence: str) -> None:
    STATES[state][0](cast)
    adam = browser_of(cast.adam)

    for path in ("", "settings/llm/"):
        assert sentence in page(adam, path)
    assert title in page(adam, "")
    if title != "Your credits pay":
        assert "your credits" not in page(adam, "settings/llm/").partition('id="payer-title"')[2][:200]


def test_without_metering_no_page_speaks_of_a_price(cast: Cast) -> None:
    platform_key()
    agent = make_agent(cast.acme, "gpt-6-luna")
    adam = browser_of(cast.adam)
    with override_settings(METERING_ENABLED=False):
        for path in ("", "agents/", f"agents/{agent.pk}/", f"agents/{agent.pk}/playground/"):
            assert set(badges(adam, path)) == {"not metered"}, path
        assert option(adam, f"agents/{agent.pk}/") == "not metered"


def test_custom_model_says_so_while_the_switch_is_off(cast: Cast) -> None:
    platform_key()
    own = byo.add_model(cast.acme, provider="openai", model_id="ft:ours", name="Ours", by=cast.adam)
    agent = Agent.objects.create(workspace=cast.acme, name="Tuned", chat_model=own)
    adam, words = browser_of(cast.adam), "needs your own OpenAI key: cannot run"

    for path in ("", "agents/", f"agents/{agent.pk}/", f"agents/{agent.pk}/playground/"):
        assert set(badges(adam, path)) == {words}, path
    assert option(adam, f"agents/{agent.pk}/", "Ours") == words
    settings = page(adam, "settings/llm/").partition('id="custom-title"')[2]
    assert BADGE.findall(settings) == [words]
    bring_key(cast.acme)
    assert set(badges(adam, f"agents/{agent.pk}/playground/")) == {"your OpenAI key"}


@pytest.mark.usefixtures("last_days_as_published")
def test_last_day_is_on_the_overview_and_the_price_list(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "today", lambda: dt.date(2026, 12, 1))
    make_agent(cast.acme, "gpt-4o")
    adam = browser_of(cast.adam)

    for path in ("", "credits/"):
        assert "shuts down 14 Jan 2027 · use GPT-6 Luna" in page(adam, path), path
