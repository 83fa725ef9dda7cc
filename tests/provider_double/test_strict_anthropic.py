"""Anthropic's refusals: what the service would not take, the double does not take either, in the same words."""

import json
from typing import Any

import anthropic
import pytest

from .asking import HELLO, ask, headers_for, send
from .client import Double
from .sdk import SECRETS

OLD = {"anthropic-version": "2023-06-01"}
EXTRA = "{}: Extra inputs are not permitted"
EFFORTS = ("low", "medium", "high", "xhigh", "max")


def refused(double: Double, model: str, status: int = 400, **asked: Any) -> str:
    """The message of the refusal."""
    said = ask(double, "anthropic", model, **asked)
    assert said.status == status, said.body
    assert said.json["type"] == "error"
    assert said.json["request_id"] == said.headers["request-id"]
    kinds = {400: "invalid_request_error", 404: "not_found_error", 401: "authentication_error"}
    assert said.error["type"] == kinds[status]
    message: str = said.error["message"]
    return message


def taken(double: Double, model: str, **asked: Any) -> bool:
    return ask(double, "anthropic", model, **asked).status == 200


def thinking(kind: str, **more: Any) -> dict[str, Any]:
    return {"thinking": {"type": kind, **more}}


def effort(level: str) -> dict[str, Any]:
    return {"output_config": {"effort": level}}


# Headers and protocol versions


def test_the_protocol_version_is_required_and_known(double: Double) -> None:
    model = "claude-sonnet-4-6"
    said = refused(double, model, headers={"anthropic-version": None})
    assert said == "anthropic-version: header is required"
    said = refused(double, model, headers={"anthropic-version": "2024-10-22"})
    assert said == 'anthropic-version: "2024-10-22" is not a valid version'
    assert taken(double, model, headers=OLD)
    assert taken(double, model, headers={"anthropic-version": "2026-10-21"})


def test_the_model_list_wants_the_version_too(double: Double) -> None:
    named = {"x-api-key": SECRETS["anthropic"]}
    assert (
        send(double, "GET", "/v1/models", {**named}).error["message"]
        == "anthropic-version: header is required"
    )


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
@pytest.mark.parametrize(
    "model", ["claude-haiku-4-5-20251001", "claude-sonnet-4-6", "claude-sonnet-5-5", "fake-t5"]
)
def test_the_new_version_has_no_sampling_parameters(double: Double, model: str, name: str) -> None:
    for asked in ({name: 1.0}, {name: 0.2}, {name: 1}):
        assert refused(double, model, **asked) == EXTRA.format(name)


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        ("claude-haiku-4-5", True),
        ("claude-opus-4-5", True),
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-6", True),
        ("fake-t5", True),
        ("claude-opus-4-7", False),
        ("claude-opus-4-8", False),
        ("claude-sonnet-5", False),
        ("claude-haiku-5-5", False),
        ("claude-fable-5-2", False),
    ],
)
def test_the_old_version_has_them_for_old_models(double: Double, model: str, accepted: bool) -> None:
    assert taken(double, model, headers=OLD, temperature=0.2) is accepted
    if not accepted:
        assert (
            refused(double, model, headers=OLD, temperature=1.0)
            == "`temperature` is deprecated for this model."
        )


def test_a_temperature_out_of_range_is_refused(double: Double) -> None:
    said = refused(double, "claude-sonnet-4-6", headers=OLD, temperature=1.5)
    assert said == "temperature: Input should be less than or equal to 1"


@pytest.mark.parametrize("headers", [OLD, {}])
def test_an_unknown_parameter_is_named(double: Double, headers: dict[str, str]) -> None:
    for name in ("reasoning_effort", "stream_options", "n"):
        assert refused(double, "claude-sonnet-4-6", headers=headers, **{name: 1}) == EXTRA.format(name)


def test_either_header_brings_the_secret(double: Double) -> None:
    secret = SECRETS["anthropic"]
    for headers in ({"x-api-key": secret, "authorization": None}, {"authorization": f"Bearer {secret}"}):
        assert taken(double, "claude-sonnet-4-6", headers=headers)
    said = refused(double, "claude-sonnet-4-6", 401, headers={"authorization": None})
    assert said == "x-api-key header is required"
    both = {"x-api-key": "sk-ant-api03-bad-1", "authorization": f"Bearer {secret}"}
    assert refused(double, "claude-sonnet-4-6", 401, headers=both) == "invalid x-api-key"


def test_a_request_that_is_no_json_is_refused(double: Double) -> None:
    plain: dict[str, str | None] = {**headers_for("anthropic"), "content-type": "text/plain"}
    said = send(double, "POST", "/v1/messages", plain, json.dumps({"model": "claude-opus-5"}).encode())
    assert (said.status, said.error["message"]) == (400, "content-type: header must be application/json")


# Form


def test_max_tokens_is_required_and_has_a_limit(double: Double) -> None:
    assert refused(double, "claude-sonnet-4-6", max_tokens=None) == "max_tokens: Field required"
    assert (
        refused(double, "claude-sonnet-4-6", max_tokens="9") == "max_tokens: Input should be a valid integer"
    )
    assert refused(double, "claude-haiku-4-5", max_tokens=64_001) == (
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5"
    )
    assert taken(double, "claude-haiku-5-5", max_tokens=128_000)
    assert taken(double, "claude-sonnet-4-6", max_tokens=0)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages: at least one message is required"),
        ("hello", "messages: Field required"),
        ([{"role": "user"}], "messages.0.content: Field required"),
        ([{"role": "robot", "content": "x"}], "messages.0.role: Input should be 'user' or 'assistant'"),
        (
            [{"role": "user", "content": " \n"}],
            "messages: text content blocks must contain non-whitespace text",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": ""}]}],
            "messages: text content blocks must be non-empty",
        ),
        (
            [{"role": "user", "content": ""}],
            "messages.0: all messages must have non-empty content except for the optional final assistant message",
        ),
        (
            [{"role": "system", "content": "Be kind."}, *HELLO],
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not '
            '"system" as an input message role.',
        ),
    ],
)
def test_messages_are_looked_at(double: Double, messages: Any, said: str) -> None:
    assert refused(double, "claude-sonnet-4-6", messages=messages) == said


def test_system_stands_apart_and_is_not_empty(double: Double) -> None:
    assert taken(double, "claude-sonnet-5-5", system="Be kind.")
    block = {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}
    assert taken(double, "claude-sonnet-5-5", system=[block])
    said = refused(double, "claude-sonnet-5-5", system=[{**block, "text": ""}])
    assert said == "system: text content blocks must be non-empty"


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        ("claude-haiku-4-5", True),
        ("claude-sonnet-4-6", False),
        ("claude-sonnet-5", False),
        ("claude-haiku-5-5", False),
        ("claude-fable-5-2", False),
    ],
)
def test_prefill_is_taken_by_old_models_only(double: Double, model: str, accepted: bool) -> None:
    messages = [*HELLO, {"role": "assistant", "content": "The answer is"}]
    assert taken(double, model, messages=messages) is accepted
    if not accepted:
        assert refused(double, model, messages=messages) == (
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


# Thinking and effort by family


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        ("claude-haiku-4-5", "enabled disabled"),
        ("claude-opus-4-5", "enabled disabled"),
        ("claude-sonnet-4-6", "adaptive enabled disabled"),
        ("claude-opus-4-8", "adaptive disabled"),
        ("claude-sonnet-5", "adaptive disabled"),
        ("claude-opus-5", "adaptive disabled"),
        ("claude-haiku-5-5", "adaptive disabled"),
        ("claude-sonnet-5-5", "adaptive between_tools"),
        ("claude-opus-5-5", "adaptive"),
        ("claude-fable-5-2", "adaptive"),
        ("claude-mythos-5", "adaptive"),
    ],
)
def test_thinking_is_taken_by_family(double: Double, model: str, kinds: str) -> None:
    asked = {
        "adaptive": thinking("adaptive"),
        "enabled": thinking("enabled", budget_tokens=1024),
        "disabled": thinking("disabled"),
        "between_tools": thinking("between_tools"),
    }
    heard = [kind for kind in asked if taken(double, model, max_tokens=4096, **asked[kind])]
    assert heard == kinds.split()


def test_what_cannot_be_thought_is_told_in_words(double: Double) -> None:
    use = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
    budget = thinking("enabled", budget_tokens=2048)
    said = refused(double, "claude-opus-4-7", max_tokens=4096, **budget)
    assert said == f'"thinking.type.enabled" is not supported for this model. {use}'
    said = refused(double, "claude-opus-5-5", **thinking("disabled"))
    assert said == f'"thinking.type.disabled" is not supported for this model. {use}'
    said = refused(double, "claude-sonnet-5-5", **thinking("disabled"))
    assert said.endswith('To turn thinking off on this model, send "thinking": {"type": "between_tools"}.')
    said = refused(double, "claude-haiku-4-5", **thinking("adaptive"))
    assert said == "adaptive thinking is not supported on this model"


def test_a_budget_has_bounds(double: Double) -> None:
    for budget, said in (
        (512, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"),
        (1024, "`max_tokens` must be greater than `thinking.budget_tokens`."),
    ):
        assert (
            refused(double, "claude-haiku-4-5", max_tokens=1024, **thinking("enabled", budget_tokens=budget))
            == said
        )
    said = refused(double, "claude-haiku-5-5", **thinking("adaptive", budget_tokens=1024))
    assert said == EXTRA.format("thinking.adaptive.budget_tokens")
    assert refused(double, "claude-haiku-5-5", **thinking("hard")).startswith(
        "thinking: Input tag 'hard' does not"
    )


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("claude-haiku-4-5", ""),
        ("claude-sonnet-4-5", ""),
        ("claude-opus-4-5", "low medium high"),
        ("claude-sonnet-4-6", "low medium high max"),
        ("claude-opus-4-7", "low medium high xhigh max"),
        ("claude-haiku-5-5", "low medium high xhigh max"),
        ("claude-opus-5-5", "low medium high xhigh max"),
    ],
)
def test_effort_is_taken_by_family(double: Double, model: str, levels: str) -> None:
    assert [level for level in EFFORTS if taken(double, model, **effort(level))] == levels.split()


def test_effort_that_is_not_there_is_told_in_words(double: Double) -> None:
    said = refused(double, "claude-haiku-4-5", **effort("low"))
    assert said == "This model does not support the effort parameter."
    said = refused(double, "claude-opus-4-5", **effort("max"))
    assert said == "This model does not support effort level 'max'. Supported levels: high, low, medium."
    said = refused(double, "claude-haiku-5-5", **effort("tiny"))
    assert said == "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"


def test_thinking_is_not_off_at_the_highest_efforts(double: Double) -> None:
    off = thinking("between_tools")
    assert taken(double, "claude-sonnet-5-5", **off, **effort("high"))
    assert refused(double, "claude-sonnet-5-5", **off, **effort("xhigh")) == (
        "output_config.effort 'xhigh' is not supported when thinking is disabled on this model. Use effort 'high' or "
        "below, or enable thinking."
    )


# Models and sizes


@pytest.mark.parametrize(
    "model", ["claude-9", "gpt-4o", "claude-3-opus-20240229", "claude-opus-4-0", "claude-2.1"]
)
def test_an_unknown_or_retired_model_is_not_found(double: Double, model: str) -> None:
    assert refused(double, model, 404) == f"model: {model}"


def test_a_model_is_retired_on_its_day(double: Double) -> None:
    for day, there in (("2026-11-29", True), ("2026-11-30", False)):
        double.today(day)
        assert taken(double, "claude-sonnet-4-5") is there


def test_prompt_and_allowance_share_the_context(double: Double) -> None:
    def asked(tokens: int, allowance: int) -> dict[str, Any]:
        return {"max_tokens": allowance, "messages": [{"role": "user", "content": "a" * 4 * tokens}]}

    assert taken(double, "claude-haiku-4-5", **asked(190_000, 10_000))
    assert refused(double, "claude-haiku-4-5", **asked(195_905, 4_096)) == (
        "input length and `max_tokens` exceed context limit: 195905 + 4096 > 200000, decrease input length or "
        "`max_tokens` and try again"
    )
    said = refused(double, "claude-haiku-4-5", **asked(210_000, 100))
    assert said == "prompt is too long: 210000 tokens > 200000 maximum"
    assert taken(double, "claude-sonnet-4-6", **asked(210_000, 100))


def test_the_sdk_raises_its_own_errors(anthropic_client: anthropic.Anthropic) -> None:
    asked: Any = {"model": "claude-sonnet-5-5", "max_tokens": 99, "messages": HELLO}
    with pytest.raises(
        anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"
    ) as caught:
        anthropic_client.messages.create(**asked, extra_body={"temperature": 1.0})
    assert caught.value.request_id == caught.value.response.headers["request-id"]
    assert anthropic_client.messages.create(**asked).stop_reason == "max_tokens"


def test_a_model_can_be_registered_like_another(double: Double) -> None:
    double.model("ours-5", like="claude-sonnet-5-5")
    assert taken(double, "ours-5", **thinking("between_tools"))
    assert refused(double, "ours-5", **thinking("disabled")).startswith(
        '"thinking.type.disabled" is not supported'
    )
