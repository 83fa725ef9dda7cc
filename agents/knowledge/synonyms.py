"""Everyday words that people ask by where a document uses another: "reimburse" and "refund", "kid" and "child".

Of what shops, offices, hotels and services are asked most. They stand in a file for each language under `data/synonyms`,
whose head says how; each is read once.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from agents.knowledge import languages, turkish
from agents.knowledge.folding import fold

FOLDER = Path(__file__).parent / "data" / "synonyms"
# Languages whose texts are looked through by every two neighbouring signs; a question may be too short to tell which it is.
BY_SIGNS = ("chinese", "japanese")
BY_WORDS = tuple(sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem not in BY_SIGNS))


def meanings(language: str) -> list[list[str]]:
    """The folded words of each meaning, as the file of a language lists them."""
    lines = (FOLDER / f"{language}.txt").read_text("utf-8").splitlines()
    return [fold(line).split() for line in lines if line and not line.startswith("#")]


def of(word: str, language: str) -> Iterator[str]:
    """The terms of words that mean the same as a folded word of a question, or as two neighbouring signs; maybe its own."""
    if word in _by_sign():
        yield from _by_sign()[word]
        return
    # A word by itself shows no language: then any that lists it.
    for name in (language,) if language else _listing().get(word, ()):
        known = _by_root(name) if name in BY_WORDS else {}
        yield from dict.fromkeys(term for root in roots(word, name) for term in known.get(root, ()))


def roots(word: str, language: str) -> tuple[str, ...]:
    """What a folded word is looked up by."""
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
        # The words as well: a text too short to show its language has stems of another.
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
