"""Anthropic's errors by their meaning. openai_errors.py has the same meanings with OpenAI's words.

Published in 'Claude API errors' (platform.claude.com/docs/en/api/errors, 2026-11-25) and in the error types of
anthropic-sdk-python 2.12, whose error_code goes into error.details; the messages are as quoted in public bug
reports. If Anthropic has no error with a meaning, the closest one is used.
"""

from .refusals import Refusal, invalid, refusal

AUTH = "authentication_error"
PERMISSION = "permission_error"
RATE = "rate_limit_error"
# Without a code or a scope, and of a type that the SDK's union does not have.
NOT_ALLOWED = refusal(403, "forbidden", "Request not allowed")
NOT_FOUND = refusal(404, "not_found_error", "model: {model}")
DATE = "You will regain access on 2026-12-01 at 00:00 UTC."

ERRORS: dict[str, Refusal] = {
    # The key is dead.
    "no_secret": refusal(401, AUTH, "x-api-key header is required"),
    "wrong_secret": refusal(401, AUTH, "invalid x-api-key"),
    "echo": refusal(401, AUTH, "invalid x-api-key: {secret}"),
    "deactivated": refusal(401, AUTH, "This API key has been disabled."),
    "unknown_401": refusal(401, AUTH, "Invalid bearer token"),
    # Not allowed; the key is fine.
    "forbidden": refusal(
        403, PERMISSION, "Your API key does not have permission to use the specified resource.",
    ),
    "missing_scope_request": refusal(
        403, PERMISSION, "Your API key does not have permission to use the specified resource.",
        "api_key_scope_missing",
    ),
    "missing_scope_list": refusal(
        403, PERMISSION, "Your API key does not have permission to use the specified resource.",
        "api_key_scope_missing",
    ),
    "not_allowed_model": refusal(403, PERMISSION, "Your API key does not have permission to use model: {model}"),
    "incorrect_hostname": NOT_ALLOWED,
    "ip_not_authorized": NOT_ALLOWED,
    "region": NOT_ALLOWED,
    # No money, or a limit of the account's own.
    "quota": refusal(
        429, RATE, "You have reached your specified API usage limits.", "enforced_spend_limit_reached",
    ),
    "balance": invalid(
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
    "spend_limit": invalid(f"You have reached your specified API usage limits. {DATE}"),
    "workspace_limit": invalid(f"You have reached your specified workspace API usage limits. {DATE}"),
    "usage_limit": refusal(
        429, RATE, "This organization has reached the monthly usage threshold of its tier.",
        "enforced_spend_limit_reached",
    ),
    "billing_not_active": refusal(
        402, "billing_error", "There's an issue with your billing or payment information.",
    ),
    "hard_limit": invalid(f"You have reached your specified API usage limits. {DATE}"),
    # Too large: trying again cannot help.
    "context": invalid("prompt is too long: 208310 tokens > 200000 maximum"),
    "max_tokens_exceed": invalid(
        "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input length or "
        "`max_tokens` and try again",
    ),
    "tpm_too_large": refusal(413, "request_too_large", "Request exceeds the maximum size"),
    "too_large": refusal(413, "request_too_large", "Request exceeds the maximum size"),
    # The organisation.
    "must_verify": refusal(403, PERMISSION, "This organization has been disabled."),
    "organization_disabled": invalid("This organization has been disabled.", "organization_on_hold"),
    # The model.
    "model": NOT_FOUND,
    "responses_only": NOT_FOUND,
    "not_chat_model": NOT_FOUND,
    "unsupported_temperature": invalid("`temperature` is deprecated for this model."),
    "temperature_not_supported": invalid("temperature: Extra inputs are not permitted"),
    # The model declined before any text.
    "policy": invalid("Output blocked by content filtering policy"),
    # The client has to wait.
    "rate": refusal(
        429, RATE,
        "This request would exceed your organization's rate limit of 50 requests per minute. For details, refer "
        "to: https://docs.anthropic.com/en/api/rate-limits.",
    ),
    "slow_down": refusal(
        429, RATE, "This request would exceed your organization's limit on how fast usage may grow.",
        "ramp_limit_exceeded",
    ),
    "server": refusal(500, "api_error", "Internal server error"),
    "unavailable": refusal(503, "api_error", "Service unavailable"),
    "overloaded": refusal(529, "overloaded_error", "Overloaded"),
    # The request is malformed.
    "path": refusal(404, "not_found_error", "Not Found"),
    "method": refusal(405, "invalid_request_error", "Method Not Allowed"),
    "json": invalid("The request body is not valid JSON."),
}  # fmt: skip
