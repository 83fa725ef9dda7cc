"""Anthropic's messages, through its official SDK. Twin of openai.py: same functions, same order."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2

from llm.providers import wire
from llm.providers.base import Call, Fault, Finish, Outcome, ProviderError, RevealsSecret, Verdict, verdict
from llm.providers.clients import per_loop

FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
}
ERRORS = {
    "authentication_error": Fault.REJECTED,
    "permission_error": Fault.REJECTED,
    "billing_error": Fault.NO_FUNDS,
    "rate_limit_error": Fault.RATE_LIMITED,
    "not_found_error": Fault.MODEL_MISSING,
    "request_too_large": Fault.TOO_LARGE,
    "invalid_request_error": Fault.BAD_REQUEST,
}
# Refusals that have a code of their own with us, and with Anthropic only words, by how these begin.
TOLD_BY_WORDS = (
    ("prompt is too long", "request_too_large"),
    ("Your credit balance is too low", "billing_error"),
)


@per_loop
def client(base_url: str) -> anthropic.AsyncAnthropic:
    """The warm client of this process; each call brings its own secret."""
    return anthropic.AsyncAnthropic(
        api_key="none", base_url=base_url, max_retries=0, http_client=wire.async_client()
    )


def body(call: Call) -> dict[str, Any]:
    """The request as Anthropic's API wants it: the system prompt apart from the turns."""
    system = "\n\n".join(message.text for message in call.messages if message.role == "system")
    turns = [{"role": m.role, "content": m.text} for m in call.messages if m.role != "system"]
    request = {
        "model": call.model_id,
        "messages": turns,
        "temperature": call.temperature,
        "max_tokens": call.max_output_tokens,
        "stream": True,
    }
    return request | {"system": system} if system else request


async def stream(call: Call, outcome: Outcome) -> AsyncIterator[str]:
    """Text pieces as they arrive; ProviderError for every way it can fail. Two attempts are the caller's business."""
    response = await _open(call)
    try:
        async for piece in wire.read_events(response, call.limits, outcome, _text_of):
            yield piece
    finally:
        await response.aclose()


def auth_headers(secret: RevealsSecret) -> dict[str, str]:
    """What the SDK itself would send for this secret; a test holds the two together."""
    return {"Authorization": wire.bearer(secret)}


async def _open(call: Call) -> httpx2.Response:
    # The secret as a header of this one request: a client copied for it (with_options) costs a sixth of the
    # event loop's time in a reply, and would keep the secret.
    # Nor is it kept in a variable, which a traceback of what is raised below would show.
    try:
        return await client(call.base_url).post(  # type: ignore[return-value]
            "/v1/messages",
            cast_to=httpx2.Response,
            body=body(call),
            options={"headers": auth_headers(call.secret), "timeout": wire.timeout(call.limits)},
            stream=True,
            stream_cls=anthropic.AsyncStream,
        )
    except anthropic.APIStatusError as error:
        problem = wire.from_status(error.response, _code(error.body))
    except (anthropic.APIError, httpx2.HTTPError) as error:
        problem = wire.from_transport(error)
    # Raised outside the handler: an SDK error kept as context would carry the request's headers.
    raise problem


def _code(payload: object) -> str:
    """Anthropic's own code, made precise where only its words or details tell two problems apart."""
    error = payload.get("error") if isinstance(payload, dict) else None
    if not isinstance(error, dict):
        return ""
    details, said = error.get("details"), str(error.get("message"))
    if isinstance(details, dict) and details.get("error_code") == "enforced_spend_limit_reached":
        return "billing_error"
    precise = next((code for words, code in TOLD_BY_WORDS if said.startswith(words)), "")
    return precise or str(error.get("type") or "")


def _text_of(data: bytes, outcome: Outcome) -> str | None:
    event = wire.parse(data)
    kind = event.get("type")
    if kind == "content_block_delta":
        return (event.get("delta") or {}).get("text") or ""
    if kind == "message_start":
        usage = (event.get("message") or {}).get("usage") or {}
        outcome.input_tokens = wire.count(usage.get("input_tokens"))
    elif kind == "message_delta":
        usage = event.get("usage")
        if usage:
            outcome.output_tokens = wire.count(usage.get("output_tokens"))
        reason = (event.get("delta") or {}).get("stop_reason")
        if reason:
            outcome.finish = FINISH.get(reason, Finish.STOP)
    elif kind == "message_stop":
        return None if outcome.finish else ""
    elif kind == "error":
        raise _error_event(event)
    return ""


def _error_event(event: Any) -> ProviderError:
    return ProviderError(ERRORS.get(_code(event), Fault.UNAVAILABLE), note="error event in the stream")


def list_models(secret: RevealsSecret, *, base_url: str, seconds: float = 5) -> list[str]:
    """The model ids this key may use, free of tokens; ProviderError when the provider does not say."""
    try:
        with anthropic.Anthropic(
            api_key="none", base_url=base_url, max_retries=0, http_client=wire.sync_client(seconds)
        ) as once:
            listed = once.get(
                "/v1/models?limit=100", cast_to=httpx2.Response, options={"headers": auth_headers(secret)}
            )
            return wire.model_ids(listed.content)
    except anthropic.APIStatusError as error:
        problem = wire.from_status(error.response, _code(error.body))
    except (anthropic.APIError, httpx2.HTTPError) as error:
        problem = wire.from_transport(error)
    raise problem


def verify(secret: RevealsSecret, *, base_url: str, seconds: float = 5) -> Verdict:
    """What Anthropic says of this key within `seconds`."""
    return verdict(lambda: list_models(secret, base_url=base_url, seconds=seconds))
