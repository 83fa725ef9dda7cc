"""Models that think do: as a block or as silence, counted, cut by the allowance; and what else a stream can tell."""

import json
import time
from typing import Any

import anthropic
import openai
import pytest

from .asking import Said, ask
from .client import Double
from .sdk import Sdk

THINKS = {"openai": "gpt-6-luna", "anthropic": "claude-sonnet-5-5"}
PLAIN = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-6"}


def stream(double: Double, provider: str, model: str, **body: Any) -> Said:
    if provider == "openai":
        body["stream_options"] = {"include_usage": True}
    said = ask(double, provider, model, stream=True, **body)
    assert said.status == 200, said.body
    return said


def kinds(said: Said) -> list[str]:
    return [event["type"] for event in said.events]


def text_of(said: Said) -> str:
    """What an Anthropic stream says."""
    return "".join(
        event["delta"].get("text", "") for event in said.events if "index" in event and "delta" in event
    )


def last_usage(said: Said) -> dict[str, Any]:
    used: dict[str, Any] = next(event["usage"] for event in reversed(said.events) if event.get("usage"))
    return used


# Thinking unasked


def test_an_anthropic_model_thinks_in_a_block_of_its_own(double: Double) -> None:
    said = stream(double, "anthropic", "claude-haiku-5-5", output_config={"effort": "low"})
    blocks = [
        event["content_block"]["type"] for event in said.events if event["type"] == "content_block_start"
    ]
    assert blocks == ["thinking", "text"]
    assert kinds(said)[:6] == [
        "message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop",
        "content_block_start",
    ]  # fmt: skip
    signature = said.events[3]
    assert (signature["index"], signature["delta"]["type"]) == (0, "signature_delta")
    assert {
        event["index"] for event in said.events if event.get("delta", {}).get("type") == "text_delta"
    } == {1}
    used = last_usage(said)
    words = len([event for event in said.events if event.get("delta", {}).get("type") == "text_delta"])
    assert (used["output_tokens_details"], used["output_tokens"]) == ({"thinking_tokens": 62}, 62 + words)


def test_an_openai_model_counts_what_it_thinks_and_shows_nothing(double: Double) -> None:
    said = stream(double, "openai", "gpt-6-luna", reasoning_effort="low")
    used = last_usage(said)
    words = len(
        [event for event in said.events if event["choices"] and event["choices"][0]["delta"].get("content")]
    )
    assert (used["completion_tokens_details"]["reasoning_tokens"], used["completion_tokens"]) == (
        62,
        62 + words,
    )


@pytest.mark.parametrize(
    ("provider", "model", "asked", "tokens"),
    [
        ("openai", "gpt-4o", {}, 0),
        ("openai", "gpt-5.2", {}, 0),
        ("openai", "gpt-5.2", {"reasoning_effort": "low"}, 62),
        ("openai", "gpt-6-luna", {}, 180),
        ("openai", "gpt-6-luna", {"reasoning_effort": "none"}, 0),
        ("openai", "gpt-5", {"reasoning_effort": "minimal"}, 16),
        ("anthropic", "claude-sonnet-4-6", {}, 0),
        ("anthropic", "claude-sonnet-4-6", {"thinking": {"type": "adaptive"}}, 600),
        ("anthropic", "claude-opus-4-8", {"output_config": {"effort": "low"}}, 0),
        ("anthropic", "claude-haiku-5-5", {}, 180),
        ("anthropic", "claude-haiku-5-5", {"thinking": {"type": "disabled"}}, 0),
        ("anthropic", "claude-sonnet-5-5", {}, 600),
        ("anthropic", "claude-sonnet-5-5", {"output_config": {"effort": "low"}}, 62),
        ("anthropic", "claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, 0),
        ("anthropic", "claude-opus-5-5", {"output_config": {"effort": "max"}}, 4_000),
    ],
)
def test_how_much_is_thought_is_the_efforts(
    double: Double, provider: str, model: str, asked: dict[str, Any], tokens: int
) -> None:
    allowance = "max_completion_tokens" if provider == "openai" else "max_tokens"
    used = ask(double, provider, model, **{**asked, allowance: 16_384}).json["usage"]
    details = (
        used["completion_tokens_details"] if provider == "openai" else used.get("output_tokens_details", {})
    )
    assert details.get("reasoning_tokens", details.get("thinking_tokens", 0)) == tokens


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_thinking_counts_against_the_allowance(double: Double, provider: str) -> None:
    allowance = "max_completion_tokens" if provider == "openai" else "max_tokens"
    cut = stream(double, provider, THINKS[provider], **{allowance: 603 if provider == "anthropic" else 183})
    spent = stream(double, provider, THINKS[provider], **{allowance: 100})
    if provider == "anthropic":
        assert (last_usage(cut)["output_tokens"], last_usage(spent)["output_tokens"]) == (603, 100)
        assert [event["delta"]["stop_reason"] for event in (cut.events[-2], spent.events[-2])] == [
            "max_tokens"
        ] * 2
        assert [event["content_block"]["type"] for event in spent.events if "content_block" in event] == [
            "thinking"
        ]
    else:
        assert (last_usage(cut)["completion_tokens"], last_usage(spent)["completion_tokens"]) == (183, 100)
        assert [said.events[-2]["choices"][0]["finish_reason"] for said in (cut, spent)] == ["length"] * 2


def test_the_sdks_take_it(openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="claude-sonnet-5-5", max_tokens=2_000, messages=[{"role": "user", "content": "hi"}]
    ) as heard:
        message = heard.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 600
    whole = anthropic_client.messages.create(
        model="claude-sonnet-5-5", max_tokens=2_000, messages=[{"role": "user", "content": "hi"}]
    )
    assert [block.type for block in whole.content] == ["thinking", "text"]
    used = openai_client.chat.completions.create(
        model="gpt-6-luna", messages=[{"role": "user", "content": "hi"}]
    ).usage
    assert used is not None
    assert used.completion_tokens_details is not None
    assert used.completion_tokens_details.reasoning_tokens == 180


def test_any_mode_thinks_on_such_a_model(double: Double, sdk: Sdk) -> None:
    for mode in ("text", "finish_length"):
        double.script(mode, times=2, text="All of it.")
        assert [sdk.stream(model=THINKS[sdk.name]).text, sdk.ask(model=THINKS[sdk.name]).text] == [
            "All of it."
        ] * 2
    double.script("eof_mid_stream", chunks=["a ", "b ", "c "], after=2)
    with pytest.raises(Exception, match=r"closed|Connection|incomplete"):
        sdk.stream(model=THINKS[sdk.name])
    assert sdk.heard.texts == ["a ", "b "]


# How long it takes


@pytest.mark.parametrize(("provider", "pings", "expected"), [
    ("anthropic", None, 4), ("anthropic", False, 1), ("openai", None, 0), ("openai", True, 3),
])  # fmt: skip
def test_thinking_takes_its_time_with_and_without_pings(
    double: Double, provider: str, pings: bool | None, expected: int
) -> None:
    double.script("thinking", seconds=0.4, ping_seconds=0.1, pings=pings, tokens=33, text="Two credits.")
    start = time.monotonic()
    said = stream(double, provider, PLAIN[provider])
    assert time.monotonic() - start > 0.39
    sign = b"event: ping" if provider == "anthropic" else b": ping"
    assert said.body.count(sign) == expected
    used = last_usage(said)
    details = used["completion_tokens_details"] if provider == "openai" else used["output_tokens_details"]
    assert 33 in details.values()


def test_text_comes_only_after_the_thinking(double: Double, sdk: Sdk) -> None:
    double.script("text", text="At last.", think_ms=200)
    start = time.monotonic()
    arrivals = [time.monotonic() - start for _ in sdk.hear(model=THINKS[sdk.name])]
    assert min(arrivals) > 0.19


def test_the_usual_answer_thinks_as_long_as_the_process_was_told() -> None:
    with Double(options=("--think-ms", "150", "--today", "2026-11-25")) as slow:
        start = time.monotonic()
        assert ask(slow, "openai", "gpt-6-luna").status == 200
        thought = time.monotonic() - start
        assert ask(slow, "openai", "gpt-3.5-turbo").status == 404
    assert thought > 0.14


# What else a stream can tell


def test_the_whole_allowance_can_be_thought_away(double: Double) -> None:
    double.script("thinking_spent", times=2)
    said = stream(double, "anthropic", "claude-sonnet-4-6", max_tokens=4096)
    assert kinds(said) == [
        "message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert said.events[-2]["delta"]["stop_reason"] == "max_tokens"
    assert last_usage(said)["output_tokens"] == 4096
    used = last_usage(stream(double, "openai", "gpt-4o", max_completion_tokens=4096))
    assert (used["completion_tokens"], used["completion_tokens_details"]["reasoning_tokens"]) == (4096, 4096)


def test_a_model_can_decline_without_a_word(double: Double) -> None:
    double.script("refusal_no_text", times=2)
    said = stream(double, "anthropic", "claude-sonnet-4-6")
    assert kinds(said) == ["message_start", "message_delta", "message_stop"]
    assert said.events[1]["delta"]["stop_reason"] == "refusal"
    assert said.events[1]["delta"]["stop_details"]["category"] == "cyber"
    chunks = stream(double, "openai", "gpt-4o").events
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]] == [
        None,
        "content_filter",
    ]
    double.script("refusal_no_text", begun=True, category=None)
    assert "content_block_start" in kinds(stream(double, "anthropic", "claude-sonnet-4-6"))


def test_a_model_can_decline_after_some_text(double: Double, sdk: Sdk) -> None:
    double.script("refusal_after_text", times=2)
    for heard in (sdk.stream(), sdk.ask()):
        assert (heard.text, heard.finish) == (
            "First you take",
            {"openai": "content_filter", "anthropic": "refusal"}[sdk.name],
        )


@pytest.mark.parametrize(
    ("reason", "openai_says", "anthropic_says"),
    [
        ("window", "length", "model_context_window_exceeded"),
        ("pause", "stop", "pause_turn"),
        ("a_new_reason", "a_new_reason", "a_new_reason"),
    ],
)
def test_any_finish_can_be_given(double: Double, reason: str, openai_says: str, anthropic_says: str) -> None:
    double.script("finish", times=2, reason=reason, text="So far.")
    assert stream(double, "openai", "gpt-4o").events[-2]["choices"][0]["finish_reason"] == openai_says
    said = stream(double, "anthropic", "claude-sonnet-4-6")
    assert said.events[-2]["delta"]["stop_reason"] == anthropic_says


def test_cached_tokens_are_told(double: Double) -> None:
    double.script("cached", times=2, output=10, text="ok")
    used = last_usage(stream(double, "openai", "gpt-4o"))
    assert (used["prompt_tokens"], used["prompt_tokens_details"]["cached_tokens"]) == (10_000, 9_984)
    assert (used["completion_tokens"], used["total_tokens"]) == (10, 10_010)
    double.clear_scripts()
    double.script("cached", prompt=3_000, cached=2_000, written=900)
    used = last_usage(stream(double, "anthropic", "claude-sonnet-4-6"))
    named = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert tuple(used[name] for name in named) == (100, 2_000, 900)


def test_the_last_usage_can_differ_from_the_first(double: Double) -> None:
    double.script("usage_grows")
    said = stream(double, "anthropic", "claude-sonnet-4-6")
    assert said.events[0]["message"]["usage"]["input_tokens"] == 21
    assert last_usage(said)["input_tokens"] == 1_591


def test_an_unknown_block_and_event_precede_the_text(double: Double) -> None:
    for model in ("claude-sonnet-4-6", "claude-sonnet-5-5"):
        double.script("strange_block", text="Fine.")
        said = stream(double, "anthropic", model)
        assert {"a_new_event", "message_stop"} <= set(kinds(said))
        blocks = [event["content_block"]["type"] for event in said.events if "content_block" in event]
        assert blocks[0] == "fallback"
        assert text_of(said) == "Fine."
    double.script("strange_block", text="Fine.")
    assert b'"future_block"' in stream(double, "openai", "gpt-4o").body


def test_an_error_can_be_the_second_event(double: Double, sdk: Sdk) -> None:
    double.script("error_event_first")
    with pytest.raises(sdk.errors.APIError, match=r"overloaded|Overloaded"):
        sdk.stream()
    assert sdk.heard.texts == []


def test_an_error_event_can_be_of_any_kind(double: Double, sdk: Sdk) -> None:
    double.script("error_event_after_200", kind="balance", after=1)
    with pytest.raises(sdk.errors.APIError, match=r"credit"):
        sdk.stream()


# Rate-limit headers


def test_every_answer_tells_what_is_left_of_the_rate_limit(double: Double) -> None:
    for body in ({}, {"stream": True}, {"top_k": 1}):
        left = ask(double, "openai", "gpt-4o", **body).headers
        assert (left["x-ratelimit-remaining-requests"], left["x-ratelimit-reset-requests"]) == ("4999", "1s")
        assert (left["x-ratelimit-remaining-tokens"], left["x-ratelimit-reset-tokens"]) == ("399000", "1s")
        left = ask(double, "anthropic", "claude-sonnet-4-6", **body).headers
        for what, remaining in (("requests", "4999"), ("tokens", "399000"), ("output-tokens", "399000")):
            assert left[f"anthropic-ratelimit-{what}-remaining"] == remaining
            assert left[f"anthropic-ratelimit-{what}-reset"].endswith("Z")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_headroom_can_be_scripted_and_is_used_up_at_429(double: Double, provider: str) -> None:
    name = {"openai": "x-ratelimit-remaining-", "anthropic": "anthropic-ratelimit-{}-remaining"}[provider]
    double.script("headroom", requests=3, tokens=77)
    double.script("429")
    for requests, tokens in (("3", "77"), ("0", "0")):
        left = ask(double, provider, PLAIN[provider]).headers
        for what, remaining in (("requests", requests), ("tokens", tokens)):
            assert left[name.format(what) if "{" in name else name + what] == remaining


def test_json_of_a_usual_reply_is_what_it_was(double: Double) -> None:
    """The thinking has left a reply without any as it was."""
    reply = ask(double, "anthropic", "claude-sonnet-4-6", max_tokens=2).json
    assert reply["content"] == [{"type": "text", "text": "You asked: "}]
    assert json.dumps(reply["usage"]) == json.dumps(
        {"input_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 2,
         "service_tier": "standard"}
    )  # fmt: skip
