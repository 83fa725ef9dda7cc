"""Synonyms: everyday words for which documents use others, like "reimburse" and "refund", "kid" and "child".

They cover what shops, offices, hotels and services are asked most. There is a file for each language under
`data/synonyms`, whose head explains its format; each is read once.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from agents.knowledge import languages, turkish
from agents.knowledge.folding import fold

FOLDER = Path(__file__).parent / "data" / "synonyms"
# Languages whose terms are pairs of neighbouring signs; a question may be too short to show which of them it is in.
BY_SIGNS = ("chinese", "japanese")
BY_WORDS = tuple(sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem not in BY_SIGNS))


def meanings(language: str) -> list[list[str]]:
    """The folded words of each meaning, as the file of a language lists them."""
    lines = (FOLDER / f"{language}.txt").read_text("utf-8").splitlines()
    return [fold(line).split() for line in lines if line and not line.startswith("#")]


def of(word: str, language: str) -> Iterator[str]:
    """The terms of the synonyms of a folded word, or of two neighbouring signs. The word's own terms may be among them."""
    if word in _by_sign():
        yield from _by_sign()[word]
        return
    # A single word shows no language, so every language that lists it counts.
    for name in (language,) if language else _listing().get(word, ()):
        known = _by_root(name) if name in BY_WORDS else {}
        yield from dict.fromkeys(term for root in roots(word, name) for term in known.get(root, ()))


def roots(word: str, language: str) -> tuple[str, ...]:
    """The forms by which a folded word is looked up."""
    if language == "turkish":
        return tuple(filter(None, dict.fromkeys((turkish.noun(word), turkish.verb(word)))))
    return languages.stems(word, language)


@cache
def _listing() -> dict[str, tuple[str, ...]]:
    """For each word the languages whose file lists it."""
    found: dict[str, tuple[str, ...]] = {}
    for name in BY_WORDS:
        for word in {word for words in meanings(name) for word in words}:
            found[word] = (*found.get(word, ()), name)
    return found


@cache
def _by_root(language: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for words in meanings(language):
        # Also by the words themselves, because a text too short to show its language is stemmed as another one.
        terms = dict.fromkeys(one for word in words for one in (word, *languages.stems(word, language)))
        for known_by in dict.fromkeys(root for word in words for root in roots(word, language)):
            found.setdefault(known_by, []).extend(terms)
    return {known_by: tuple(dict.fromkeys(others)) for known_by, others in found.items()}


@cache
def _by_sign() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for pairs in (pairs for language in BY_SIGNS for pairs in meanings(language)):
        for pair in pairs:
            found.setdefault(pair, []).extend(one for one in pairs if one != pair)
    return {pair: tuple(dict.fromkeys(others)) for pair, others in found.items()}
