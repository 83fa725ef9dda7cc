"""What each chat model accepts: the published table, row by row, and which source takes precedence."""

import datetime as dt

import pytest

from llm.profiles import (
    TEXT_ALLOWANCE,
    THINKING_ALLOWANCE,
    Api,
    ListedProfile,
    OwnWord,
    Parameters,
    Thinking,
    Wish,
    by_rules,
    parameters,
    resolve,
)

WISH = Wish(temperature=0.2)

# Ids, what a request for them sets when an agent wishes for temperature 0.2, and whether they may think.
# Source: OpenAI's model pages and API reference, Anthropic's pages on effort and thinking, 25 November 2026.
OPENAI_TABLE = [
    (
        "gpt-4o gpt-4o-mini gpt-4o-2024-11-20 gpt-4.1 gpt-4.1-mini gpt-5-chat-latest ft:gpt-4o-2024-08-06:acme::x",
        Parameters(0.2, max_output_tokens=4_096),
        Thinking.NO,
    ),
    ("gpt-5.1 gpt-5.2 gpt-5.4 gpt-5.4-mini gpt-5.4-nano", Parameters(0.2), Thinking.OPTIONAL),
    (
        "gpt-5.5 gpt-5.6-sol gpt-6-luna gpt-6-sol gpt-6.1-terra gpt-6-luna-2026-09-01",
        Parameters(0.2, "none", max_output_tokens=16_384),
        Thinking.OPTIONAL,
    ),
    (
        "gpt-5 gpt-5-mini gpt-5-nano o1 o3 o3-mini o4-mini gpt-6-astra gpt-6.1-sol gpt-6.2-luna gpt-6.2-terra",
        Parameters(None, "low", max_output_tokens=16_384),
        Thinking.ALWAYS,
    ),
    ("chat-latest", Parameters(None, "", max_output_tokens=16_384), Thinking.ALWAYS),
    (
        "somebodys-own-model gpt-5.1-chat-latest",
        Parameters(None, "", max_output_tokens=16_384),
        Thinking.UNKNOWN,
    ),
]
ANTHROPIC_TABLE = [
    (
        "claude-haiku-4-5-20251001 claude-sonnet-4-6 claude-opus-4-6 claude-sonnet-4-20250514 claude-3-haiku-20240307",
        Parameters(None, max_output_tokens=4_096),
        Thinking.NO,
    ),
    (
        "claude-opus-4-7 claude-opus-4-8 claude-opus-5-5 claude-fable-5-2 claude-mythos-5 claude-sonnet-6",
        Parameters(None, "low", max_output_tokens=16_384),
        Thinking.ALWAYS,
    ),
    (
        "claude-haiku-5-5 claude-sonnet-5 claude-sonnet-5-5",
        Parameters(None, "low", max_output_tokens=16_384),
        Thinking.OPTIONAL,
    ),
    ("somebodys-own-model", Parameters(None, "", max_output_tokens=16_384), Thinking.UNKNOWN),
]
TABLE = [
    (provider, model_id, asked, thinking)
    for provider, table in (("openai", OPENAI_TABLE), ("anthropic", ANTHROPIC_TABLE))
    for ids, asked, thinking in table
    for model_id in ids.split()
]


@pytest.mark.parametrize(("provider", "model_id", "asked", "thinking"), TABLE)
def test_a_request_asks_what_the_family_takes(
    provider: str, model_id: str, asked: Parameters, thinking: Thinking
) -> None:
    profile = by_rules(provider, model_id)

    assert parameters(profile, WISH) == asked
    assert (profile.thinking, profile.api) == (thinking, Api.CHAT)


@pytest.mark.parametrize(
    "model_id", ["gpt-5-pro", "o3-pro", "gpt-5.4-pro-2026-03-05", "gpt-5.3-codex", "o3-deep-research"]
)
def test_ids_of_the_other_api_are_known(model_id: str) -> None:
    assert by_rules("openai", model_id).api is Api.RESPONSES


@pytest.mark.parametrize(
    "model_id",
    ["text-embedding-3-small", "whisper-1", "tts-1-hd", "dall-e-3", "gpt-image-1", "omni-moderation-latest", "gpt-realtime",
     "gpt-4o-transcribe", "gpt-4o-audio-preview", "sora-2", "davinci-002", "gpt-3.5-turbo-instruct"],
)  # fmt: skip
def test_ids_that_do_not_chat_are_known(model_id: str) -> None:
    assert by_rules("openai", model_id).api is Api.NONE


@pytest.mark.parametrize(
    ("model_id", "off"),
    [
        ("claude-haiku-5-5", "disabled"),
        ("claude-sonnet-5", "disabled"),
        ("claude-sonnet-5-5", "between_tools"),
    ],
)
def test_thinking_is_turned_off_in_the_models_own_word(model_id: str, off: str) -> None:
    asked = parameters(by_rules("anthropic", model_id), Wish(effort="none"))

    assert (asked.thinking, asked.effort) == (off, "")


@pytest.mark.parametrize("model_id", ["claude-opus-5-5", "claude-fable-5-2"])
def test_thinking_that_cannot_be_turned_off_is_not_offered_as_off(model_id: str) -> None:
    profile = by_rules("anthropic", model_id)

    assert "none" not in profile.efforts
    assert parameters(profile, Wish(effort="none")) == Parameters(None, "low", max_output_tokens=16_384)


def test_temperature_goes_where_thinking_is_off_and_only_there() -> None:
    luna = by_rules("openai", "gpt-6-luna")

    assert parameters(luna, Wish(0.7)).temperature == 0.7
    assert parameters(luna, Wish(0.7, effort="low")) == Parameters(None, "low", max_output_tokens=16_384)


def test_a_model_that_is_asked_to_think_gets_room_for_it() -> None:
    asked = parameters(by_rules("openai", "gpt-5.1"), Wish(0.2, effort="high"))

    assert asked == Parameters(None, "high", max_output_tokens=THINKING_ALLOWANCE)


def test_output_limit_is_the_agents_within_the_models() -> None:
    haiku = by_rules("anthropic", "claude-haiku-4-5-20251001")

    assert parameters(haiku, Wish(output_limit=900)).max_output_tokens == 900
    assert parameters(haiku, Wish(output_limit=200_000)).max_output_tokens == 64_000
    assert parameters(haiku, Wish()).max_output_tokens == TEXT_ALLOWANCE


# --- Who has the last word -------------------------------------------------------------------------


def test_own_word_sets_an_unknown_model_right() -> None:
    profile = resolve(
        "openai", "our-model", own_word=OwnWord(takes_temperature=True, efforts=("low", "high"))
    )

    assert parameters(profile, WISH).temperature == 0.2
    assert profile.efforts == ("low", "high")


def test_a_refusal_outweighs_the_own_word() -> None:
    profile = resolve("openai", "our-model", own_word=OwnWord(takes_temperature=True), left_out="temperature")

    assert parameters(profile, WISH).temperature is None


@pytest.mark.parametrize(
    ("provider", "name"), [("openai", "reasoning_effort"), ("anthropic", "output_config")]
)
def test_a_refused_effort_is_neither_sent_nor_offered(provider: str, name: str) -> None:
    model_id = {"openai": "gpt-5-mini", "anthropic": "claude-haiku-5-5"}[provider]
    profile = resolve(provider, model_id, left_out=name)

    assert (parameters(profile, Wish(effort="high")).effort, profile.efforts) == ("", ())


def test_the_accounts_list_outweighs_everything() -> None:
    listed = ListedProfile(
        "active", dt.date(2028, 1, 1), 500_000, 32_000, ("low", "max"), ("adaptive", "disabled")
    )
    word = OwnWord(output_limit=1_000, context_tokens=1_000, shuts_down_on=dt.date(2027, 1, 1))
    profile = resolve("anthropic", "claude-opus-6", listed=listed, own_word=word)

    assert (profile.output_limit, profile.context_tokens) == (32_000, 500_000)
    assert profile.shuts_down_on == dt.date(2028, 1, 1)
    assert profile.efforts == ("none", "low", "max")
    assert parameters(profile, Wish(effort="none")).thinking == "disabled"


def test_a_list_that_says_nothing_changes_nothing() -> None:
    for provider, model_id, _, _ in TABLE:
        assert resolve(provider, model_id, listed=ListedProfile(), own_word=OwnWord()) == by_rules(
            provider, model_id
        )


# --- When it leaves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model_id", "day"),
    [
        ("openai", "gpt-4o", "2027-01-14"),
        ("openai", "gpt-4o-mini-2024-07-18", "2027-01-14"),
        ("openai", "gpt-4.1", "2027-01-14"),
        ("openai", "gpt-5-mini", "2026-12-11"),
        ("openai", "o3", "2026-12-11"),
        ("openai", "gpt-5.1", "2027-04-01"),
        ("openai", "o4-mini", "2026-10-23"),
        ("anthropic", "claude-sonnet-4-5-20250929", "2026-11-30"),
    ],
)
def test_published_last_days_are_known(provider: str, model_id: str, day: str) -> None:
    profile = by_rules(provider, model_id)

    assert profile.shuts_down_on == dt.date.fromisoformat(day)
    assert profile.replaced_by in ("gpt-6-luna", "claude-sonnet-5-5")


def test_a_model_is_gone_from_its_last_day_on() -> None:
    day = dt.date(2027, 1, 14)
    profile = by_rules("openai", "gpt-4o")

    assert not profile.is_gone(day - dt.timedelta(days=1))
    assert profile.is_gone(day)
    assert (profile.days_left(day - dt.timedelta(days=30)), profile.days_left(day)) == (30, 0)


def test_a_list_that_knows_its_lifecycle_outlives_its_date() -> None:
    past = dt.date(2026, 1, 1)
    overdue = resolve("anthropic", "claude-x-5", listed=ListedProfile("deprecated", past))
    retired = resolve("anthropic", "claude-x-5", listed=ListedProfile("retired", past))

    assert not overdue.is_gone(dt.date(2026, 11, 26))
    assert retired.is_gone(dt.date(2026, 11, 26))
