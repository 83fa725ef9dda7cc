"""OpenAI's refusals: what the service would not take, the double does not take either, in the same words."""

import json
from typing import Any

import openai
import pytest

from .asking import HELLO, ask, headers_for, send
from .client import Double
from .sdk import SECRETS


def refused(double: Double, model: str, **asked: Any) -> tuple[int, Any, Any, str]:
    """Status, code, param and message of the refusal."""
    said = ask(double, "openai", model, **asked)
    assert said.status != 200, said.body
    assert said.error["type"] == "invalid_request_error"
    assert said.headers["x-request-id"].startswith("req_")
    return said.status, said.error["code"], said.error["param"], said.error["message"]


def taken(double: Double, model: str, **asked: Any) -> bool:
    return ask(double, "openai", model, **asked).status == 200


# Temperature and effort by family


@pytest.mark.parametrize(
    ("model", "taken_at"),
    [
        ("gpt-4o", [None]),
        ("gpt-4o-mini", [None]),
        ("gpt-4.1", [None]),
        ("ft:gpt-4o-mini-2024-07-18:acme::a1B2c3", [None]),
        ("gpt-5.1", [None, "none"]),
        ("gpt-5.2", [None, "none"]),
        ("gpt-5.4-mini", [None, "none"]),
        ("gpt-5.5", ["none"]),
        ("gpt-5.6-terra", ["none"]),
        ("gpt-6-luna", ["none"]),
        ("gpt-6-sol", ["none"]),
        ("gpt-6.1-terra", ["none"]),
        ("gpt-5", []),
        ("gpt-5-nano", []),
        ("o3", []),
        ("gpt-6-astra", []),
        ("gpt-6.1-sol", []),
        ("gpt-6.2-astra", []),
        ("chat-latest", []),
    ],
)
def test_temperature_is_taken_by_family_and_effort(
    double: Double, model: str, taken_at: list[str | None]
) -> None:
    efforts = (None, "none", "low", "medium")
    heated = [effort for effort in efforts if taken(double, model, temperature=0.2, reasoning_effort=effort)]
    assert heated == taken_at
    assert taken(double, model)


@pytest.mark.parametrize("model", ["gpt-5", "o3", "gpt-5.5", "chat-latest"])
def test_some_models_name_the_value_and_take_the_default(double: Double, model: str) -> None:
    assert refused(double, model, temperature=0.2) == (
        400,
        "unsupported_value",
        "temperature",
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
        "supported.",
    )
    assert taken(double, model, temperature=1)


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-6-astra", "gpt-6.2-sol"])
def test_others_name_the_parameter_and_take_no_value(double: Double, model: str) -> None:
    for name, value in (("temperature", 0.2), ("temperature", 1), ("top_p", 0.5), ("presence_penalty", 1)):
        expected = f"Unsupported parameter: '{name}' is not supported with this model."
        assert refused(double, model, **{name: value}) == (400, "unsupported_parameter", name, expected)


def test_a_temperature_out_of_range_is_refused(double: Double) -> None:
    status, code, param, said = refused(double, "gpt-4o", temperature=2.5)
    assert (status, code, param) == (400, "decimal_above_max_value", "temperature")
    assert said == (
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead."
    )
    assert refused(double, "gpt-4o", temperature=-1)[1] == "decimal_below_min_value"
    assert refused(double, "gpt-4o", temperature="warm")[1] == "invalid_type"


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("gpt-5", "minimal low medium high"),
        ("o3", "low medium high"),
        ("gpt-5.1", "none low medium high"),
        ("gpt-5.4", "none low medium high xhigh"),
        ("gpt-5.5", "none low medium high xhigh"),
        ("gpt-6-luna", "none low medium high xhigh max"),
        ("gpt-6-astra", "low medium high xhigh max"),
        ("chat-latest", "medium"),
    ],
)
def test_effort_is_taken_by_family(double: Double, model: str, levels: str) -> None:
    every = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    assert [one for one in every if taken(double, model, reasoning_effort=one)] == levels.split()


def test_an_effort_that_the_model_lacks_is_named_with_those_it_has(double: Double) -> None:
    assert refused(double, "o3", reasoning_effort="none") == (
        400,
        "unsupported_value",
        "reasoning_effort",
        "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: 'low', "
        "'medium', and 'high'.",
    )
    assert refused(double, "o3", reasoning_effort="lots")[:3] == (400, "invalid_value", "reasoning_effort")


def test_effort_is_no_argument_of_a_model_that_does_not_think(double: Double) -> None:
    said = "Unrecognized request argument supplied: reasoning_effort"
    assert refused(double, "gpt-4o", reasoning_effort="low") == (400, None, None, said)
    assert taken(double, "gpt-4o", reasoning_effort=None)


# Sizes


def test_max_tokens_has_another_name_where_a_model_thinks(double: Double) -> None:
    assert taken(double, "gpt-4o", max_tokens=100)
    assert refused(double, "gpt-6-luna", max_tokens=100) == (
        400,
        "unsupported_parameter",
        "max_tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    )
    assert taken(double, "gpt-6-luna", max_completion_tokens=16_384)


def test_an_allowance_beyond_the_models_is_refused(double: Double) -> None:
    assert refused(double, "gpt-4o", max_completion_tokens=16_385) == (
        400,
        "invalid_value",
        "max_completion_tokens",
        "max_tokens is too large: 16385. This model supports at most 16384 completion tokens, whereas you provided "
        "16385.",
    )
    assert refused(double, "gpt-4o", max_completion_tokens=0)[1] == "integer_below_min_value"


def test_a_prompt_beyond_the_context_is_refused(double: Double) -> None:
    long: list[Any] = [{"role": "user", "content": "a" * 4 * 128_004}]
    status, code, param, said = refused(double, "gpt-4o", messages=long)
    assert (status, code, param) == (400, "context_length_exceeded", "messages")
    assert "maximum context length is 128000 tokens. However, your messages resulted in 128004 tokens" in said
    assert taken(double, "gpt-6-luna", messages=long)


# Models


@pytest.mark.parametrize(
    "model", ["gpt-9", "", "my-own-model", "ft:gpt-9:acme::x", "ft:ours", "claude-sonnet-4-6"]
)
def test_an_unknown_model_is_not_found(double: Double, model: str) -> None:
    if not model:
        assert refused(double, model) == (400, None, None, "you must provide a model parameter")
        return
    said = f"The model `{model}` does not exist or you do not have access to it."
    assert refused(double, model) == (404, "model_not_found", None, said)


@pytest.mark.parametrize(
    "model", ["gpt-3.5-turbo", "gpt-4-turbo", "o1", "o3-mini", "o4-mini", "gpt-4.1-nano"]
)
def test_a_model_that_is_gone_is_said_to_be(double: Double, model: str) -> None:
    said = f"The model `{model}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations"
    assert refused(double, model) == (404, "model_not_found", None, said)


def test_a_model_goes_on_its_day(double: Double) -> None:
    for day, there in (("2027-01-13", True), ("2027-01-14", False), ("2027-06-01", False)):
        double.today(day)
        assert taken(double, "gpt-4o") is there
        assert taken(double, "gpt-6-luna")


@pytest.mark.parametrize(
    "model", ["gpt-5.5-pro", "o3-pro", "gpt-5.1-codex-max", "o3-deep-research", "gpt-6-cyber"]
)
def test_some_models_live_in_the_responses_api_only(double: Double, model: str) -> None:
    said = "This model is only supported in v1/responses and not in v1/chat/completions."
    assert refused(double, model) == (404, None, "model", said)


@pytest.mark.parametrize(
    "model",
    ["text-embedding-3-small", "whisper-1", "tts-1", "gpt-image-2", "omni-moderation-latest", "davinci-002"],
)
def test_some_models_cannot_chat(double: Double, model: str) -> None:
    status, code, param, said = refused(double, model)
    assert (status, code, param) == (404, None, "model")
    assert said.startswith(
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint."
    )


def test_an_audio_model_wants_audio(double: Double) -> None:
    assert refused(double, "gpt-audio-mini")[:3] == (400, "invalid_value", "model")


def test_a_project_may_be_kept_from_a_model(double: Double) -> None:
    said = "Project `proj_double` does not have access to model `gpt-4o`"
    secret = "sk-proj-noaccess-0000000000a1B2"
    assert refused(double, "gpt-4o", secret=secret) == (403, "model_not_found", None, said)


# Form


def test_an_unknown_parameter_is_named(double: Double) -> None:
    said = "Unknown parameter: 'thinking'."
    assert refused(double, "gpt-4o", thinking={}) == (400, "unknown_parameter", "thinking", said)
    assert refused(double, "fake-t5", top_k=5)[1:3] == ("unknown_parameter", "top_k")


def test_every_parameter_of_the_sdk_is_known(double: Double) -> None:
    given: dict[str, Any] = {
        "seed": 1,
        "user": "u",
        "store": False,
        "metadata": {},
        "verbosity": "low",
        "n": 1,
    }
    assert taken(double, "gpt-4o", **given, stream=True, stream_options={"include_usage": True})


def test_messages_are_looked_at(double: Double) -> None:
    assert refused(double, "gpt-4o", messages=[])[1:3] == ("missing_required_parameter", "messages")
    robot = [*HELLO, {"role": "robot", "content": "x"}]
    assert refused(double, "gpt-4o", messages=robot) == (
        400,
        "invalid_value",
        "messages[1].role",
        "Invalid value: 'robot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and "
        "'developer'.",
    )
    assert refused(double, "gpt-4o", messages=[{"role": "user"}])[2] == "messages.[0].content"
    assert taken(double, "gpt-6-luna", messages=[{"role": "system", "content": "Be kind."}, *HELLO])


def test_usage_is_asked_for_in_a_stream_only(double: Double) -> None:
    said = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    assert refused(double, "gpt-4o", stream_options={"include_usage": True}) == (
        400,
        None,
        "stream_options",
        said,
    )


def test_a_request_that_is_no_json_is_refused(double: Double) -> None:
    plain: dict[str, str | None] = {**headers_for("openai"), "content-type": "text/plain"}
    said = send(double, "POST", "/v1/chat/completions", plain, b"{}")
    assert (said.status, said.error["code"]) == (400, "unsupported_content_type")
    typed: dict[str, str | None] = {
        **headers_for("openai"),
        "content-type": "application/json; charset=utf-8",
    }
    assert send(double, "POST", "/v1/chat/completions", typed, json.dumps({}).encode()).status == 400


def test_the_secret_is_a_bearer(double: Double) -> None:
    for headers in ({"authorization": None}, {"authorization": SECRETS["openai"]}):
        said = ask(double, "openai", "gpt-4o", headers=headers)
        assert (said.status, said.error["message"][:36]) == (401, "You didn't provide an API key. You n")


def test_the_sdk_raises_its_own_errors(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.chat.completions.create(model="gpt-6-luna", messages=HELLO, temperature=0.2)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "temperature")
    assert caught.value.request_id == caught.value.response.headers["x-request-id"]
    with pytest.raises(openai.NotFoundError):
        openai_client.chat.completions.create(model="gpt-3.5-turbo", messages=HELLO)  # type: ignore[arg-type]


# The rules hold for scripted calls too


def test_a_script_does_not_hide_a_request_that_would_be_refused(double: Double) -> None:
    double.script("text", text="Hello.")
    assert refused(double, "gpt-6-luna", temperature=0.2)[1] == "unsupported_parameter"
    assert taken(double, "gpt-6-luna")


def test_a_script_may_answer_for_a_model_that_nobody_knows(double: Double) -> None:
    double.script("text", text="Hello.", match={"model": "our-own"})
    assert taken(double, "our-own", temperature=0.2)
    assert refused(double, "our-own")[0] == 404


# Fake and registered models


def test_a_fake_model_takes_what_any_model_takes(double: Double) -> None:
    for effort in ("none", "minimal", "max"):
        assert taken(double, "fake-t5", temperature=0.2, reasoning_effort=effort, max_tokens=99_999)


def test_a_model_can_be_registered_like_another(double: Double) -> None:
    double.model("ours-classic", like="gpt-4o")
    double.model("ours-thinking", like="gpt-6-luna", gone_on="2026-12-01")
    assert taken(double, "ours-classic", temperature=0.2)
    assert refused(double, "ours-thinking", temperature=0.2)[1] == "unsupported_parameter"
    double.today("2026-12-01")
    assert refused(double, "ours-thinking")[0] == 404
    double.clear()
    assert refused(double, "ours-classic")[0] == 404
