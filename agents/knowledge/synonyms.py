"""Everyday words that people ask by where a document uses another: "reimburse" and "refund", "kid" and "child".

Of what shops, offices, hotels and services are asked most. They stand in a file for each language under `data/synonyms`,
whose head says how; each is read once.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from agents.knowledge import languages
from agents.knowledge.folding import fold

FOLDER = Path(__file__).parent / "data" / "synonyms"
# Languages whose texts are looked through by every two neighbouring signs; a question may be too short to tell which it is.
BY_SIGNS = ("chinese", "japanese")
BY_WORDS = tuple(sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem not in BY_SIGNS))
# Letters by which a Turkish word is known here: its stem itself changes with its endings ("kurmak", "kurmuş").
TURKISH_ROOT = 4


def meanings(language: str) -> list[list[str]]:
    """The folded words of each meaning, as the file of a language lists them."""
    lines = (FOLDER / f"{language}.txt").read_text("utf-8").splitlines()
    return [fold(line).split() for line in lines if line and not line.startswith("#")]


def of(word: str, language: str) -> Iterator[str]:
    """The terms of words that mean the same as a folded word of a question, or as two neighbouring signs; maybe its own."""
    if word in _by_sign():
        yield from _by_sign()[word]
    elif language in BY_WORDS:
        yield from _by_root(language).get(root(word, language), ())


def root(word: str, language: str) -> str:
    """That by which a folded word is looked up."""
    return word[:TURKISH_ROOT] if language == "turkish" else languages.stem(word, language)


@cache
def _by_root(language: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for words in meanings(language):
        # The words as well: a text too short to show its language has stems of another.
        terms = dict.fromkeys(one for word in words for one in (word, languages.stem(word, language)))
        for known_by in dict.fromkeys(root(word, language) for word in words):
            found.setdefault(known_by, []).extend(terms)
    return {known_by: tuple(dict.fromkeys(others)) for known_by, others in found.items()}


@cache
def _by_sign() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for pairs in (pairs for language in BY_SIGNS for pairs in meanings(language)):
        for pair in pairs:
            found.setdefault(pair, []).extend(one for one in pairs if one != pair)
    return {pair: tuple(dict.fromkeys(others)) for pair, others in found.items()}
