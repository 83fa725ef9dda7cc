"""Anthropic's rules, as published; see rules.py."""

from typing import NamedTuple

from .rules import FIVE_EFFORTS, Listed

MODEL_IDS = "anthropic-sdk-python 2.12, types/model.py"
DATES = "anthropic-sdk-python 2.12, DEPRECATED_MODELS in resources/messages/messages.py"
THINKING = "Anthropic, 'Thinking' and the migration guides, platform.claude.com/docs, 2026-11-25"
EFFORT = "Anthropic, 'Effort', platform.claude.com/docs/en/build-with-claude/effort, 2026-11-25"


class Family(NamedTuple):
    """How a family of Claude models takes a request.

    `sampling`: whether temperature, top_p and top_k are accepted with protocol version 2023-06-01. `types`: the accepted
    values of thinking.type. `thinks`: the effort that applies if the request does not name thinking, or None if thinking
    is then off. Without `efforts`, output_config.effort is refused. `off_until`: the highest effort at which thinking can
    be off, or None if the effort makes no difference.
    """

    source: str
    sampling: bool = False
    prefill: bool = False
    types: frozenset[str] = frozenset()
    thinks: str | None = None
    efforts: tuple[str, ...] = ()
    off_until: str | None = None
    max_output: int = 128_000
    context: int = 1_000_000


def accepts(*names: str) -> frozenset[str]:
    return frozenset(names)


FAMILIES: dict[str, Family] = {
    "4.5": Family(
        THINKING, sampling=True, prefill=True, types=accepts("enabled", "disabled"),
        max_output=64_000, context=200_000,
    ),
    "opus 4.5": Family(
        EFFORT, sampling=True, prefill=True, types=accepts("enabled", "disabled"),
        efforts=("low", "medium", "high"), max_output=64_000, context=200_000,
    ),
    "sonnet 4.6": Family(
        EFFORT, sampling=True, types=accepts("adaptive", "enabled", "disabled"),
        efforts=("low", "medium", "high", "max"), max_output=64_000,
    ),
    "opus 4.6": Family(
        EFFORT, sampling=True, types=accepts("adaptive", "enabled", "disabled"),
        efforts=("low", "medium", "high", "max"),
    ),
    "opus 4.7": Family(THINKING, types=accepts("adaptive", "disabled"), efforts=FIVE_EFFORTS),
    "sonnet 5": Family(
        THINKING, types=accepts("adaptive", "disabled"), thinks="high", efforts=FIVE_EFFORTS,
    ),
    "opus 5": Family(
        THINKING, types=accepts("adaptive", "disabled"), thinks="high", efforts=FIVE_EFFORTS, off_until="high",
    ),
    "sonnet 5.5": Family(
        THINKING, types=accepts("adaptive", "between_tools"), thinks="high", efforts=FIVE_EFFORTS, off_until="high",
    ),
    "haiku 5.5": Family(
        THINKING, types=accepts("adaptive", "disabled"), thinks="medium", efforts=FIVE_EFFORTS, off_until="high",
    ),
    "opus 5.5": Family(THINKING, types=accepts("adaptive"), thinks="medium", efforts=FIVE_EFFORTS),
    "fable": Family(THINKING, types=accepts("adaptive"), thinks="high", efforts=FIVE_EFFORTS),
    "retired": Family(DATES, sampling=True, prefill=True, max_output=8_192, context=200_000),
}  # fmt: skip

MODELS = (
    Listed("claude-fable-5-2 claude-mythos-5-2", "fable", MODEL_IDS),
    Listed("claude-haiku-5-5", "haiku 5.5", MODEL_IDS),
    Listed("claude-sonnet-5-5", "sonnet 5.5", MODEL_IDS),
    Listed("claude-opus-5-5", "opus 5.5", MODEL_IDS),
    Listed("claude-fable-5-1 claude-mythos-5-1 claude-fable-5 claude-mythos-5", "fable", MODEL_IDS),
    Listed("claude-sonnet-5", "sonnet 5", MODEL_IDS),
    Listed("claude-opus-5", "opus 5", MODEL_IDS),
    Listed("claude-opus-4-8 claude-opus-4-7", "opus 4.7", MODEL_IDS),
    Listed("claude-opus-4-6", "opus 4.6", MODEL_IDS),
    Listed("claude-sonnet-4-6", "sonnet 4.6", MODEL_IDS),
    Listed("claude-haiku-4-5 claude-haiku-4-5-20251001", "4.5", MODEL_IDS),
    Listed("claude-opus-4-5 claude-opus-4-5-20251101", "opus 4.5", MODEL_IDS),
    Listed("claude-sonnet-4-5 claude-sonnet-4-5-20250929", "4.5", DATES, "2026-11-30"),
    Listed("claude-mythos-preview", "retired", DATES, "2026-06-30"),
    Listed(
        "claude-sonnet-4-0 claude-sonnet-4-20250514 claude-opus-4-0 claude-opus-4-20250514",
        "retired", DATES, "2026-06-15",
    ),
    Listed(
        "claude-3-7-sonnet-latest claude-3-7-sonnet-20250219 claude-3-5-haiku-latest claude-3-5-haiku-20241022",
        "retired", DATES, "2026-02-19",
    ),
    Listed("claude-3-opus-20240229", "retired", DATES, "2026-01-05"),
    Listed("claude-3-sonnet-20240229 claude-2.1 claude-2.0", "retired", DATES, "2025-07-21"),
    Listed(
        "claude-1.3 claude-1.3-100k claude-instant-1.1 claude-instant-1.1-100k claude-instant-1.2",
        "retired", DATES, "2024-11-06",
    ),
)  # fmt: skip
RELEASED = {
    "claude-sonnet-5-5": "2026-09-28", "claude-opus-5-5": "2026-09-22",
    "claude-opus-5": "2026-07-24", "claude-sonnet-5": "2026-06-30",
}  # fmt: skip
# "At least 60 days' notice before model retirement": Anthropic, 'Model deprecations'.
NOTICE_DAYS = 60

# Anthropic, 'Versions' (platform.claude.com/docs/en/api/versioning) and anthropic-sdk-python 2.12, _constants.py.
SAMPLING = frozenset({"temperature", "top_p", "top_k"})
PARAMS = frozenset(
    "cache_control container diagnostics inference_geo max_tokens messages metadata model output_config service_tier "
    "speed stop_sequences stream system thinking tool_choice tools".split()
)
# The SDK's parameter type has these, but they are sent as headers.
HEADER_PARAMS = frozenset({"user_profile_id", "workspace_id"})
VERSIONS = {"2023-06-01": PARAMS | SAMPLING, "2026-10-21": PARAMS}
# `system` messages inside a conversation are left out: only some models take them, and the double does not know them.
ROLES = frozenset({"user", "assistant"})
