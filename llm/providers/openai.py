"""OpenAI's chat completions, through its official SDK: the request, the reading of events, the list of models.

The body must fit the SDK's own parameter types: mypy checks that, and so does tests/llm/test_requests.py at run
time.
"""

from typing import Any, cast

import openai
from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.shared_params import ReasoningEffort

from llm.profiles import ListedProfile
from llm.providers import events, wire
from llm.providers.base import Call, Fault, Finish, Listing, Message, MessageRole, ResponseMetadata
from llm.providers.clients import Sdk
from llm.providers.refusals import Refusals, row
from llm.providers.twin import Twin

FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH, "content_filter": Finish.REFUSAL}
HEADROOM = {
    b"x-ratelimit-remaining-requests": "requests_left",
    b"x-ratelimit-limit-requests": "requests",
    b"x-ratelimit-remaining-tokens": "tokens_left",
    b"x-ratelimit-limit-tokens": "tokens",
}


def body(call: Call) -> CompletionCreateParamsStreaming:
    """The request in OpenAI's format."""
    asked = call.parameters
    request: CompletionCreateParamsStreaming = {
        "model": call.model_id,
        "messages": [_turn(message) for message in call.messages],
        "max_completion_tokens": asked.max_output_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if asked.temperature is not None:
        request["temperature"] = asked.temperature
    if asked.effort:
        request["reasoning_effort"] = cast(ReasoningEffort, asked.effort)
    return request


def _turn(message: Message) -> ChatCompletionMessageParam:
    if message.role == MessageRole.SYSTEM:
        return {"role": "system", "content": message.text}
    if message.role == MessageRole.ASSISTANT:
        return {"role": "assistant", "content": message.text}
    return {"role": "user", "content": message.text}


def text_of(data: bytes, metadata: ResponseMetadata) -> str | None:
    """The text of one event; None once the stream is done."""
    if data[:6] == b"[DONE]":
        return None if metadata.finish else ""
    event = events.parse(data)
    if event.get("error"):
        raise events.error_event(REFUSALS, event, metadata)
    usage = event.get("usage")
    if isinstance(usage, dict):
        _count(usage, metadata)
    choices = event.get("choices")
    if not choices:
        return ""
    delta = choices[0].get("delta") or {}
    text = delta.get("content")
    if not text and delta.get("refusal"):
        metadata.declined, text = True, delta["refusal"]
    reason = choices[0].get("finish_reason")
    if reason:
        metadata.finish = Finish.REFUSAL if metadata.declined else FINISH.get(reason, Finish.STOP)
    return text or ""


def _count(usage: dict[str, Any], metadata: ResponseMetadata) -> None:
    metadata.input_tokens = events.count(usage.get("prompt_tokens"))
    metadata.output_tokens = events.count(usage.get("completion_tokens"))
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    if isinstance(prompt, dict):
        metadata.cached_tokens = events.count(prompt.get("cached_tokens"))
        metadata.cache_write_tokens = events.count(prompt.get("cache_write_tokens"))
    if isinstance(completion, dict):
        metadata.thinking_tokens = events.count(completion.get("reasoning_tokens"))


def row_of(row: dict[str, Any]) -> Listing:
    return Listing(row["id"], "", ListedProfile(shuts_down_on=wire.a_day(row.get("shutdown_date"))))


# Sources: OpenAI's error reference and API reference, the error types of the locked SDK, and answers that its users
# have published, as of 25 November 2026.
REFUSALS = Refusals(
    is_own=lambda body, error: bool({"type", "code"} & error.keys()),
    table=(
        row(
            Fault.NO_FUNDS,
            code="insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded "
            "project_spend_limit_exceeded organization_usage_limit_exceeded project_usage_limit_exceeded "
            "billing_not_active billing_hard_limit_reached",
        ),
        row(
            Fault.NO_FUNDS,
            phrases=("exceeded your current quota", "hard limit has been reached", "spend limit"),
        ),
        row(Fault.NO_FUNDS, status=(402,)),
        row(Fault.WRONG_REGION, code="incorrect_hostname"),
        row(Fault.WRONG_REGION, phrases=("incorrect regional hostname",)),
        row(Fault.ADDRESS_REFUSED, code="ip_not_authorized"),
        row(Fault.ADDRESS_REFUSED, status=(401, 403), phrases=("request ip", "ip address", "ip allowlist")),
        row(Fault.PLACE_NOT_SERVED, code="unsupported_country_region_territory"),
        row(Fault.PLACE_NOT_SERVED, phrases=("country, region, or territory not supported",)),
        row(Fault.LACKS_PERMISSION, status=(401, 403), code="missing_scope"),
        row(
            Fault.LACKS_PERMISSION, status=(401, 403), phrases=("missing scopes", "insufficient permissions")
        ),
        row(
            Fault.OTHER_API,
            phrases=(
                "only supported in v1/responses",
                "not a chat model",
                "not supported in the v1/chat/completions",
                "use the responses api",
            ),
        ),
        row(Fault.MODEL_MISSING, code="model_not_found"),
        row(Fault.MODEL_MISSING, phrases=("does not have access to model", "has been deprecated")),
        row(Fault.TOO_LARGE, code="context_length_exceeded request_too_large string_above_max_length"),
        row(
            Fault.TOO_LARGE,
            phrases=("request too large", "maximum context length", "exceeds the context window"),
        ),
        row(Fault.TOO_LARGE, status=(413,)),
        row(Fault.ORGANISATION_UNVERIFIED, phrases=("organization must be verified",)),
        row(Fault.ORGANISATION_DISABLED, code="organization_deactivated"),
        row(
            Fault.ORGANISATION_DISABLED,
            phrases=("organization has been disabled", "organization has been deactivated"),
        ),
        row(Fault.DECLINED, code="content_policy_violation content_filter invalid_prompt"),
        row(
            Fault.DECLINED,
            status=(400, 403),
            phrases=("usage policy", "usage policies", "content policy", "safety system"),
        ),
        row(Fault.REJECTED, code="invalid_api_key account_deactivated"),
        row(Fault.REJECTED, status=(401,)),
        row(Fault.RATE_LIMITED, code="rate_limit_exceeded rate_limit_error requests tokens"),
        row(Fault.RATE_LIMITED, status=(429,)),
        row(Fault.UNAVAILABLE, code="server_error overloaded_error engine_overloaded internal_error"),
        row(Fault.NOT_ALLOWED, status=(403,)),
        # These answers come only from a wrong base URL; the error for an unknown model has a code or names the
        # parameter.
        row(Fault.NOT_THE_PROVIDER, code="unknown_url"),
        row(
            Fault.NOT_THE_PROVIDER,
            status=(404, 405),
            phrases=("invalid url", "unknown request url", "not found", "not allowed"),
        ),
    ),
)

TWIN = Twin(
    sdk=Sdk(openai.AsyncOpenAI, stream=openai.AsyncStream, status_error=openai.APIStatusError),
    path="/chat/completions",
    body=body,
    optional=frozenset({"temperature", "reasoning_effort", "max_completion_tokens", "stream_options"}),
    text_of=text_of,
    refusals=REFUSALS,
    headroom=HEADROOM,
    row_of=row_of,
)
