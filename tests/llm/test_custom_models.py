"""Custom models: what no agent could run on is refused by name, and an admin's own word is kept."""

import pytest

from agents.models import Agent
from llm import byo, keys, listing, profiles
from llm.models import ChatModel
from llm.profiles import ListedProfile, OwnWord, Temperature
from llm.providers.base import Listing
from llm.vault import Secret
from tests.factories import browser_of
from tests.harness.cast import Cast

PAGE = "/w/acme/settings/llm/"
PASTED = "sk-proj-CuStOmEkEy7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
pytestmark = pytest.mark.django_db

RESPONSES = "answers only through OpenAI's Responses API, which Bookbag does not speak yet."


@pytest.mark.parametrize(
    ("provider", "model_id", "words"),
    [
        ("openai", "gpt-5-pro", f"gpt-5-pro {RESPONSES}"),
        ("openai", "gpt-5.2-pro-2025-12-11", f"gpt-5.2-pro-2025-12-11 {RESPONSES}"),
        ("openai", "gpt-6-codex", f"gpt-6-codex {RESPONSES}"),
        ("openai", "o4-mini-deep-research", f"o4-mini-deep-research {RESPONSES}"),
        ("openai", "text-embedding-3-small", "text-embedding-3-small does not chat."),
        ("openai", "gpt-4o-mini-tts", "gpt-4o-mini-tts does not chat."),
        ("openai", "gpt-image-2", "gpt-image-2 does not chat."),
        ("openai", "omni-moderation-latest", "omni-moderation-latest does not chat."),
        ("openai", "claude-opus-5-5", "claude-opus-5-5 is a model of Anthropic, not of OpenAI."),
        ("openai", "anthropic/claude-opus-5-5", "anthropic/claude-opus-5-5 is a model of Anthropic, not of OpenAI."),
        ("openai", "us.anthropic.claude-opus-5-5", "us.anthropic.claude-opus-5-5 is a model of Anthropic, not of OpenAI."),
        ("anthropic", "gpt-6-luna", "gpt-6-luna is a model of OpenAI, not of Anthropic."),
        ("anthropic", "GPT-6-Sol", "GPT-6-Sol is a model of OpenAI, not of Anthropic."),
        ("anthropic", "o3", "o3 is a model of OpenAI, not of Anthropic."),
        ("anthropic", "ft:gpt-4.1:acme::x1", "ft:gpt-4.1:acme::x1 is a model of OpenAI, not of Anthropic."),
        ("anthropic", "chat-latest", "chat-latest is a model of OpenAI, not of Anthropic."),
        ("openai", "o1", "OpenAI shut o1 down on 23 Oct 2026. Use GPT-6 Luna instead."),
        ("openai", "gpt-4-turbo-2024-04-09", "OpenAI shut gpt-4-turbo-2024-04-09 down on 23 Oct 2026. Use GPT-6 Luna instead."),
    ],
)  # fmt: skip
def test_an_id_that_no_agent_could_run_on_is_refused_by_name(
    cast: Cast, provider: str, model_id: str, words: str
) -> None:
    page = browser_of(cast.adam).post(PAGE + "models/", {"provider": provider, "model_id": model_id})
    assert words in page.content.decode().replace("&#x27;", "'")
    assert not cast.acme.chat_models.exists()


@pytest.mark.parametrize(
    ("provider", "model_id"),
    [
        ("openai", "gpt-5.4"),
        ("openai", "ft:gpt-4.1-2025-04-14:acme:claude-like:x1"),
        ("openai", "a-model-of-tomorrow"),
        ("anthropic", "claude-fable-5-5"),
        ("anthropic", "opal-1"),
    ],
)
def test_any_other_id_is_taken(cast: Cast, provider: str, model_id: str) -> None:
    browser_of(cast.adam).post(PAGE + "models/", {"provider": provider, "model_id": model_id})
    assert cast.acme.chat_models.get().model_id == model_id


def test_what_the_accounts_own_list_calls_retired_is_refused(cast: Cast) -> None:
    row = keys.replace(cast.acme, provider="anthropic", secret=Secret("sk-ant-" + PASTED), by=cast.adam)
    listing.store(row, [Listing("claude-opus-5-5", "", ListedProfile(lifecycle="retired"))])
    with pytest.raises(byo.ModelUnfit, match="Anthropic shut claude-opus-5-5 down"):
        byo.add_model(cast.acme, provider="anthropic", model_id="claude-opus-5-5", by=cast.adam)


def test_an_admins_own_word_is_kept_and_counts(cast: Cast) -> None:
    word = {
        "takes_temperature": "true",
        "efforts": ["high", "none"],
        "output_limit": "9000",
        "context_tokens": "50000",
    }
    browser_of(cast.adam).post(PAGE + "models/", {"provider": "openai", "model_id": "opal-1", **word})
    row = cast.acme.chat_models.get()
    assert (row.takes_temperature, row.efforts) == (True, "none high")
    profile = listing.profile_of(row)
    assert (profile.temperature, profile.efforts) == (Temperature.TAKEN, ("none", "high"))
    assert (profile.output_limit, profile.context_tokens) == (9_000, 50_000)


def test_without_an_own_word_the_rules_decide(cast: Cast) -> None:
    browser_of(cast.adam).post(
        PAGE + "models/", {"provider": "openai", "model_id": "gpt-6-sol", "takes_temperature": "unknown"}
    )
    row = cast.acme.chat_models.get()
    assert listing.profile_of(row) == profiles.by_rules("openai", "gpt-6-sol")


@pytest.mark.parametrize(
    "word",
    [{"efforts": ["enormous"]}, {"output_limit": "1"}, {"context_tokens": "-5"}, {"output_limit": "x"}],
)
def test_an_own_word_that_cannot_be_comes_back_open(cast: Cast, word: dict[str, object]) -> None:
    page = browser_of(cast.adam).post(PAGE + "models/", {"provider": "openai", "model_id": "opal-1", **word})
    assert "<summary>What you know about it</summary>" in page.content.decode()
    assert page.content.decode().count('<details class="disclosure" open>') == 2
    assert not cast.acme.chat_models.exists()


def test_a_custom_model_reaches_the_agents_form_with_its_own_word(cast: Cast) -> None:
    byo.add_model(
        cast.acme,
        provider="openai",
        model_id="opal-1",
        own_word=OwnWord(efforts=("low", "max")),
        by=cast.adam,
    )
    chat_model = ChatModel.objects.get(model_id="opal-1")
    agent = Agent.objects.create(workspace=cast.acme, name="Guide", chat_model=chat_model)
    page = browser_of(cast.edith).get(f"/w/acme/agents/{agent.pk}/").content.decode()
    assert '<option value="max">max</option>' in page
