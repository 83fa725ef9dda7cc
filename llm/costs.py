"""What a completion costs at the provider's list price, from the token counts that the provider reported."""

from dataclasses import dataclass

from llm.providers import roster
from llm.providers.base import ResponseMetadata


@dataclass(frozen=True, slots=True)
class Prices:
    """A chat model's list prices in millionths of a US dollar per million tokens; None when unknown.

    For a prompt of more than `long_prompt_tokens`, every price is multiplied by `long_prompt_factor`.
    """

    input: int | None
    output: int | None
    cached_input: int | None = None
    long_prompt_tokens: int | None = None
    long_prompt_factor: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """Millionths of a US dollar at list price, rounded up; None when anything needed is unknown.

    `is_at_most`: the true cost may be lower, since the rate for cached input is not known. `saved`: what the
    provider's prompt cache saved compared with the same tokens uncached; negative when storing cost more than
    reading saved.
    """

    amount: int | None = None
    is_at_most: bool = False
    saved: int | None = None


def estimated_cost(provider: str, metadata: ResponseMetadata, prices: Prices) -> Cost:
    """What the provider will bill for a completion, by its own counts and the list prices."""
    total, output = metadata.input_tokens, metadata.output_tokens
    if total is None or output is None or prices.input is None or prices.output is None:
        return Cost()
    cached = min(metadata.cached_tokens or 0, total)
    written = min(metadata.cache_write_tokens or 0, total - cached)
    long_prompt = prices.long_prompt_tokens is not None and total > prices.long_prompt_tokens
    factor = prices.long_prompt_factor if long_prompt else 1
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    quarters = roster.named(provider).cache_write_quarters if written else 4
    # The unit is a quarter of 10⁻¹² dollars, so that a price of five quarters is still an integer.
    plain = total * prices.input * 4
    inputs = (
        (total - cached - written) * prices.input * 4
        + cached * cached_price * 4
        + written * prices.input * quarters
    )
    amount = -(-(inputs + output * prices.output * 4) * factor // 4_000_000)
    saved = (plain - inputs) * factor // 4_000_000 if cached or written else None
    return Cost(amount, is_at_most=bool(cached) and prices.cached_input is None, saved=saved)
