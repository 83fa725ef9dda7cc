"""Figures as pages, mails and commands write them."""

import pytest
from django.template import engines

from workspaces import figures


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0 credits"),
        (1, "1 credit"),
        (2, "2 credits"),
        (1200, "1,200 credits"),
        (-5, "\N{MINUS SIGN}5 credits"),
    ],
)
def test_credits_are_counted_in_groups_of_three(amount: int, shown: str) -> None:
    assert figures.credits(amount) == shown


@pytest.mark.parametrize(
    ("millionths", "shown"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (99, "under $0.0001"),
        (100, "$0.0001"),
        (9_999, "$0.0100"),
        (10_000, "$0.01"),
        (1_234_560_000, "$1,234.56"),
    ],
)
def test_a_sum_of_dollars_is_rounded_to_what_can_be_read(millionths: int | None, shown: str) -> None:
    assert figures.dollars(millionths) == shown


def test_templates_write_figures_the_same_way() -> None:
    template = engines["django"].from_string(
        '{% load figures %}{{ n|grouped }} {{ n|credits }} {{ n|counted:"agent" }} {{ n|dollars }}'
    )

    assert template.render({"n": 12_000}) == "12,000 12,000 credits 12,000 agents $0.01"
