"""What looking a question up brings: passages, and an answer where one is stored."""

from dataclasses import dataclass, field

from agents.knowledge.terms import Query

# What a Q&A pair is cited as.
PAIRS = "Q&A"


@dataclass(frozen=True, slots=True)
class Found:
    heading: str
    text: str
    source: str
    # Of a page of a website: where it is.
    url: str = ""


@dataclass(frozen=True, slots=True)
class Hits:
    """`answer` when the question is one of the Q&A pairs, else the best passages, best first.

    `is_closest`: the pair is not this very question, but clearly the one that was meant. `weights`: how much each word
    of `asked` counts, rare ones more; `known` says of each in how many passages it stands.
    """

    answer: str | None
    passages: list[Found]
    is_closest: bool = False
    asked: Query = field(default=Query((), ""))
    weights: tuple[float, ...] = ()
    known: tuple[int, ...] = ()
