"""OpenAI chat completions on the wire."""

from collections.abc import Callable
from json import dumps
from json.encoder import encode_basestring as quoted

from .calls import Call
from .headroom import openai_lines
from .openai_checks import by_form as by_form
from .openai_checks import by_headers as by_headers
from .openai_checks import by_model as by_model
from .openai_checks import thinking_tokens as thinking_tokens
from .openai_errors import ERRORS as ERRORS
from .openai_rules import RELEASED
from .refusals import Refusal
from .roster import Known, released, seconds_of

PROVIDER = "openai"
UNKNOWN_DAY = "2024-05-10"  # OpenAI always names one
FINISHES = {
    "stop": "stop", "length": "length", "refusal": "stop", "filter": "content_filter", "window": "length",
    "pause": "stop",
}  # fmt: skip


def secret_of(headers: dict[str, str]) -> str:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def headers(call: Call) -> bytes:
    return b"x-request-id: req_%032x\r\n%b" % (call.number, openai_lines(call.headroom))


def max_tokens(call: Call) -> int | None:
    limit = call.body.get("max_completion_tokens", call.body.get("max_tokens"))
    return limit if isinstance(limit, int) else None


def usage(call: Call, tokens: int) -> str:
    prompt, told = call.prompt_tokens(), call.told
    spent = tokens + call.thought if told.output is None else told.output
    written = f',"cache_write_tokens":{told.written}' if told.written else ""
    return (
        f'{{"prompt_tokens":{prompt},"completion_tokens":{spent},"total_tokens":{prompt + spent},'
        f'"prompt_tokens_details":{{"cached_tokens":{told.cached},"audio_tokens":0{written}}},'
        f'"completion_tokens_details":{{"reasoning_tokens":{call.thought},"audio_tokens":0,'
        '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
    )


def completion(call: Call, text: str, tokens: int, finish: str | None) -> bytes:
    said, refused = ("null", quoted(text)) if finish == "refusal" else (quoted(text), "null")
    body = (
        f'{{"id":"chatcmpl-{call.number:029d}","object":"chat.completion","created":{int(call.at)},'
        f'"model":{quoted(call.model)},"choices":[{{"index":0,"message":{{"role":"assistant","content":{said},'
        f'"refusal":{refused},"annotations":[]}},"logprobs":null,"finish_reason":{finish_reason(finish)}}}],'
        f'"usage":{usage(call, tokens)},"service_tier":"default","system_fingerprint":"fp_double"}}'
    )
    return body.encode("utf-8", "replace")


def finish_reason(finish: str | None) -> str:
    return f'"{FINISHES.get(finish, finish)}"' if finish else "null"


def wants_usage(call: Call) -> bool:
    options = call.body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def chunk_around(call: Call) -> tuple[str, str]:
    """A chunk's JSON: the part before the delta, and the part after the finish reason. Only the last chunk has usage."""
    start = (
        f'data: {{"id":"chatcmpl-{call.number:029d}","object":"chat.completion.chunk","created":{int(call.at)},'
        f'"model":{quoted(call.model)},"service_tier":"default","system_fingerprint":"fp_double",'
    )
    return start, ('}],"usage":null}\n\n' if wants_usage(call) else "}]}\n\n")


def opening(call: Call) -> bytes:
    start, end = chunk_around(call)
    delta = '"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,'
    return f'{start}{delta}"finish_reason":null{end}'.encode("utf-8", "replace")


# This wire sends nothing while the model thinks; the thinking shows only in the usage.
start = opening


def thinking_open(call: Call) -> bytes:
    return b""


def ping(call: Call) -> bytes:
    return b": ping\n\n"


thinking_close = text_open = thinking_open


def framer(call: Call, field: str = "text") -> Callable[[str], bytes]:
    start, end = chunk_around(call)
    name = "refusal" if field == "refusal" else "content"
    before = f'{start}"choices":[{{"index":0,"delta":{{"{name}":'
    after = f'}},"logprobs":null,"finish_reason":null{end}'
    return lambda text: (before + quoted(text) + after).encode("utf-8", "replace")


def closing(call: Call, tokens: int, finish: str | None) -> bytes:
    start, end = chunk_around(call)
    last = f'"choices":[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":{finish_reason(finish)}'
    events = f"{start}{last}{end}"
    if wants_usage(call):
        events += f'{start}"choices":[],"usage":{usage(call, tokens)}}}\n\n'
    return (events + "data: [DONE]\n\n").encode("utf-8", "replace")


# A stream without text ends like any other.
ending = closing


def noise(call: Call) -> bytes:
    # No block with only id: or retry:. These are valid, but the official SDK passes them on as events without data.
    start, _ = chunk_around(call)
    unknown = f'{start}"choices":[],"future_field":{{"text":"ignore me"}}}}\n\n'
    return f": keep-alive\n\n:\n\nevent: future.event\nretry: 3000\n{unknown}".encode("utf-8", "replace")


def strange_block(call: Call) -> bytes:
    start, end = chunk_around(call)
    delta = '"choices":[{"index":0,"delta":{"future_block":{"type":"fallback"}},"logprobs":null,"finish_reason":null'
    return f"event: a_new_event\n{start}{delta}{end}".encode("utf-8", "replace")


def event(event: dict[str, object]) -> bytes:
    return f"data: {dumps(event)}\n\n".encode()


def last_event() -> bytes:
    return b"data: [DONE]\n\n"


def error_body(call: Call, refusal: Refusal) -> str:
    error = {
        "message": refusal.message, "type": refusal.family, "param": refusal.param, "code": refusal.code,
    }  # fmt: skip
    return dumps({"error": error})


def error_event(call: Call, refusal: Refusal) -> bytes:
    return f"data: {error_body(call, refusal)}\n\n".encode()


def models(rows: list[dict[str, object]], query: dict[str, str]) -> bytes | Refusal:
    return dumps({"object": "list", "data": rows}).encode()


def row(known: Known, day: str) -> dict[str, object]:
    created = seconds_of(released(known.id, RELEASED) or UNKNOWN_DAY)
    owner = "org-double" if known.id.startswith("ft:") else "system"
    return {
        "id": known.id, "object": "model", "created": created, "owned_by": owner, "shutdown_date": known.gone_on,
    }  # fmt: skip


def is_listed(known: Known, day: str, query: dict[str, str]) -> bool:
    return not known.gone(day)
