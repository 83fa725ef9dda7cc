"""What a completion costs at list price: each kind of token at its own rate, and nothing guessed."""

import pytest

from llm.costs import Cost, Prices, estimated_cost
from llm.providers.base import ResponseMetadata

# Dollars a million tokens: 2 for input, 10 for output, 0.50 for cached input; five times that above 1,000 tokens.
PRICES = Prices(
    input=2_000_000,
    output=10_000_000,
    cached_input=500_000,
    long_prompt_tokens=1_000,
    long_prompt_factor=5,
)


def cost_of(provider: str = "openai", prices: Prices = PRICES, **counts: int | None) -> Cost:
    return estimated_cost(provider, ResponseMetadata(**counts), prices)  # type: ignore[arg-type]


def test_input_and_output_have_each_their_price() -> None:
    assert cost_of(input_tokens=100, output_tokens=10) == Cost(100 * 2 + 10 * 10)


def test_part_of_a_millionth_is_rounded_up() -> None:
    assert cost_of(prices=Prices(1, 1), input_tokens=1, output_tokens=0) == Cost(1)


def test_cached_input_has_its_own_price() -> None:
    cost = cost_of(input_tokens=100, output_tokens=10, cached_tokens=80)

    assert cost == Cost(20 * 2 + 40 + 100, saved=80 * 2 - 40)


def test_cached_input_of_unknown_price_costs_at_most_the_full_one() -> None:
    cost = cost_of(prices=Prices(2_000_000, 10_000_000), input_tokens=100, output_tokens=10, cached_tokens=80)

    assert cost == Cost(300, is_at_most=True, saved=0)


@pytest.mark.parametrize(("provider", "surcharge"), [("openai", 0), ("anthropic", 80 * 2 // 4)])
def test_storing_in_the_prompt_cache_costs_what_its_provider_takes(provider: str, surcharge: int) -> None:
    cost = cost_of(provider, input_tokens=100, output_tokens=10, cache_write_tokens=80)

    assert cost == Cost(300 + surcharge, saved=-surcharge)


def test_more_tokens_than_the_bound_multiply_the_whole_price() -> None:
    at_the_bound = cost_of(input_tokens=1_000, output_tokens=10)
    above = cost_of(input_tokens=1_001, output_tokens=10)

    assert (at_the_bound, above) == (Cost(2_100), Cost((2_002 + 100) * 5))


@pytest.mark.parametrize(
    ("prices", "input_tokens", "output_tokens"),
    [
        (PRICES, None, 10),
        (PRICES, 100, None),
        (Prices(None, 10_000_000), 100, 10),
        (Prices(2_000_000, None), 100, 10),
    ],
)
def test_nothing_is_guessed_where_something_is_unknown(
    prices: Prices, input_tokens: int | None, output_tokens: int | None
) -> None:
    assert cost_of(prices=prices, input_tokens=input_tokens, output_tokens=output_tokens) == Cost()
