"""What each refusal means: the published answers of both providers, row by row, and who they speak of."""

import datetime as dt
import json
from typing import Any

import httpx2
import pytest

from llm.health import HEALTH_OF
from llm.models import ProviderKey
from llm.providers import roster, wire
from llm.providers.base import HEALTH_BY_CHECK, Fault, KeyHealth
from llm.providers.refusals import (
    LONGEST_WAIT,
    ErrorAnswer,
    answer_of,
    fault_of,
    refused_parameter,
    told_wait,
)
from llm.providers.twins import twin_of
from tests.harness.chat import each_provider

HOW = {one.name: twin_of(one.name).refusals for one in roster.KEYED}
SENT = frozenset({"temperature", "reasoning_effort", "max_completion_tokens"})


def openai(
    message: str, code: str | None = None, kind: str = "invalid_request_error", param: str | None = None
) -> Any:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic(message: str, kind: str = "invalid_request_error", **error: Any) -> Any:
    return {"type": "error", "error": {"type": kind, "message": message, **error}, "request_id": "req_1"}


# Source: the providers' error references and answers that their users have published, 25 November 2026.
OPENAI = [
    (401, openai("Incorrect API key provided: sk-a***b.", "invalid_api_key"), Fault.REJECTED),
    (401, openai("The account associated with this key is deactivated.", "account_deactivated"), Fault.REJECTED),
    (401, openai("Something new about this key.", None), Fault.REJECTED),
    (403, openai("Project `proj_x` does not have access to model `m`", "model_not_found"), Fault.MODEL_MISSING),
    (404, openai("The model `m` does not exist or you do not have access to it.", "model_not_found"), Fault.MODEL_MISSING),
    (404, openai("The model `m` has been deprecated.", "model_not_found"), Fault.MODEL_MISSING),
    (401, openai("Attempted to access resource with incorrect regional hostname. Please make your request to eu.api.openai.com", "incorrect_hostname"), Fault.WRONG_REGION),
    (401, openai("Your request IP does not match the configured IP allowlist for your project.", "ip_not_authorized"), Fault.ADDRESS_REFUSED),
    (401, openai("Your IP address is not authorized to use this project.", None), Fault.ADDRESS_REFUSED),
    (403, openai("Country, region, or territory not supported", "unsupported_country_region_territory", "request_forbidden"), Fault.PLACE_NOT_SERVED),
    (403, openai("You have insufficient permissions for this operation. Missing scopes: model.request.", "missing_scope"), Fault.LACKS_PERMISSION),
    (401, openai("You have insufficient permissions for this operation. Missing scopes: api.model.read.", None), Fault.LACKS_PERMISSION),
    (403, openai("Something else is not allowed.", None), Fault.NOT_ALLOWED),
    (429, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), Fault.NO_FUNDS),
    (429, openai("…", "credit_balance_exhausted", "insufficient_quota"), Fault.NO_FUNDS),
    (429, openai("…", "organization_spend_limit_exceeded", "insufficient_quota"), Fault.NO_FUNDS),
    (429, openai("…", "project_spend_limit_exceeded", "other"), Fault.NO_FUNDS),
    (429, openai("…", "organization_usage_limit_exceeded", "other"), Fault.NO_FUNDS),
    (429, openai("…", "billing_not_active", "billing_not_active"), Fault.NO_FUNDS),
    (429, openai("…", None, "insufficient_quota"), Fault.NO_FUNDS),
    (400, openai("Billing hard limit has been reached", "billing_hard_limit_reached"), Fault.NO_FUNDS),
    (400, openai("This model's maximum context length is 128000 tokens.", "context_length_exceeded"), Fault.TOO_LARGE),
    (429, openai("Request too large for gpt-4o in organization o on tokens per min (TPM): Limit 30000", "rate_limit_exceeded", "tokens"), Fault.TOO_LARGE),
    (413, openai("Request body is too large."), Fault.TOO_LARGE),
    (400, openai("Your organization must be verified to stream this model.", "unsupported_value", param="stream"), Fault.ORGANISATION_UNVERIFIED),
    (400, openai("This organization has been disabled.", None), Fault.ORGANISATION_DISABLED),
    (404, openai("This model is only supported in v1/responses and not in v1/chat/completions.", None, param="model"), Fault.OTHER_API),
    (404, openai("This is not a chat model and thus not supported in the v1/chat/completions endpoint.", None, param="model"), Fault.OTHER_API),
    (400, openai("Your request was rejected as a result of our safety system.", "content_policy_violation"), Fault.DECLINED),
    (429, openai("Rate limit reached for m on requests per min (RPM)", "rate_limit_exceeded", "requests"), Fault.RATE_LIMITED),
    (400, openai("Unsupported value: 'temperature' does not support 0.2 with this model.", "unsupported_value", param="temperature"), Fault.BAD_REQUEST),
    (500, openai("The server had an error.", None, "server_error"), Fault.UNAVAILABLE),
    (503, openai("The engine is currently overloaded.", None, "server_error"), Fault.UNAVAILABLE),
    (404, openai("Invalid URL (POST /chat/completions)"), Fault.NOT_THE_PROVIDER),
    (404, openai("Unknown request URL: POST /chat/completions", "unknown_url"), Fault.NOT_THE_PROVIDER),
]  # fmt: skip
ANTHROPIC = [
    (401, anthropic("invalid x-api-key", "authentication_error"), Fault.REJECTED),
    (401, anthropic("Something new about this key.", "invalid_request_error"), Fault.REJECTED),
    (403, anthropic("Your API key does not have permission to use the specified resource.", "permission_error"), Fault.NOT_ALLOWED),
    (403, anthropic("Request not allowed", "forbidden"), Fault.NOT_ALLOWED),
    (402, anthropic("Billing problem", "billing_error"), Fault.NO_FUNDS),
    (400, anthropic("Your credit balance is too low to access the Anthropic API."), Fault.NO_FUNDS),
    (400, anthropic("You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."), Fault.NO_FUNDS),
    (400, anthropic("You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."), Fault.NO_FUNDS),
    (429, anthropic("This request would exceed your organization's monthly spend limit.", "rate_limit_error"), Fault.NO_FUNDS),
    (400, anthropic("…", details={"error_code": "enforced_spend_limit_reached"}), Fault.NO_FUNDS),
    (413, anthropic("Request exceeds the maximum size", "request_too_large"), Fault.TOO_LARGE),
    (400, anthropic("prompt is too long: 210000 tokens > 200000 maximum"), Fault.TOO_LARGE),
    (400, anthropic("input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000"), Fault.TOO_LARGE),
    (400, anthropic("This organization has been disabled."), Fault.ORGANISATION_DISABLED),
    (403, anthropic("This organization has been disabled.", "permission_error"), Fault.ORGANISATION_DISABLED),
    (400, anthropic("Output blocked by content filtering policy"), Fault.DECLINED),
    (404, anthropic("model: claude-x", "not_found_error"), Fault.MODEL_MISSING),
    (404, anthropic("Not Found", "not_found_error"), Fault.NOT_THE_PROVIDER),
    (429, anthropic("This request would exceed your rate limit.", "rate_limit_error"), Fault.RATE_LIMITED),
    (529, anthropic("Overloaded", "overloaded_error"), Fault.UNAVAILABLE),
    (500, anthropic("Internal server error", "api_error"), Fault.UNAVAILABLE),
    (400, anthropic("temperature: Extra inputs are not permitted"), Fault.BAD_REQUEST),
]  # fmt: skip
ROWS = [("openai", *row) for row in OPENAI] + [("anthropic", *row) for row in ANTHROPIC]


@pytest.mark.parametrize(("provider", "status", "body", "fault"), ROWS, ids=lambda value: str(value)[:60])
def test_each_published_answer_means_one_fault(provider: str, status: int, body: Any, fault: Fault) -> None:
    answer = answer_of(HOW[provider], status, body)

    assert answer is not None
    assert fault_of(HOW[provider], answer) is fault


FOREIGN: list[Any] = [
    None, [], "oops", {}, {"error": "denied"}, {"error": {"code": "invalid_api_key"}}, {"message": "Forbidden"},
    {"error": {"message": "no type and no code"}}, {"detail": "Not authenticated"}, {"errors": [{"message": "x"}]},
]  # fmt: skip


@each_provider
@pytest.mark.parametrize("body", FOREIGN, ids=str)
@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 404, 413, 429, 500, 502])
def test_a_body_in_another_shape_speaks_of_nothing(provider: str, body: Any, status: int) -> None:
    response = httpx2.Response(status, content=json.dumps(body).encode())

    error = wire.refusal(HOW[provider], response, response.content)

    assert error.fault is Fault.NOT_THE_PROVIDER
    assert error.retryable == (status >= 500 or status == 429)


def test_openais_shape_is_not_anthropics() -> None:
    assert answer_of(HOW["anthropic"], 401, openai("Incorrect API key provided", "invalid_api_key")) is None


SPEAKS_OF_THE_KEY = {
    Fault.REJECTED: ("rejected", "rejected"),
    Fault.NO_FUNDS: ("limited", "limited"),
    Fault.RATE_LIMITED: ("limited", "limited"),
    Fault.ORGANISATION_DISABLED: ("limited", "limited"),
    Fault.LACKS_PERMISSION: ("limited", "unverified"),
}


@pytest.mark.parametrize("fault", list(Fault))
def test_a_keys_health_follows_only_what_is_said_of_the_key(fault: Fault) -> None:
    by_a_reply, by_a_check = SPEAKS_OF_THE_KEY.get(fault, (None, None))

    assert HEALTH_OF.get(fault) == (by_a_reply and ProviderKey.Health(by_a_reply))
    if by_a_check:
        assert HEALTH_BY_CHECK[fault] == by_a_check
    else:
        assert HEALTH_BY_CHECK.get(fault, KeyHealth.UNREACHABLE) in (
            KeyHealth.UNVERIFIED,
            KeyHealth.UNREACHABLE,
        )


# --- Which parameter is meant ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (ErrorAnswer(400, param="temperature"), "temperature"),
        (
            ErrorAnswer(
                400, message="unsupported parameter: 'temperature' is not supported with this model."
            ),
            "temperature",
        ),
        (ErrorAnswer(400, message="temperature: extra inputs are not permitted"), "temperature"),
        (ErrorAnswer(400, message="`temperature` is deprecated for this model."), "temperature"),
        (ErrorAnswer(400, param="reasoning_effort", message="…"), "reasoning_effort"),
        (
            ErrorAnswer(400, param="max_completion_tokens", message="max_tokens is too large"),
            "max_completion_tokens",
        ),
        (ErrorAnswer(400, param="messages[0].role", message="…"), ""),
        (ErrorAnswer(400, param="top_p", message="'top_p' is not supported"), ""),
        (ErrorAnswer(400, message="the temperature of the room is too high"), ""),
    ],
)
def test_the_parameter_that_a_refusal_names_is_found(answer: ErrorAnswer, name: str) -> None:
    assert refused_parameter(answer, SENT) == name


def test_a_part_of_a_parameter_stands_for_the_whole() -> None:
    answer = ErrorAnswer(400, message="output_config.effort: input should be 'low', 'medium' or 'high'")

    assert refused_parameter(answer, frozenset({"output_config", "thinking"})) == "output_config"


# --- What is kept ----------------------------------------------------------------------------------


def test_day_in_the_words_becomes_a_wait() -> None:
    day = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    answer = ErrorAnswer(400, message=f"…you will regain access on {day:%Y-%m-%d} at {day:%H:%M} utc.")

    assert 2.9 * 86_400 < (told_wait(answer) or 0) <= 3 * 86_400


@pytest.mark.parametrize(
    "words", ["", "regain access on 2026-99-99 at 00:00 utc", "regain access on 2020-01-01"]
)
def test_no_day_or_one_that_is_past_is_no_wait(words: str) -> None:
    assert told_wait(ErrorAnswer(400, message=words)) is None


def test_codes_and_ids_are_kept_only_when_they_are_identifiers() -> None:
    secret = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
    body = openai(f"bad key {secret}", code=secret, param=secret)
    response = httpx2.Response(401, headers={"x-request-id": "req_9"}, content=json.dumps(body).encode())

    error = wire.refusal(HOW["openai"], response, response.content)

    assert (error.code, error.param, error.request_id) == ("", "", "req_9")
    assert secret not in repr(vars(error))


@pytest.mark.parametrize("code", [99_999, -1, 0, True, 10**30])
def test_a_number_that_is_no_status_is_none(code: int) -> None:
    answer = answer_of(HOW["openai"], None, {"error": {"message": "x", "type": "t", "code": code}})

    assert answer is not None
    assert answer.status is None


def test_a_wait_that_no_column_holds_is_cut_short() -> None:
    assert (
        told_wait(ErrorAnswer(400, message="you will regain access on 2199-01-01 at 00:00 utc."))
        == LONGEST_WAIT
    )


@pytest.mark.parametrize(
    ("message", "code", "lasting"),
    [
        (
            "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
            "unsupported_parameter",
            True,
        ),
        (
            "Unsupported value: 'reasoning_effort' does not support 'none' with this model.",
            "unsupported_value",
            False,
        ),
        ("max_tokens is too large: 128000. This model supports at most 16384.", "invalid_value", False),
    ],
)
def test_a_refused_value_teaches_nothing_of_the_parameter(message: str, code: str, lasting: bool) -> None:
    param = "reasoning_effort" if "effort" in message else "max_completion_tokens"
    body = openai(message, code, param=param)
    response = httpx2.Response(400, content=json.dumps(body).encode())

    error = wire.refusal(HOW["openai"], response, response.content, SENT)

    assert (error.names, error.is_lasting) == (param, lasting)


def test_a_number_as_code_inside_a_stream_is_a_status() -> None:
    event = {"error": {"message": "slow down", "type": "whatever", "code": 429}}
    answer = answer_of(HOW["openai"], None, event)

    assert answer is not None
    assert fault_of(HOW["openai"], answer) is Fault.RATE_LIMITED
