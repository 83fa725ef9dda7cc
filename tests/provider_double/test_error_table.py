"""Each error by its name: status, type, code and parameter as the provider gives them."""

from typing import Any

import pytest

from .asking import Said, ask, models
from .client import Double, DoubleError

MODEL = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-6"}
BAD, QUOTA, RATE = "invalid_request_error", "insufficient_quota", "rate_limit_error"
AUTH, PERMISSION, NOT_FOUND = "authentication_error", "permission_error", "not_found_error"

# Mode: OpenAI's (status, type, code, param), Anthropic's (status, type, error_code).
TABLE: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "401": ((401, BAD, "invalid_api_key", None), (401, AUTH, None)),
    "deactivated": ((401, BAD, "account_deactivated", None), (401, AUTH, None)),
    "unknown_401": ((401, BAD, None, None), (401, AUTH, None)),
    "403": ((403, BAD, "missing_scope", None), (403, PERMISSION, None)),
    "not_allowed_model": ((403, BAD, "model_not_found", None), (403, PERMISSION, None)),
    "incorrect_hostname": ((401, BAD, "incorrect_hostname", None), (403, "forbidden", None)),
    "ip_not_authorized": ((401, BAD, "ip_not_authorized", None), (403, "forbidden", None)),
    "region": (
        (403, "request_forbidden", "unsupported_country_region_territory", None), (403, "forbidden", None),
    ),
    "missing_scope_request": ((401, BAD, "missing_scope", None), (403, PERMISSION, "api_key_scope_missing")),
    "missing_scope_list": ((401, BAD, "missing_scope", None), (403, PERMISSION, "api_key_scope_missing")),
    "quota": ((429, QUOTA, QUOTA, None), (429, RATE, "enforced_spend_limit_reached")),
    "credit_balance": ((429, QUOTA, "credit_balance_exhausted", None), (400, BAD, None)),
    "spend_limit_words": ((429, QUOTA, "organization_spend_limit_exceeded", None), (400, BAD, None)),
    "workspace_limit_words": ((429, QUOTA, "project_spend_limit_exceeded", None), (400, BAD, None)),
    "usage_limit": (
        (429, QUOTA, "organization_usage_limit_exceeded", None), (429, RATE, "enforced_spend_limit_reached"),
    ),
    "billing_not_active": ((429, "billing_not_active", "billing_not_active", None), (402, "billing_error", None)),
    "hard_limit": ((400, BAD, "billing_hard_limit_reached", None), (400, BAD, None)),
    "prompt_too_long": ((400, BAD, "context_length_exceeded", "messages"), (400, BAD, None)),
    "max_tokens_exceed": ((400, BAD, "context_length_exceeded", "messages"), (400, BAD, None)),
    "tpm_too_large": ((429, "tokens", "rate_limit_exceeded", None), (413, "request_too_large", None)),
    "413": ((413, BAD, "request_too_large", None), (413, "request_too_large", None)),
    "must_verify": ((400, BAD, "unsupported_value", "stream"), (403, PERMISSION, None)),
    "organization_disabled": ((403, BAD, "organization_deactivated", None), (400, BAD, "organization_on_hold")),
    "404_model": ((404, BAD, "model_not_found", None), (404, NOT_FOUND, None)),
    "responses_only": ((404, BAD, None, "model"), (404, NOT_FOUND, None)),
    "not_chat_model": ((404, BAD, None, "model"), (404, NOT_FOUND, None)),
    "wrong_path": ((404, BAD, None, None), (404, NOT_FOUND, None)),
    "unsupported_temperature": ((400, BAD, "unsupported_value", "temperature"), (400, BAD, None)),
    "temperature_not_supported": ((400, BAD, "unsupported_parameter", "temperature"), (400, BAD, None)),
    "policy": ((400, BAD, "invalid_prompt", None), (400, BAD, None)),
    "429": ((429, "requests", "rate_limit_exceeded", None), (429, RATE, None)),
    "slow_down": ((429, RATE, "slow_down", None), (429, RATE, "ramp_limit_exceeded")),
    "500": ((500, "server_error", None, None), (500, "api_error", None)),
    "503": ((503, "server_error", None, None), (503, "api_error", None)),
    "529": ((529, "server_error", None, None), (529, "overloaded_error", None)),
}  # fmt: skip

# Where only the words tell: the provider, the mode and how the message begins.
WORDS = [
    ("openai", "not_allowed_model", "Project `proj_double` does not have access to model `gpt-4o`"),
    ("openai", "incorrect_hostname", "Attempted to access resource with incorrect regional hostname."),
    ("openai", "missing_scope_list", "You have insufficient permissions for this operation. Missing scopes: api.model.r"),
    ("openai", "missing_scope_request", "You have insufficient permissions for this operation. Missing scopes: model.req"),
    ("openai", "tpm_too_large", "Request too large for gpt-4o in organization org-double on tokens per min (TPM)"),
    ("openai", "must_verify", "Your organization must be verified to stream this model."),
    ("openai", "responses_only", "This model is only supported in v1/responses and not in v1/chat/completions."),
    ("openai", "not_chat_model", "This is not a chat model"),
    ("openai", "wrong_path", "Invalid URL (POST /chat/completions)"),
    ("anthropic", "region", "Request not allowed"),
    ("anthropic", "credit_balance", "Your credit balance is too low to access the Anthropic API."),
    ("anthropic", "spend_limit_words", "You have reached your specified API usage limits. You will regain access on"),
    ("anthropic", "workspace_limit_words", "You have reached your specified workspace API usage limits."),
    ("anthropic", "max_tokens_exceed", "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000"),
    ("anthropic", "prompt_too_long", "prompt is too long: 208310 tokens > 200000 maximum"),
    ("anthropic", "organization_disabled", "This organization has been disabled."),
    ("anthropic", "policy", "Output blocked by content filtering policy"),
]  # fmt: skip


def scripted(double: Double, provider: str, mode: str, **params: Any) -> Said:
    double.script(mode, **params)
    return ask(double, provider, MODEL[provider], stream=True)


@pytest.mark.parametrize("mode", TABLE)
def test_each_error_is_the_providers(double: Double, mode: str) -> None:
    said = scripted(double, "openai", mode)
    error = said.error
    assert (said.status, error["type"], error["code"], error["param"]) == TABLE[mode][0]
    assert said.headers["x-request-id"]
    said = scripted(double, "anthropic", mode)
    code = (said.error["details"] or {}).get("error_code")
    assert (said.status, said.error["type"], code) == TABLE[mode][1]
    assert said.json["request_id"] == said.headers["request-id"]


@pytest.mark.parametrize(("provider", "mode", "words"), WORDS)
def test_the_words_are_the_providers(double: Double, provider: str, mode: str, words: str) -> None:
    assert scripted(double, provider, mode).error["message"].startswith(words)


def test_an_error_can_be_told_otherwise(double: Double) -> None:
    changed = {"status": 418, "type": "requests", "code": "odd", "param": "n", "message": "No {tea}.",
               "headers": {"x-should-retry": "false"}}  # fmt: skip
    said = scripted(double, "openai", "quota", **changed)
    assert (said.status, said.json, said.headers["x-should-retry"]) == (
        418,
        {"error": {"message": "No {tea}.", "type": "requests", "param": "n", "code": "odd"}},
        "false",
    )


@pytest.mark.parametrize(
    ("mode", "params", "headers"),
    [
        ("429", {"retry_after": 7}, {"retry-after": "7"}),
        ("429_fraction", {}, {"retry-after": "0.3"}),
        ("429_huge", {}, {"retry-after": "3600"}),
        ("retry_after_ms", {}, {"retry-after-ms": "1500", "retry-after": None}),
        ("x_should_retry_false", {"retry_after": 9}, {"x-should-retry": "false", "retry-after": "9"}),
        ("429_absent", {}, {"retry-after": None, "retry-after-ms": None}),
        ("usage_limit", {}, {"retry-after": None}),
    ],
)
@pytest.mark.parametrize("provider", list(MODEL))
def test_a_wait_is_told_in_every_form(
    double: Double, provider: str, mode: str, params: dict[str, Any], headers: dict[str, str | None]
) -> None:
    said = scripted(double, provider, mode, **params)
    assert (said.status, {name: said.headers.get(name) for name in headers}) == (429, headers)


@pytest.mark.parametrize(
    ("mode", "status", "kind", "begins"),
    [
        ("html_403", 403, "text/html", b"<!DOCTYPE html>"),
        ("html_200", 200, "text/html", b"<html>"),
        ("plain_error", 503, "text/plain", b"upstream"),
        ("foreign_json", 404, "application/json", b'{"detail"'),
        ("empty_body", 403, "text/plain", b""),
    ],
)
@pytest.mark.parametrize("provider", list(MODEL))
def test_what_is_not_the_providers_word_bears_none_of_its_marks(
    double: Double, provider: str, mode: str, status: int, kind: str, begins: bytes
) -> None:
    said = scripted(double, provider, mode)
    assert (said.status, said.headers["content-type"], said.body.startswith(begins)) == (status, kind, True)
    assert not [name for name in said.headers if "request-id" in name or "ratelimit" in name]
    assert scripted(double, provider, mode, status=401).status == 401


def test_a_200_can_be_an_error(double: Double) -> None:
    said = scripted(double, "openai", "json_200")
    assert (said.status, said.headers["content-type"], said.error["code"]) == (200, "application/json", QUOTA)


def test_a_kind_that_is_not_there_is_refused_in_words(double: Double) -> None:
    with pytest.raises(DoubleError, match="kind must be one of: no_secret, wrong_secret"):
        double.script("json_200", kind="nonsense")


# Secrets that say how they want to be met: status and code of a list, and of a reply.
MET = {
    "openai": {
        "sk-proj-fine-1": (200, 200),
        "sk-svcacct-fine-1": (200, 200),
        "sk-proj-bad-1": (401, 401),
        "sk-proj-deactivated-1": (401, 401),
        "sk-proj-nolist-1": (401, 200),
        "sk-proj-nochat-1": (200, 401),
        "sk-proj-noaccess-1": (200, 403),
        "sk-proj-nofunds-1": (200, 429),
        "sk-proj-region-1": (401, 401),
        "sk-proj-ip-1": (401, 401),
        "sk-proj-country-1": (403, 403),
        "sk-admin-fine-1": (401, 401),
        "sk-ant-api03-fine-1": (401, 401),
        "sk-or-v1-fine-1": (401, 401),
        # The words are words of their own only.
        "sk-proj-xbadx-ripx-regional-1": (200, 200),
    },
    "anthropic": {
        "sk-ant-api03-fine-1": (200, 200),
        "sk-ant-api03-bad-1": (401, 401),
        "sk-ant-api03-nolist-1": (403, 200),
        "sk-ant-api03-nochat-1": (200, 403),
        "sk-ant-api03-noaccess-1": (200, 403),
        "sk-ant-api03-nofunds-1": (200, 400),
        "sk-ant-api03-country-1": (403, 403),
        "sk-ant-admin01-fine-1": (401, 401),
        "sk-ant-oat01-fine-1": (401, 401),
        "sk-ant-ort01-fine-1": (401, 401),
        "sk-ant-sid01-fine-1": (401, 401),
        "sk-proj-fine-1": (401, 401),
        "sk-or-v1-fine-1": (401, 401),
    },
}


@pytest.mark.parametrize("provider", MET)
def test_a_secret_is_met_as_it_asks(double: Double, provider: str) -> None:
    met = {
        secret: (
            models(double, provider, secret=secret).status,
            ask(double, provider, MODEL[provider], secret=secret).status,
        )
        for secret in MET[provider]
    }
    assert met == MET[provider]


def test_a_missing_scope_is_named(double: Double) -> None:
    listing = models(double, "openai", secret="sk-proj-nolist-1").error
    assert (listing["code"], "Missing scopes: api.model.read." in listing["message"]) == (
        "missing_scope",
        True,
    )
    reply = ask(double, "openai", "gpt-4o", secret="sk-proj-nochat-1").error
    assert (reply["code"], "Missing scopes: model.request." in reply["message"]) == ("missing_scope", True)
