"""OpenAI's chat completions, through its official SDK: the request, the reading of events, the list of models.

The body is held to the SDK's own parameter types by mypy and, at run time, by tests/llm/test_requests.py.
"""

from typing import Any, cast

import httpx2
import openai
from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.shared_params import ReasoningEffort

from llm.profiles import Listed
from llm.providers import events, wire
from llm.providers.base import Call, Finish, Listing, Message, Outcome
from llm.providers.clients import per_loop
from llm.providers.twin import Twin

FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH, "content_filter": Finish.REFUSAL}
HEADROOM = {
    b"x-ratelimit-remaining-requests": "requests_left",
    b"x-ratelimit-limit-requests": "requests",
    b"x-ratelimit-remaining-tokens": "tokens_left",
    b"x-ratelimit-limit-tokens": "tokens",
}


@per_loop
def client(base_url: str) -> openai.AsyncOpenAI:
    """The warm client of this process; each call brings its own secret."""
    return openai.AsyncOpenAI(
        api_key="none", base_url=base_url, max_retries=0, http_client=wire.async_client()
    )


def once(base_url: str, seconds: float) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key="none",
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(seconds),
        http_client=wire.once_client(seconds),
    )


def body(call: Call) -> CompletionCreateParamsStreaming:
    """The request as OpenAI's API wants it."""
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
    if message.role == "system":
        return {"role": "system", "content": message.text}
    if message.role == "assistant":
        return {"role": "assistant", "content": message.text}
    return {"role": "user", "content": message.text}


def text_of(data: bytes, outcome: Outcome) -> str | None:
    """One event's text; None once the stream is done."""
    if data[:6] == b"[DONE]":
        return None if outcome.finish else ""
    event = events.parse(data)
    if event.get("error"):
        raise events.error_event("openai", event, outcome)
    usage = event.get("usage")
    if isinstance(usage, dict):
        _count(usage, outcome)
    choices = event.get("choices")
    if not choices:
        return ""
    delta = choices[0].get("delta") or {}
    text = delta.get("content")
    if not text and delta.get("refusal"):
        outcome.declined, text = True, delta["refusal"]
    reason = choices[0].get("finish_reason")
    if reason:
        outcome.finish = Finish.REFUSAL if outcome.declined else FINISH.get(reason, Finish.STOP)
    return text or ""


def _count(usage: dict[str, Any], outcome: Outcome) -> None:
    outcome.input_tokens = events.count(usage.get("prompt_tokens"))
    outcome.output_tokens = events.count(usage.get("completion_tokens"))
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    if isinstance(prompt, dict):
        outcome.cached_tokens = events.count(prompt.get("cached_tokens"))
        outcome.cache_write_tokens = events.count(prompt.get("cache_write_tokens"))
    if isinstance(completion, dict):
        outcome.thinking_tokens = events.count(completion.get("reasoning_tokens"))


def row_of(row: dict[str, Any]) -> Listing:
    return Listing(row["id"], "", Listed(shuts_down_on=wire.a_day(row.get("shutdown_date"))))


TWIN = Twin(
    provider="openai",
    client=client,
    once=once,
    status_error=openai.APIStatusError,
    path="/chat/completions",
    stream_cls=openai.AsyncStream,
    body=body,
    optional=frozenset({"temperature", "reasoning_effort", "max_completion_tokens", "stream_options"}),
    fixed_headers={},
    text_of=text_of,
    headroom=HEADROOM,
    list_path=lambda after: "/models",
    row_of=row_of,
)
