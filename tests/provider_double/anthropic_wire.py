"""Anthropic messages on the wire."""

from collections.abc import Callable
from json import dumps
from json.encoder import encode_basestring as quoted

from .anthropic_checks import by_form as by_form
from .anthropic_checks import by_headers as by_headers
from .anthropic_checks import by_model as by_model
from .anthropic_checks import thinking_tokens as thinking_tokens
from .anthropic_errors import ERRORS as ERRORS
from .anthropic_lists import is_listed as is_listed
from .anthropic_lists import models as models
from .anthropic_lists import row as row
from .calls import Call
from .headroom import anthropic_lines
from .refusals import Refusal

PROVIDER = "anthropic"
FINISHES = {
    "stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "filter": "refusal",
    "window": "model_context_window_exceeded", "pause": "pause_turn",
}  # fmt: skip
SIGNATURE = "EqQBCgIYAhIMc2lnbmF0dXJlLW9mLWEtZG91YmxlGgA="


def secret_of(headers: dict[str, str]) -> str:
    secret = headers.get("x-api-key", "")
    if secret:
        return secret
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def headers(call: Call) -> bytes:
    return b"request-id: req_%024d\r\n%b" % (call.number, anthropic_lines(call.headroom, int(call.at)))


def max_tokens(call: Call) -> int | None:
    limit = call.body.get("max_tokens")
    return limit if isinstance(limit, int) else None


def usage(call: Call, tokens: int, thought: int = 0) -> str:
    told = call.told
    fresh = call.prompt_tokens() - told.cached - told.written
    spent = tokens + thought if told.output is None else told.output
    details = f'"output_tokens_details":{{"thinking_tokens":{thought}}},' if thought else ""
    return (
        f'{{"input_tokens":{fresh},"cache_creation_input_tokens":{told.written},'
        f'"cache_read_input_tokens":{told.cached},"output_tokens":{spent},{details}"service_tier":"standard"}}'
    )


def usage_at_start(call: Call) -> str:
    """The usage in message_start. The figures in message_delta are cumulative and replace it."""
    if call.told.at_start is None and call.told.output is None:
        return usage(call, 1)
    fresh = call.told.at_start
    if fresh is None:
        fresh = call.prompt_tokens() - call.told.cached - call.told.written
    return f'{{"input_tokens":{fresh},"output_tokens":1,"service_tier":"standard"}}'


def message(call: Call, content: str, finish: str | None, used: str) -> str:
    return (
        f'{{"id":"msg_01{call.number:022d}","type":"message","role":"assistant","model":{quoted(call.model)},'
        f'"content":{content},{stopped(call, finish)},"usage":{used}}}'
    )


def stopped(call: Call, finish: str | None) -> str:
    """The fields that say why the message stopped."""
    reason = f'"{FINISHES.get(finish, finish)}"' if finish else "null"
    details = "null"
    if reason == '"refusal"':
        category = dumps(call.told.category)
        details = f'{{"type":"refusal","category":{category},"explanation":null}}'
    return f'"stop_reason":{reason},"stop_sequence":null,"stop_details":{details}'


def completion(call: Call, text: str, tokens: int, finish: str | None) -> bytes:
    blocks = [f'{{"type":"thinking","thinking":"","signature":"{SIGNATURE}"}}'] if call.thought else []
    if text:
        blocks.append(f'{{"type":"text","text":{quoted(text)}}}')
    used = usage(call, tokens, call.thought)
    return message(call, f"[{','.join(blocks)}]", finish, used).encode("utf-8", "replace")


def opening(call: Call) -> bytes:
    return start(call) + text_open(call) + PING


def start(call: Call) -> bytes:
    first = message(call, "[]", None, usage_at_start(call))
    event = f'event: message_start\ndata: {{"type":"message_start","message":{first}}}\n\n'
    return event.encode("utf-8", "replace")


PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def thinking_open(call: Call) -> bytes:
    return (
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n' + PING
    )


def ping(call: Call) -> bytes:
    return PING


def thinking_close(call: Call) -> bytes:
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"signature_delta","signature":"%b"}}\n\n'
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n' % SIGNATURE.encode()
    )


def text_index(call: Call) -> int:
    """The index of the text block: 1 if a thinking block comes before it, else 0."""
    return 1 if call.thought else 0


def text_open(call: Call) -> bytes:
    return (
        b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,'
        b'"content_block":{"type":"text","text":""}}\n\n' % text_index(call)
    )


def framer(call: Call, field: str = "text") -> Callable[[str], bytes]:
    before = (
        f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{text_index(call)},'
        '"delta":{"type":"text_delta","text":'
    )
    return lambda text: f"{before}{quoted(text)}}}}}\n\n".encode("utf-8", "replace")


def closing(call: Call, tokens: int, finish: str | None) -> bytes:
    stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % text_index(call)
    return stop + ending(call, tokens, finish)


def ending(call: Call, tokens: int, finish: str | None) -> bytes:
    events = (
        f'event: message_delta\ndata: {{"type":"message_delta","delta":{{{stopped(call, finish)}}},'
        f'"usage":{usage(call, tokens, call.thought)}}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    return events.encode("utf-8", "replace")


def noise(call: Call) -> bytes:
    return (
        b': keep-alive\n\n:\n\nevent: ping\ndata: {"type": "ping", "future_field": 1}\n\n'
        b'event: future_event\nretry: 3000\ndata: {"type":"future_event","text":"ignore me"}\n\n'
    )


def strange_block(call: Call) -> bytes:
    return (
        b'event: content_block_start\ndata: {"type":"content_block_start","index":7,'
        b'"content_block":{"type":"fallback","from":{"model":"a"},"to":{"model":"b"}}}\n\n'
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":7}\n\n'
        b'event: a_new_event\ndata: {"type":"a_new_event"}\n\n'
    )


def event(event: dict[str, object]) -> bytes:
    return f"event: {event.get('type')}\ndata: {dumps(event)}\n\n".encode()


def last_event() -> bytes:
    return b""


def error_body(call: Call, refusal: Refusal) -> str:
    details = {"error_code": refusal.code} if refusal.code else None
    error = {"details": details, "type": refusal.family, "message": refusal.message}
    return dumps({"type": "error", "error": error, "request_id": f"req_{call.number:024d}"})


def error_event(call: Call, refusal: Refusal) -> bytes:
    return f"event: error\ndata: {error_body(call, refusal)}\n\n".encode()
