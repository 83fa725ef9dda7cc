"""One ranking made of several, by reciprocal rank: what stands high in any of them stands high, in several of them higher."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)

# How far down a ranking still counts much: between the first and the second of one there is little difference.
DAMPING = 60


def fused(*rankings: Sequence[Item]) -> list[Item]:
    """All items of the rankings, each once, best first. Of equals the one that an earlier ranking has is first."""
    worth: dict[Item, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            worth[item] = worth.get(item, 0.0) + 1 / (DAMPING + rank)
    return sorted(worth, key=lambda item: -worth[item])
