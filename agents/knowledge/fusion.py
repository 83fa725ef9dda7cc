"""Merging rankings by reciprocal rank: an item high in one ranking ranks high, and higher if it is in several."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)

# The constant of reciprocal rank fusion. It is large, so that first and second place differ little.
DAMPING = 60


def fused(*rankings: Sequence[Item]) -> list[Item]:
    """All items of the rankings, each once, best first. Among equals, the item of an earlier ranking comes first."""
    worth: dict[Item, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            worth[item] = worth.get(item, 0.0) + 1 / (DAMPING + rank)
    return sorted(worth, key=lambda item: -worth[item])
