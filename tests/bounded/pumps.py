"""Texts made for one pattern: up to each of its repetitions, then what that repeats, over and over.

A pattern takes the square of a text (or worse) where it can give back what a repetition took, or where each place in
the text begins an attempt that goes on to its end. Both show when a repetition is fed long, after what leads to it
and before something that ends the match.
"""

import re
from collections.abc import Iterator, Sequence
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from tests.bounded.texts import TextOf, repeated

Pattern = re.Pattern[Any]
LETTERS = "a1 .-_'\"/:#*[]()<>&@=,!\n\t\x01éZ"
TAILS = ("", "\x01\n", "a", " ")


def texts_for(pattern: Pattern) -> Iterator[tuple[str, TextOf]]:
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    seen: set[tuple[str, str]] = set()
    for lead, unit in _pumps("", parser.parse(source, pattern.flags & ~re.DEBUG)):
        if unit and (lead, unit) not in seen:
            seen.add((lead, unit))
            yield f"{lead!r} {unit!r}, as one", repeated(lead + unit)
            for tail in TAILS:
                yield f"{lead!r} {unit!r}… {tail!r}", repeated(unit, head=lead, tail=tail)


def _pumps(lead: str, nodes: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """What leads to each repetition within `nodes`, and what it repeats."""
    for kind, value in nodes:
        if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
            _, most, inner = value
            if most > 1:
                yield from ((lead, unit) for unit in _samples(inner))
            yield from _pumps(lead, inner)
        elif kind is kinds.SUBPATTERN:
            yield from _pumps(lead, value[3])
        elif kind is kinds.ATOMIC_GROUP:
            yield from _pumps(lead, value)
        elif kind is kinds.BRANCH:
            for branch in value[1]:
                yield from _pumps(lead, branch)
        lead += _sample([(kind, value)])


def _samples(nodes: Sequence[Any]) -> list[str]:
    """Some texts that `nodes` match: for a set of letters, several of it."""
    if len(nodes) == 1 and nodes[0][0] in (kinds.IN, kinds.ANY, kinds.NOT_LITERAL):
        return _letters(nodes[0])[:6]
    return [_sample(nodes)]


def _sample(nodes: Sequence[Any]) -> str:
    return "".join(_one(kind, value) for kind, value in nodes)


def _one(kind: Any, value: Any) -> str:
    if kind is kinds.LITERAL:
        return chr(value)
    if kind in (kinds.IN, kinds.ANY, kinds.NOT_LITERAL):
        return _letters((kind, value))[0]
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT):
        return _sample(value[2]) * max(1, value[0])
    if kind is kinds.SUBPATTERN:
        return _sample(value[3])
    if kind is kinds.ATOMIC_GROUP:
        return _sample(value)
    if kind is kinds.BRANCH:
        return _sample(value[1][0])
    return ""  # a look around, a place, a group again


def _letters(node: tuple[Any, Any]) -> list[str]:
    one = re._compiler.compile(_pattern_of(node))  # type: ignore[attr-defined]
    candidates = (
        LETTERS + "".join(chr(value) for kind, value in node[1] if kind is kinds.LITERAL)
        if node[0] is kinds.IN
        else LETTERS
    )
    return [letter for letter in candidates if one.match(letter)] or ["a"]


def _pattern_of(node: tuple[Any, Any]) -> Any:
    return parser.SubPattern(parser.State(), [node])
