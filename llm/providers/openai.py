"""OpenAI's chat completions, through its official SDK. Twin of anthropic.py: same functions, same order."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai

from llm.providers import wire
from llm.providers.base import Call, Fault, Finish, Outcome, ProviderError, RevealsSecret, Verdict, verdict
from llm.providers.clients import per_loop

FINISH = {"stop": Finish.STOP, "length": Finish.LENGTH, "content_filter": Finish.REFUSAL}
ERRORS = {
    "invalid_api_key": Fault.REJECTED,
    "insufficient_quota": Fault.NO_FUNDS,
    "rate_limit_exceeded": Fault.RATE_LIMITED,
    "model_not_found": Fault.MODEL_MISSING,
    "context_length_exceeded": Fault.TOO_LARGE,
}


@per_loop
def client(base_url: str) -> openai.AsyncOpenAI:
    """The warm client of this process; each call brings its own secret."""
    return openai.AsyncOpenAI(
        api_key="none", base_url=base_url, max_retries=0, http_client=wire.async_client()
    )


def body(call: Call) -> dict[str, Any]:
    """The request as OpenAI's API wants it."""
    return {
        "model": call.model_id,
        "messages": [{"role": message.role, "content": message.text} for message in call.messages],
        "temperature": call.temperature,
        "max_completion_tokens": call.max_output_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


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
            "/chat/completions",
            cast_to=httpx2.Response,
            body=body(call),
            options={"headers": auth_headers(call.secret), "timeout": wire.timeout(call.limits)},
            stream=True,
            stream_cls=openai.AsyncStream,
        )
    except openai.APIStatusError as error:
        problem = wire.from_status(error.response, str(error.code or error.type))
    except (openai.APIError, httpx2.HTTPError) as error:
        problem = wire.from_transport(error)
    # Raised outside the handler: an SDK error kept as context would carry the request's headers.
    raise problem


def _text_of(data: bytes, outcome: Outcome) -> str | None:
    if data == b"[DONE]":
        return None if outcome.finish else ""
    event = wire.parse(data)
    if "error" in event:
        raise _error_event(event["error"])
    usage = event.get("usage")
    if usage:
        outcome.input_tokens = wire.count(usage.get("prompt_tokens"))
        outcome.output_tokens = wire.count(usage.get("completion_tokens"))
    choices = event.get("choices")
    if not choices:
        return ""
    if choices[0].get("finish_reason"):
        outcome.finish = FINISH.get(choices[0]["finish_reason"], Finish.STOP)
    delta = choices[0].get("delta") or {}
    return delta.get("content") or delta.get("refusal") or ""


def _error_event(error: Any) -> ProviderError:
    code = str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else ""
    return ProviderError(ERRORS.get(code, Fault.UNAVAILABLE), note="error event in the stream")


def list_models(secret: RevealsSecret, *, base_url: str, seconds: float = 5) -> list[str]:
    """The model ids this key may use, free of tokens; ProviderError when the provider does not say."""
    try:
        with openai.OpenAI(
            api_key="none", base_url=base_url, max_retries=0, http_client=wire.sync_client(seconds)
        ) as once:
            listed = once.get("/models", cast_to=httpx2.Response, options={"headers": auth_headers(secret)})
            return wire.model_ids(listed.content)
    except openai.APIStatusError as error:
        problem = wire.from_status(error.response, str(error.code or error.type))
    except (openai.APIError, httpx2.HTTPError) as error:
        problem = wire.from_transport(error)
    raise problem


def verify(secret: RevealsSecret, *, base_url: str, seconds: float = 5) -> Verdict:
    """What OpenAI says of this key within `seconds`."""
    return verdict(lambda: list_models(secret, base_url=base_url, seconds=seconds))
