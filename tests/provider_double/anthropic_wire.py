"""Anthropic messages on the wire."""

from collections.abc import Callable
from json import dumps
from json.encoder import encode_basestring as quoted

from .calls import Call

PROVIDER = "anthropic"
MODELS = ["claude-sonnet-4-6", "claude-haiku-4-5-20251001", "claude-opus-4-6", "claude-sonnet-4-5-20250929"]
FINISHES = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "filter": "refusal"}

# kind: (status, type, message); messages are given model, masked, secret and detail.
ERRORS: dict[str, tuple[int, str, str]] = {
    "no_secret": (401, "authentication_error", "x-api-key header is required"),
    "wrong_secret": (401, "authentication_error", "invalid x-api-key"),
    "echo": (401, "authentication_error", "invalid x-api-key: {secret}"),
    "forbidden": (
        403, "permission_error", "Your API key does not have permission to use the specified resource.",
    ),
    "quota": (429, "rate_limit_error", "You have reached your specified API usage limits."),
    "balance": (
        400, "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits.",
    ),
    "model": (404, "not_found_error", "model: {model}"),
    "path": (404, "not_found_error", "Not Found"),
    "method": (405, "invalid_request_error", "Method Not Allowed"),
    "json": (400, "invalid_request_error", "The request body is not valid JSON."),
    "invalid": (400, "invalid_request_error", "{detail}"),
    "context": (400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
    "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
    "rate": (
        429, "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute. For details, refer "
        "to: https://docs.anthropic.com/en/api/rate-limits.",
    ),
    "server": (500, "api_error", "Internal server error"),
    "unavailable": (503, "api_error", "Service unavailable"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
}  # fmt: skip
DETAILS = {"quota": {"error_code": "enforced_spend_limit_reached"}}


def secret_of(headers: dict[str, str]) -> str:
    secret = headers.get("x-api-key", "")
    if secret:
        return secret
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def request_id(call: Call) -> bytes:
    return b"request-id: req_%024d\r\n" % call.number


def complaint(call: Call) -> tuple[str, str] | None:
    if not call.model:
        return "model", "model: Field required"
    if not isinstance(call.body.get("max_tokens"), int):
        return "max_tokens", "max_tokens: Field required"
    if not isinstance(call.body.get("messages"), list):
        return "messages", "messages: Field required"
    if not call.body["messages"]:
        return "messages", "messages: at least one message is required"
    return None


def max_tokens(call: Call) -> int | None:
    limit = call.body.get("max_tokens")
    return limit if isinstance(limit, int) else None


def usage(call: Call, tokens: int) -> str:
    return (
        f'{{"input_tokens":{call.prompt_tokens()},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
        f'"output_tokens":{tokens},"service_tier":"standard"}}'
    )


def message(call: Call, content: str, tokens: int, finish: str | None) -> str:
    return (
        f'{{"id":"msg_01{call.number:022d}","type":"message","role":"assistant","model":{quoted(call.model)},'
        f'"content":{content},{stopped(finish)},"usage":{usage(call, tokens)}}}'
    )


def stopped(finish: str | None) -> str:
    """The members that say why the message stopped."""
    reason = f'"{FINISHES[finish]}"' if finish else "null"
    refused = reason == '"refusal"'
    details = '{"type":"refusal","category":null,"explanation":null}' if refused else "null"
    return f'"stop_reason":{reason},"stop_sequence":null,"stop_details":{details}'


def completion(call: Call, text: str, tokens: int, finish: str | None) -> bytes:
    content = f'[{{"type":"text","text":{quoted(text)}}}]' if text else "[]"
    return message(call, content, tokens, finish).encode("utf-8", "replace")


def opening(call: Call) -> bytes:
    events = (
        f'event: message_start\ndata: {{"type":"message_start","message":{message(call, "[]", 1, None)}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: ping\ndata: {"type": "ping"}\n\n'
    )
    return events.encode("utf-8", "replace")


def framer(call: Call, field: str = "text") -> Callable[[str], bytes]:
    before = (
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":'
    )
    return lambda text: f"{before}{quoted(text)}}}}}\n\n".encode("utf-8", "replace")


def closing(call: Call, tokens: int, finish: str | None) -> bytes:
    events = (
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        f'event: message_delta\ndata: {{"type":"message_delta","delta":{{{stopped(finish)}}},'
        f'"usage":{usage(call, tokens)}}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    return events.encode("utf-8", "replace")


def noise(call: Call) -> bytes:
    return (
        b': keep-alive\n\n:\n\nevent: ping\ndata: {"type": "ping", "future_field": 1}\n\n'
        b'event: future_event\nretry: 3000\ndata: {"type":"future_event","text":"ignore me"}\n\n'
    )


def error_json(call: Call, kind: str, detail: str = "") -> tuple[int, str]:
    status, family, message = ERRORS[kind]
    name, _, said = detail.partition("|")
    text = message.format(model=call.model, secret=call.secret, detail=said or name)
    error = {"details": DETAILS.get(kind), "type": family, "message": text}
    return status, dumps({"type": "error", "error": error, "request_id": f"req_{call.number:024d}"})


def error(call: Call, kind: str, detail: str = "") -> tuple[int, bytes]:
    status, body = error_json(call, kind, detail)
    return status, body.encode()


def error_event(call: Call, kind: str) -> bytes:
    return f"event: error\ndata: {error_json(call, kind)[1]}\n\n".encode()


def models(ids: list[str], query: dict[str, str]) -> bytes:
    """A page of the list: after_id, before_id and limit (1 to 1000, 20 unless told) as the provider takes them."""
    limit = int(query["limit"]) if query.get("limit", "").isdigit() else 20
    limit = max(1, min(limit, 1000))
    if query.get("before_id") in ids:
        chosen = ids[: ids.index(query["before_id"])]
        page, more = chosen[-limit:], len(chosen) > limit
    else:
        chosen = ids[ids.index(query["after_id"]) + 1 :] if query.get("after_id") in ids else ids
        page, more = chosen[:limit], len(chosen) > limit
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return dumps({"data": [model_dict(name) for name in page], "has_more": more, **ends}).encode()


def model(name: str) -> bytes:
    return dumps(model_dict(name)).encode()


def model_dict(name: str) -> dict[str, object]:
    shown = name.replace("-", " ").title()
    return {
        "type": "model", "id": name, "display_name": shown, "created_at": "2025-10-01T00:00:00Z",
        "lifecycle": "active", "deprecated_at": None, "retires_at": None, "max_tokens": 64_000,
        "max_input_tokens": 200_000,
    }  # fmt: skip
