"""Checks for what OpenAI refuses in a request: first the form, then the model's family."""

from json import dumps
from typing import Any

from .calls import Call
from .openai_rules import EFFORTS, PARAMS, ROLES, SAMPLING, Family
from .refusals import INVALID, Refusal, invalid, refusal
from .roster import Known
from .rules import THINKING_TOKENS

UNSUPPORTED = "unsupported_parameter"
NO_CHAT = (
    "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use "
    "v1/completions?"
)
OTHER_APIS = {
    "responses": "This model is only supported in v1/responses and not in v1/chat/completions.",
    "completions": NO_CHAT,
    "none": NO_CHAT,
}


def by_headers(headers: dict[str, str], chat: bool) -> Refusal | None:
    """OpenAI requires JSON, and no version header."""
    kind = headers.get("content-type", "")
    if not chat or kind.startswith("application/json"):
        return None
    return invalid(
        f"Unsupported content type: '{kind}'. This API method only accepts 'application/json' requests, but you "
        f"specified the header 'Content-Type: {kind}'. Please try again with a supported content type.",
        "unsupported_content_type",
    )


def by_form(call: Call) -> Refusal | None:
    """Refuse what no model takes: missing and unknown parameters, values out of range, malformed messages."""
    body = call.body
    if not call.model:
        return invalid("you must provide a model parameter")
    if not body.keys() <= PARAMS:
        name = next(name for name in body if name not in PARAMS)
        return invalid(f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return invalid("Missing required parameter: 'messages'.", "missing_required_parameter", "messages")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return bad_role(number, message)
        if message.get("content") is None and message["role"] != "assistant":
            where = f"messages.[{number}].content"
            return invalid("Invalid value for 'content': expected a string, got null.", None, where)
    return by_value(body)


def bad_role(number: int, message: Any) -> Refusal:
    role = message.get("role") if isinstance(message, dict) else None
    return invalid(
        f"Invalid value: {quoted(role)}. Supported values are: {spoken(ROLES)}.",
        "invalid_value",
        f"messages[{number}].role",
    )


def by_value(body: dict[str, Any]) -> Refusal | None:
    heat = body.get("temperature")
    if heat is not None and not (is_number(heat) and 0 <= heat <= 2):
        if not is_number(heat):
            return invalid(
                "Invalid type for 'temperature': expected a decimal.", "invalid_type", "temperature"
            )
        side, code = ("<= 2", "above_max") if heat > 2 else (">= 0", "below_min")
        return invalid(
            f"Invalid 'temperature': decimal {code.replace('_max', ' maximum').replace('_min', ' minimum')} value. "
            f"Expected a value {side}, but got {heat} instead.",
            f"decimal_{code}_value",
            "temperature",
        )
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if limit is not None and not (type(limit) is int and limit >= 1):
            return invalid(
                f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {dumps(limit)} "
                "instead.",
                "integer_below_min_value",
                name,
            )
    if body.get("stream_options") is not None and body.get("stream") is not True:
        said = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        return invalid(said, None, "stream_options")
    return None


def by_model(call: Call, known: Known, gone: bool) -> Refusal | None:
    """Refuse what this model does not take."""
    family: Family = known.family
    if gone:
        said = f"The model `{call.model}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations"
        return invalid(said, "model_not_found", status=404)
    if family.api in OTHER_APIS:
        return invalid(OTHER_APIS[family.api], None, "model", 404)
    if family.api == "audio" and "audio" not in (call.body.get("modalities") or ()):
        said = "This model requires that either input content or output modality contain audio."
        return invalid(said, "invalid_value", "model")
    return by_effort(call.body, family) or by_sampling(call.body, family) or by_size(call, family)


def by_effort(body: dict[str, Any], family: Family) -> Refusal | None:
    effort = body.get("reasoning_effort")
    if effort is None or effort in family.efforts:
        return None
    if not family.efforts:
        return refusal(400, INVALID, "Unrecognized request argument supplied: reasoning_effort")
    if effort not in EFFORTS:
        return invalid(
            f"Invalid value: {quoted(effort)}. Supported values are: {spoken(EFFORTS)}.",
            "invalid_value",
            "reasoning_effort",
        )
    return invalid(
        f"Unsupported value: 'reasoning_effort' does not support {quoted(effort)} with this model. Supported values "
        f"are: {spoken(family.efforts)}.",
        "unsupported_value",
        "reasoning_effort",
    )


def by_sampling(body: dict[str, Any], family: Family) -> Refusal | None:
    """Check temperature and similar parameters, which models that think do not take."""
    if family.sampling == "always" or (
        family.sampling == "unless_thinking" and effort_of(body, family) == "none"
    ):
        return None
    for name, usual in SAMPLING.items():
        value = body.get(name)
        if value is None:
            continue
        if family.refusal == "parameter":
            return invalid(
                f"Unsupported parameter: '{name}' is not supported with this model.", UNSUPPORTED, name
            )
        if value != usual:
            return invalid(
                f"Unsupported value: '{name}' does not support {dumps(value)} with this model. Only the default "
                f"({dumps(usual)}) value is supported.",
                "unsupported_value",
                name,
            )
    return None


def by_size(call: Call, family: Family) -> Refusal | None:
    """Check the output allowance and the context."""
    body = call.body
    if family.thinks is not None and body.get("max_tokens") is not None:
        return invalid(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
            "instead.",
            UNSUPPORTED,
            "max_tokens",
        )
    name = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    limit = body.get(name) or 0
    if limit > family.max_output:
        return invalid(
            f"max_tokens is too large: {limit}. This model supports at most {family.max_output} completion tokens, "
            f"whereas you provided {limit}.",
            "invalid_value",
            name,
        )
    # A prompt has at most a quarter as many tokens as bytes, so most prompts need not be counted.
    if len(call.raw) > 4 * family.context and (tokens := call.prompt_tokens()) > family.context:
        return invalid(
            f"This model's maximum context length is {family.context} tokens. However, your messages resulted in "
            f"{tokens} tokens. Please reduce the length of the messages.",
            "context_length_exceeded",
            "messages",
        )
    return None


def thinking_tokens(call: Call, known: Known) -> int:
    """How many tokens the model thinks before it answers this call."""
    family: Family = known.family
    return THINKING_TOKENS[effort_of(call.body, family)] if family.thinks else 0


def effort_of(body: dict[str, Any], family: Family) -> str:
    return body.get("reasoning_effort") or family.thinks or "none"


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def quoted(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else dumps(value)


def spoken(values: tuple[str, ...]) -> str:
    """The values as OpenAI lists them: 'a', 'b', and 'c'."""
    *first, last = (f"'{value}'" for value in values)
    return f"{', '.join(first)}, and {last}" if len(first) > 1 else " and ".join([*first, last])
