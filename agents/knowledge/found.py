"""The result of a search: passages, and the answer if one is stored."""

from dataclasses import dataclass, field

from agents.knowledge.terms import Query

# The name under which Q&A pairs are cited.
PAIRS = "Q&A"


@dataclass(frozen=True, slots=True)
class Found:
    heading: str
    text: str
    source: str
    # The address, for a page of a website.
    url: str = ""


@dataclass(frozen=True, slots=True)
class Hits:
    """`answer` when the question is one of the Q&A pairs, else the best passages, best first.

    `is_closest`: the pair's question is not the same, but clearly what was meant. `weights`: how much each word of
    `asked` counts, rare ones more. `known`: in how many passages each is.
    """

    answer: str | None
    passages: list[Found]
    is_closest: bool = False
    asked: Query = field(default=Query((), ""))
    weights: tuple[float, ...] = ()
    known: tuple[int, ...] = ()
