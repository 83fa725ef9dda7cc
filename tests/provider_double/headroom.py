"""The rate-limit headers of every answer, in each provider's dialect (their 'Rate limits' pages, 2026-11-25)."""

from datetime import UTC, datetime
from functools import lru_cache

from .calls import Headroom

REQUESTS, TOKENS = 5_000, 400_000


@lru_cache(maxsize=256)
def openai_lines(left: Headroom) -> bytes:
    """OpenAI gives the durations until the limits are full again."""
    lines = {
        "limit-requests": REQUESTS, "limit-tokens": TOKENS,
        "remaining-requests": left.requests, "remaining-tokens": left.tokens,
        "reset-requests": f"{left.seconds}s", "reset-tokens": f"{left.seconds}s",
    }  # fmt: skip
    return "".join(f"x-ratelimit-{name}: {value}\r\n" for name, value in lines.items()).encode()


@lru_cache(maxsize=256)
def anthropic_lines(left: Headroom, now: int) -> bytes:
    """Anthropic gives the moments, in RFC 3339, at which the limits are full again."""
    reset = datetime.fromtimestamp(now + left.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = ""
    for what, limit, rest in (
        ("requests", REQUESTS, left.requests),
        ("tokens", TOKENS, left.tokens),
        ("input-tokens", TOKENS, left.tokens),
        ("output-tokens", TOKENS, left.tokens),
    ):
        for name, value in (("limit", limit), ("remaining", rest), ("reset", reset)):
            lines += f"anthropic-ratelimit-{what}-{name}: {value}\r\n"
    return lines.encode()
