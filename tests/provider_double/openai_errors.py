"""OpenAI's errors by their meaning. anthropic_errors.py has the same meanings with Anthropic's words.

Published in OpenAI's 'Error codes' guide (developers.openai.com/api/docs/guides/error-codes, 2026-11-25) and, where
that page gives no body, as quoted in public bug reports. `{model}`, `{masked}` and the like are filled in.
"""

from .refusals import INVALID, Refusal, invalid, refusal

QUOTA = "insufficient_quota"
BILLING = (
    "please check your plan and billing details. For more information on this error, read the docs: "
    "https://platform.openai.com/docs/guides/error-codes/api-errors."
)
KEYS_PAGE = "You can find your API key at https://platform.openai.com/account/api-keys."
SCOPES = (
    "You have insufficient permissions for this operation. Missing scopes: {}. Check that you have the correct role in "
    "your organization and project, and that {{masked}} has the necessary scopes."
)

ERRORS: dict[str, Refusal] = {
    # The key is dead.
    "no_secret": refusal(
        401, INVALID,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
        "auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from "
        "https://platform.openai.com/account/api-keys.",
    ),
    "wrong_secret": invalid("Incorrect API key provided: {masked}. " + KEYS_PAGE, "invalid_api_key", status=401),
    "echo": invalid("Incorrect API key provided: {secret}. " + KEYS_PAGE, "invalid_api_key", status=401),
    "deactivated": invalid(
        "The OpenAI account associated with this API key has been deactivated. Please check your email for more "
        "information.", "account_deactivated", status=401,
    ),
    "unknown_401": invalid(
        "You must be a member of an organization to use the API. Please contact us through our help center.",
        status=401,
    ),
    # Not allowed; the key is fine.
    "forbidden": invalid(SCOPES.format("model.request"), "missing_scope", status=403),
    "missing_scope_request": invalid(SCOPES.format("model.request"), "missing_scope", status=401),
    "missing_scope_list": invalid(SCOPES.format("api.model.read"), "missing_scope", status=401),
    "not_allowed_model": invalid(
        "Project `proj_double` does not have access to model `{model}`", "model_not_found", status=403,
    ),
    "incorrect_hostname": invalid(
        "Attempted to access resource with incorrect regional hostname. Please make your request to "
        "eu.api.openai.com", "incorrect_hostname", status=401,
    ),
    "ip_not_authorized": invalid(
        "Your request IP does not match the configured IP allowlist for your project or organization.",
        "ip_not_authorized", status=401,
    ),
    "region": refusal(
        403, "request_forbidden", "Country, region, or territory not supported",
        "unsupported_country_region_territory",
    ),
    # No money, or a limit of the account's own.
    "quota": refusal(429, QUOTA, f"You exceeded your current quota, {BILLING}", QUOTA),
    "balance": refusal(
        429, QUOTA, "You have no credits left. Add credits to your balance on the billing page to go on.",
        "credit_balance_exhausted",
    ),
    "spend_limit": refusal(
        429, QUOTA, "Your organization has reached its monthly spend limit.", "organization_spend_limit_exceeded",
    ),
    "workspace_limit": refusal(
        429, QUOTA, "Your project has reached its monthly spend limit.", "project_spend_limit_exceeded",
    ),
    "usage_limit": refusal(
        429, QUOTA, "Your organization has reached its approved usage limit.", "organization_usage_limit_exceeded",
    ),
    "billing_not_active": refusal(
        429, "billing_not_active",
        "Your account is not active, please check your billing details on our website.", "billing_not_active",
    ),
    "hard_limit": invalid("Billing hard limit has been reached", "billing_hard_limit_reached"),
    # Too large: trying again cannot help.
    "context": invalid(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130021 tokens. "
        "Please reduce the length of the messages.", "context_length_exceeded", "messages",
    ),
    "max_tokens_exceed": invalid(
        "This model's maximum context length is 128000 tokens. However, you requested 131096 tokens (127000 in the "
        "messages, 4096 in the completion). Please reduce the length of the messages or completion.",
        "context_length_exceeded", "messages",
    ),
    "tpm_too_large": refusal(
        429, "tokens",
        "Request too large for {model} in organization org-double on tokens per min (TPM): Limit 30000, Requested "
        "41234. The input or output tokens must be reduced in order to run successfully. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.", "rate_limit_exceeded",
    ),
    "too_large": invalid("Request body is too large.", "request_too_large", status=413),
    # The organisation.
    "must_verify": invalid(
        "Your organization must be verified to stream this model. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify Organization.",
        "unsupported_value", "stream",
    ),
    "organization_disabled": invalid(
        "Your organization has been deactivated.", "organization_deactivated", status=403,
    ),
    # The model.
    "model": invalid(
        "The model `{model}` does not exist or you do not have access to it.", "model_not_found", status=404,
    ),
    "responses_only": invalid(
        "This model is only supported in v1/responses and not in v1/chat/completions.", None, "model", 404,
    ),
    "not_chat_model": invalid(
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use "
        "v1/completions?", None, "model", 404,
    ),
    "unsupported_temperature": invalid(
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
        "supported.", "unsupported_value", "temperature",
    ),
    "temperature_not_supported": invalid(
        "Unsupported parameter: 'temperature' is not supported with this model.", "unsupported_parameter",
        "temperature",
    ),
    # The model declined before any text.
    "policy": invalid(
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a "
        "different prompt.", "invalid_prompt",
    ),
    # The client has to wait.
    "rate": refusal(
        429, "requests",
        "Rate limit reached for {model} in organization org-double on requests per min (RPM): Limit 3, Used 3, "
        "Requested 1. Visit https://platform.openai.com/account/rate-limits to learn more.", "rate_limit_exceeded",
    ),
    "slow_down": refusal(
        429, "rate_limit_error", "Please reduce your request rate and raise it again gradually.", "slow_down",
    ),
    "server": refusal(
        500, "server_error", "The server had an error while processing your request. Sorry about that!",
    ),
    "unavailable": refusal(
        503, "server_error", "The engine is currently overloaded, please try again later.",
    ),
    "overloaded": refusal(
        529, "server_error", "The engine is currently overloaded, please try again later.",
    ),
    # The request is malformed.
    "path": invalid("Invalid URL ({detail})", status=404),
    "method": invalid("Not allowed ({detail})", "method_not_supported", status=405),
    "json": invalid(
        "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload."
    ),
}  # fmt: skip
