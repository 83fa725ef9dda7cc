"""Checks for what Anthropic refuses in a request: first the form and the protocol version, then the model's family."""

from typing import Any

from .anthropic_rules import ROLES, SAMPLING, VERSIONS, Family
from .calls import Call
from .refusals import Refusal, invalid, refusal
from .roster import Known
from .rules import FIVE_EFFORTS, THINKING_TOKENS

OFF = ("disabled", "between_tools")
TYPES = ("adaptive", "enabled", *OFF)
CONTROL = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
EXTRA = "{}: Extra inputs are not permitted"


def by_headers(headers: dict[str, str], chat: bool) -> Refusal | None:
    """Anthropic requires a header with the protocol version, on every path, and JSON."""
    version = headers.get("anthropic-version")
    if version is None:
        return invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        return invalid(f'anthropic-version: "{version}" is not a valid version')
    if chat and not headers.get("content-type", "").startswith("application/json"):
        return invalid("content-type: header must be application/json")
    return None


def by_form(call: Call) -> Refusal | None:
    """Refuse what no model takes in this protocol version."""
    body, allowed = call.body, VERSIONS[call.version]
    if not body.keys() <= allowed:
        return invalid(EXTRA.format(next(name for name in body if name not in allowed)))
    if not call.model:
        return invalid("model: Field required")
    if "max_tokens" not in body:
        return invalid("max_tokens: Field required")
    if type(body["max_tokens"]) is not int:
        return invalid("max_tokens: Input should be a valid integer")
    if body["max_tokens"] < 0:
        return invalid("max_tokens: Input should be greater than or equal to 0")
    return by_messages(body) or by_system(body) or by_temperature(body) or by_thinking_form(body)


def by_system(body: dict[str, Any]) -> Refusal | None:
    system = body.get("system")
    if system is None or isinstance(system, str):
        return None
    if not isinstance(system, list) or not all(isinstance(block, dict) for block in system):
        return invalid("system: Input should be a valid list")
    return by_blocks("system", system)


def by_messages(body: dict[str, Any]) -> Refusal | None:
    messages = body.get("messages")
    if not isinstance(messages, list):
        return invalid("messages: Field required")
    if not messages:
        return invalid("messages: at least one message is required")
    last = len(messages) - 1
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return bad_role(number, message)
        content = message.get("content")
        if isinstance(content, str) and content and not content.isspace():
            continue
        if content == "" and number == last and message["role"] == "assistant":
            continue
        if refused := by_content(number, content):
            return refused
    return None


def bad_role(number: int, message: Any) -> Refusal:
    role = message.get("role") if isinstance(message, dict) else None
    if role == "system":
        return invalid(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not '
            '"system" as an input message role.'
        )
    return invalid(f"messages.{number}.role: Input should be 'user' or 'assistant'")


def by_content(number: int, content: Any) -> Refusal | None:
    """Check a message's content that is not plain text: it has to be a list of blocks that are not empty."""
    if content is None:
        return invalid(f"messages.{number}.content: Field required")
    if not content:
        return invalid(
            f"messages.{number}: all messages must have non-empty content except for the optional final assistant "
            "message"
        )
    if isinstance(content, str):
        return by_blocks("messages", [{"type": "text", "text": content}])
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        return invalid(f"messages.{number}.content: Input should be a valid list")
    return by_blocks("messages", content)


def by_blocks(where: str, blocks: list[dict[str, Any]]) -> Refusal | None:
    for block in blocks:
        text = block.get("text") if block.get("type") == "text" else "not a text"
        if not isinstance(text, str) or not text:
            return invalid(f"{where}: text content blocks must be non-empty")
        if text.isspace():
            return invalid(f"{where}: text content blocks must contain non-whitespace text")
    return None


def by_temperature(body: dict[str, Any]) -> Refusal | None:
    """Check the sampling parameters. A request gets here with any only under protocol version 2023-06-01."""
    heat = body.get("temperature")
    if heat is None:
        return None
    if isinstance(heat, bool) or not isinstance(heat, int | float):
        return invalid("temperature: Input should be a valid number")
    if not 0 <= heat <= 1:
        side = "less than or equal to 1" if heat > 1 else "greater than or equal to 0"
        return invalid(f"temperature: Input should be {side}")
    return None


def by_thinking_form(body: dict[str, Any]) -> Refusal | None:
    thinking = body.get("thinking")
    if thinking is not None:
        kind = thinking.get("type") if isinstance(thinking, dict) else None
        if kind not in TYPES:
            tags = ", ".join(f"'{name}'" for name in TYPES)
            return invalid(f"thinking: Input tag '{kind}' does not match any of the expected tags: {tags}")
        if kind == "enabled":
            return by_budget(thinking.get("budget_tokens"), body["max_tokens"])
        if "budget_tokens" in thinking:
            return invalid(EXTRA.format(f"thinking.{kind}.budget_tokens"))
    effort = effort_in(body)
    if effort is not None and effort not in FIVE_EFFORTS:
        return invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    return None


def by_budget(budget: Any, max_tokens: int) -> Refusal | None:
    if type(budget) is not int:
        return invalid("thinking.enabled.budget_tokens: Field required")
    if budget < 1024:
        return invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    return (
        invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if budget >= max_tokens
        else None
    )


def by_model(call: Call, known: Known, gone: bool) -> Refusal | None:
    """Refuse what this model does not take."""
    family: Family = known.family
    body = call.body
    if gone:
        return refusal(404, "not_found_error", f"model: {call.model}")
    if body["max_tokens"] > family.max_output:
        return invalid(
            f"max_tokens: {body['max_tokens']} > {family.max_output}, which is the maximum allowed number of output "
            f"tokens for {call.model}"
        )
    if not family.prefill and body["messages"][-1]["role"] == "assistant":
        return invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if not family.sampling and not SAMPLING.isdisjoint(body):
        name = next(name for name in body if name in SAMPLING)
        return invalid(f"`{name}` is deprecated for this model.")
    return by_thinking(body, family) or by_effort(body, family) or by_size(call, family)


def by_thinking(body: dict[str, Any], family: Family) -> Refusal | None:
    kind = kind_in(body)
    if kind is None or kind in family.types:
        return None
    if kind == "adaptive":
        return invalid("adaptive thinking is not supported on this model")
    said = f'"thinking.type.{kind}" is not supported for this model. '
    if kind == "disabled" and "between_tools" in family.types:
        return invalid(
            said + 'To turn thinking off on this model, send "thinking": {"type": "between_tools"}.'
        )
    return invalid(said + CONTROL)


def by_effort(body: dict[str, Any], family: Family) -> Refusal | None:
    effort = effort_in(body)
    if effort is None:
        return None
    if not family.efforts:
        return invalid("This model does not support the effort parameter.")
    if effort not in family.efforts:
        levels = ", ".join(sorted(family.efforts))
        return invalid(f"This model does not support effort level '{effort}'. Supported levels: {levels}.")
    if kind_in(body) in OFF and family.off_until and above(effort, family.off_until):
        return invalid(
            f"output_config.effort '{effort}' is not supported when thinking is disabled on this model. Use effort "
            f"'{family.off_until}' or below, or enable thinking."
        )
    return None


def above(effort: str, other: str) -> bool:
    return FIVE_EFFORTS.index(effort) > FIVE_EFFORTS.index(other)


def by_size(call: Call, family: Family) -> Refusal | None:
    """Check that prompt and answer together fit into the context."""
    limit, allowance = family.context, call.body["max_tokens"]
    # A prompt has at most a quarter as many tokens as bytes, so most prompts need not be counted.
    if len(call.raw) <= 4 * (limit - allowance):
        return None
    tokens = call.prompt_tokens()
    if tokens > limit:
        return invalid(f"prompt is too long: {tokens} tokens > {limit} maximum")
    if tokens + allowance > limit:
        return invalid(
            f"input length and `max_tokens` exceed context limit: {tokens} + {allowance} > {limit}, decrease input "
            "length or `max_tokens` and try again"
        )
    return None


def thinking_tokens(call: Call, known: Known) -> int:
    """How many tokens the model thinks before it answers this call."""
    family: Family = known.family
    kind = kind_in(call.body)
    if kind in OFF or (kind is None and not family.thinks):
        return 0
    if kind == "enabled":
        return min(THINKING_TOKENS["high"], call.body["thinking"]["budget_tokens"])
    return THINKING_TOKENS[effort_in(call.body) or family.thinks or "high"]


def kind_in(body: dict[str, Any]) -> str | None:
    thinking = body.get("thinking")
    return thinking["type"] if thinking else None


def effort_in(body: dict[str, Any]) -> str | None:
    config = body.get("output_config")
    return config.get("effort") if isinstance(config, dict) else None
