"""Anthropic's messages, through its official SDK: the request, the reading of events, the list of models.

The body must fit the SDK's own parameter types: mypy checks that, and so does tests/llm/test_requests.py at run
time.
"""

from typing import Any, cast
from urllib.parse import quote

import anthropic
from anthropic.types import MessageParam, OutputConfigParam, TextBlockParam, ThinkingConfigParam
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from llm.profiles import EFFORTS, Lifecycle, ListedProfile
from llm.providers import events, wire
from llm.providers.base import Call, Fault, Finish, Listing, Message, MessageRole, ResponseMetadata
from llm.providers.clients import Sdk
from llm.providers.refusals import Refusals, row
from llm.providers.twin import Twin

# The API version that this module speaks, which takes no temperature. A test compares it with the SDK's.
API_VERSION = "2026-10-21"
FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "pause_turn": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
}
HEADROOM = {
    b"anthropic-ratelimit-requests-remaining": "requests_left",
    b"anthropic-ratelimit-requests-limit": "requests",
    b"anthropic-ratelimit-tokens-remaining": "tokens_left",
    b"anthropic-ratelimit-tokens-limit": "tokens",
}
# The SDK's kinds of thinking (anthropic.types.ThinkingTypes).
THINKING_KINDS = ("adaptive", "between_tools", "disabled", "enabled")
# The least characters of a prefix that Anthropic caches: about 1,024 tokens, the smallest minimum of any model. A
# model with a larger minimum ignores the cache mark and charges nothing for it.
CACHED_FROM = 4_096


def body(call: Call) -> MessageCreateParamsStreaming:
    """The request in Anthropic's format, with the system prompt apart from the turns."""
    asked, marked = call.parameters, _cached_until(call.messages)
    request: MessageCreateParamsStreaming = {
        "model": call.model_id,
        "messages": [
            _turn(one, cached=one is marked) for one in call.messages if one.role != MessageRole.SYSTEM
        ],
        "max_tokens": asked.max_output_tokens,
        "stream": True,
    }
    system = [
        _block(one.text, cached=one is marked) for one in call.messages if one.role == MessageRole.SYSTEM
    ]
    if system:
        request["system"] = system
    if asked.effort:
        request["output_config"] = cast(OutputConfigParam, {"effort": asked.effort})
    if asked.thinking:
        request["thinking"] = cast(ThinkingConfigParam, {"type": asked.thinking})
    return request


def _turn(message: Message, *, cached: bool) -> MessageParam:
    content: str | list[TextBlockParam] = [_block(message.text, cached=True)] if cached else message.text
    if message.role == MessageRole.ASSISTANT:
        return {"role": "assistant", "content": content}
    return {"role": "user", "content": content}


def _block(text: str, *, cached: bool) -> TextBlockParam:
    block: TextBlockParam = {"type": "text", "text": text}
    if cached:
        block["cache_control"] = {"type": "ephemeral"}
    return block


def _cached_until(messages: list[Message]) -> Message | None:
    """The last message of the prefix that the next request will repeat; None if the prefix is too short to cache."""
    stable = [message for message in messages if message.stable]
    return stable[-1] if sum(len(message.text) for message in stable) >= CACHED_FROM else None


def text_of(data: bytes, metadata: ResponseMetadata) -> str | None:
    """The text of one event; None once the stream is done."""
    event = events.parse(data)
    kind = event.get("type")
    if kind == "content_block_delta":
        return (event.get("delta") or {}).get("text") or ""
    if kind == "content_block_start":
        block = event.get("content_block") or {}
        return (block.get("text") or "") if block.get("type") == "text" else ""
    if kind == "message_start":
        usage = (event.get("message") or {}).get("usage")
        if isinstance(usage, dict):
            # The output count of this event is a placeholder; the last event has the real one.
            _count({**usage, "output_tokens": None}, metadata)
    elif kind == "message_delta":
        _count(_part(event, "usage"), metadata)
        reason = (event.get("delta") or {}).get("stop_reason")
        if reason:
            metadata.finish = FINISH.get(reason, Finish.STOP)
    elif kind == "message_stop":
        return None if metadata.finish else ""
    elif kind == "error":
        raise events.error_event(REFUSALS, event, metadata)
    return ""


def _count(usage: dict[str, Any], metadata: ResponseMetadata) -> None:
    """Store the usage so far. Counts are cumulative, so the latest event wins; a count that it does not name is kept.

    Anthropic's `input_tokens` exclude tokens read from and written to the cache; ours count the whole prompt.
    """
    before = (metadata.cached_tokens or 0) + (metadata.cache_write_tokens or 0)
    cached = events.count(usage.get("cache_read_input_tokens"))
    written = events.count(usage.get("cache_creation_input_tokens"))
    if cached is not None:
        metadata.cached_tokens = cached
    if written is not None:
        metadata.cache_write_tokens = written
    uncached = events.count(usage.get("input_tokens"))
    if uncached is None and metadata.input_tokens is not None:
        uncached = metadata.input_tokens - before
    if uncached is not None:
        whole = uncached + (metadata.cached_tokens or 0) + (metadata.cache_write_tokens or 0)
        metadata.input_tokens = events.count(whole)
    output = events.count(usage.get("output_tokens"))
    if output is not None:
        metadata.output_tokens = output
    thinking = events.count(_part(usage, "output_tokens_details").get("thinking_tokens"))
    if thinking is not None:
        metadata.thinking_tokens = thinking


def list_path(after: str) -> str:
    return f"/v1/models?limit=1000&after_id={quote(after, safe='')}" if after else "/v1/models?limit=1000"


def row_of(row: dict[str, Any]) -> Listing:
    lifecycle, name = row.get("lifecycle"), row.get("display_name")
    capabilities = row.get("capabilities")
    known = isinstance(capabilities, dict)
    effort, kinds = _part(capabilities, "effort"), _part(_part(capabilities, "thinking"), "types")
    listed = ListedProfile(
        lifecycle=lifecycle if lifecycle in list(Lifecycle) else "",
        shuts_down_on=wire.a_day(row.get("retires_at")),
        context_tokens=events.count(row.get("max_input_tokens")),
        output_limit=events.count(row.get("max_tokens")),
        efforts=tuple(level for level in EFFORTS if _supported(effort, level)) if known else None,
        thinking=tuple(kind for kind in THINKING_KINDS if _supported(kinds, kind)) if known else None,
    )
    shown = name.encode("utf-8", "ignore").decode().replace("\0", "")[:100] if isinstance(name, str) else ""
    return Listing(row["id"], shown, listed)


def _part(value: object, name: str) -> dict[str, Any]:
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}


def _supported(part: dict[str, Any], name: str) -> bool:
    return _part(part, name).get("supported") is True


# Sources: Anthropic's error reference and API reference, the error types of the locked SDK, and answers that its users
# have published, as of 25 November 2026.
REFUSALS = Refusals(
    is_own=lambda body, error: body.get("type") == "error" and isinstance(error.get("type"), str),
    table=(
        row(Fault.NO_FUNDS, code="billing_error enforced_spend_limit_reached"),
        row(
            Fault.NO_FUNDS,
            phrases=(
                "credit balance is too low",
                "api usage limits",
                "spend limit",
                "spending limit",
                "usage limit reached",
            ),
        ),
        row(Fault.NO_FUNDS, status=(402,)),
        row(Fault.TOO_LARGE, code="request_too_large"),
        row(Fault.TOO_LARGE, phrases=("prompt is too long", "exceed context limit")),
        row(Fault.TOO_LARGE, status=(413,)),
        row(Fault.ORGANISATION_DISABLED, phrases=("organization has been disabled",)),
        row(Fault.DECLINED, status=(400,), phrases=("content filter", "usage policy")),
        row(Fault.REJECTED, code="authentication_error"),
        row(Fault.REJECTED, status=(401,)),
        row(Fault.RATE_LIMITED, code="rate_limit_error"),
        row(Fault.UNAVAILABLE, code="overloaded_error api_error timeout_error"),
        row(Fault.NOT_ALLOWED, code="permission_error"),
        row(Fault.NOT_ALLOWED, status=(403,)),
        row(Fault.MODEL_MISSING, code="not_found_error", phrases=("model",)),
        row(Fault.NOT_THE_PROVIDER, status=(404, 405)),
    ),
)

TWIN = Twin(
    sdk=Sdk(anthropic.AsyncAnthropic, stream=anthropic.AsyncStream, status_error=anthropic.APIStatusError),
    path="/v1/messages",
    body=body,
    optional=frozenset({"output_config", "thinking"}),
    fixed_headers={"anthropic-version": API_VERSION},
    text_of=text_of,
    refusals=REFUSALS,
    headroom=HEADROOM,
    list_path=list_path,
    row_of=row_of,
)
