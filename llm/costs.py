"""What a completion costs at the provider's list price, as far as its own counts tell."""

from dataclasses import dataclass

from llm.providers import roster
from llm.providers.base import ResponseMetadata


@dataclass(frozen=True, slots=True)
class Prices:
    """A chat model's list prices in millionths of a US dollar per million tokens; None when unknown.

    Above `long_prompt_tokens` input tokens, all of them are `long_prompt_factor` times as high.
    """

    input: int | None
    output: int | None
    cached_input: int | None = None
    long_prompt_tokens: int | None = None
    long_prompt_factor: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """Millionths of a US dollar at list price, rounded up; None when anything needed is unknown.

    `is_at_most`: the true cost may be lower, since the rate for cached input is not known. `saved`: by the provider's
    prompt cache, against the same tokens uncached; below zero when storing cost more than reading saved.
    """

    amount: int | None = None
    is_at_most: bool = False
    saved: int | None = None


def estimated_cost(provider: str, metadata: ResponseMetadata, prices: Prices) -> Cost:
    """What the provider will bill for a completion, as far as its own counts and the list prices tell."""
    total, output = metadata.input_tokens, metadata.output_tokens
    if total is None or output is None or prices.input is None or prices.output is None:
        return Cost()
    cached = min(metadata.cached_tokens or 0, total)
    written = min(metadata.cache_write_tokens or 0, total - cached)
    long_prompt = prices.long_prompt_tokens is not None and total > prices.long_prompt_tokens
    factor = prices.long_prompt_factor if long_prompt else 1
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    quarters = roster.named(provider).cache_write_quarters if written else 4
    # In quarters of a millionth of a millionth, so that a quarter more stays an integer.
    plain = total * prices.input * 4
    inputs = (
        (total - cached - written) * prices.input * 4
        + cached * cached_price * 4
        + written * prices.input * quarters
    )
    amount = -(-(inputs + output * prices.output * 4) * factor // 4_000_000)
    saved = (plain - inputs) * factor // 4_000_000 if cached or written else None
    return Cost(amount, is_at_most=bool(cached) and prices.cached_input is None, saved=saved)
