"""OpenAI chat completions on the wire."""

from collections.abc import Callable
from json import dumps
from json.encoder import encode_basestring as quoted

from .calls import Call

PROVIDER = "openai"
MODELS = ["gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini", "o4-mini", "gpt-3.5-turbo"]
FINISHES = {"stop": "stop", "length": "length", "refusal": "stop", "filter": "content_filter"}

# kind: (status, type, code, param, message); messages are given model, masked, secret and detail.
ERRORS: dict[str, tuple[int, str, str | None, str | None, str]] = {
    "no_secret": (
        401, "invalid_request_error", None, None,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
        "auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from "
        "https://platform.openai.com/account/api-keys.",
    ),
    "wrong_secret": (
        401, "invalid_request_error", "invalid_api_key", None,
        "Incorrect API key provided: {masked}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    "echo": (
        401, "invalid_request_error", "invalid_api_key", None,
        "Incorrect API key provided: {secret}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    "forbidden": (
        403, "invalid_request_error", "missing_scope", None,
        "You have insufficient permissions for this operation. Missing scopes: model.request. Check that you have "
        "the correct role in your organization and project, and that {masked} has the necessary scopes.",
    ),
    "quota": (
        429, "insufficient_quota", "insufficient_quota", None,
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    "balance": (
        429, "insufficient_quota", "insufficient_quota", None,
        "You have no credits left. Add credits to your balance on the billing page to go on.",
    ),
    "model": (
        404, "invalid_request_error", "model_not_found", None,
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    "path": (404, "invalid_request_error", None, None, "Invalid URL ({detail})"),
    "method": (405, "invalid_request_error", "method_not_supported", None, "Not allowed ({detail})"),
    "json": (
        400, "invalid_request_error", None, None,
        "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.",
    ),
    "invalid": (400, "invalid_request_error", "missing_required_parameter", "{detail}", "{detail}"),
    "context": (
        400, "invalid_request_error", "context_length_exceeded", "messages",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130021 tokens. "
        "Please reduce the length of the messages.",
    ),
    "too_large": (413, "invalid_request_error", "request_too_large", None, "Request body is too large."),
    "rate": (
        429, "requests", "rate_limit_exceeded", None,
        "Rate limit reached for {model} in organization org-double on requests per min (RPM): Limit 3, Used 3, "
        "Requested 1. Visit https://platform.openai.com/account/rate-limits to learn more.",
    ),
    "server": (
        500, "server_error", None, None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "unavailable": (
        503, "server_error", None, None, "The engine is currently overloaded, please try again later.",
    ),
    "overloaded": (529, "server_error", None, None, "The engine is currently overloaded, please try again later."),
}  # fmt: skip


def secret_of(headers: dict[str, str]) -> str:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def request_id(call: Call) -> bytes:
    return b"x-request-id: req_%032x\r\n" % call.number


def complaint(call: Call) -> tuple[str, str] | None:
    if not call.model:
        return "model", "you must provide a model parameter"
    if not isinstance(call.body.get("messages"), list) or not call.body["messages"]:
        return "messages", "Missing required parameter: 'messages'."
    return None


def max_tokens(call: Call) -> int | None:
    limit = call.body.get("max_completion_tokens", call.body.get("max_tokens"))
    return limit if isinstance(limit, int) else None


def usage(call: Call, tokens: int) -> str:
    prompt = call.prompt_tokens()
    return (
        f'{{"prompt_tokens":{prompt},"completion_tokens":{tokens},"total_tokens":{prompt + tokens},'
        '"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":'
        '{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
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
    return f'"{FINISHES[finish]}"' if finish else "null"


def wants_usage(call: Call) -> bool:
    options = call.body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def chunk_around(call: Call) -> tuple[str, str]:
    """A chunk's JSON before its delta and after its finish reason; usage is null in all chunks but the last."""
    start = (
        f'data: {{"id":"chatcmpl-{call.number:029d}","object":"chat.completion.chunk","created":{int(call.at)},'
        f'"model":{quoted(call.model)},"service_tier":"default","system_fingerprint":"fp_double",'
    )
    return start, ('}],"usage":null}\n\n' if wants_usage(call) else "}]}\n\n")


def opening(call: Call) -> bytes:
    start, end = chunk_around(call)
    delta = '"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,'
    return f'{start}{delta}"finish_reason":null{end}'.encode("utf-8", "replace")


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


def noise(call: Call) -> bytes:
    # No lone id: or retry: block: valid as these are, the official SDK hands them on as events without data.
    start, _ = chunk_around(call)
    unknown = f'{start}"choices":[],"future_field":{{"text":"ignore me"}}}}\n\n'
    return f": keep-alive\n\n:\n\nevent: future.event\nretry: 3000\n{unknown}".encode("utf-8", "replace")


def masked(secret: str) -> str:
    """The secret as OpenAI really echoes it: the first characters, stars, and the last four."""
    return (
        f"{secret[:8]}{'*' * max(3, len(secret) - 12)}{secret[-4:]}"
        if len(secret) > 12
        else "*" * len(secret)
    )


def error_json(call: Call, kind: str, detail: str = "") -> tuple[int, str]:
    status, family, code, param, message = ERRORS[kind]
    name, _, said = detail.partition("|")
    text = message.format(
        model=call.model, masked=masked(call.secret), secret=call.secret, detail=said or name
    )
    error = {"message": text, "type": family, "param": param and param.format(detail=name), "code": code}
    return status, dumps({"error": error})


def error(call: Call, kind: str, detail: str = "") -> tuple[int, bytes]:
    status, body = error_json(call, kind, detail)
    return status, body.encode()


def error_event(call: Call, kind: str) -> bytes:
    return f"data: {error_json(call, kind)[1]}\n\n".encode()


def models(ids: list[str], query: dict[str, str]) -> bytes:
    return dumps({"object": "list", "data": [model_dict(name) for name in ids]}).encode()


def model(name: str) -> bytes:
    return dumps(model_dict(name)).encode()


def model_dict(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"}
