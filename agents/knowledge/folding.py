"""Words as they are compared: case and accents folded, stemmed, without those that say nothing."""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

_STEMMER = snowballstemmer.stemmer("english")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# Letters. Nobody asks by a longer word, databases refuse to look for one, and stemming one takes its square in time.
LONGEST_WORD = 100
# Carry no subject of their own; a question is matched by its other words.
SILENT = frozenset(
    "a about all am an and any are as at be been but by can could did do does for from get had has have how i if in "
    "into is it its it's just like may me my of on or our please shall should so some tell that the their them then "
    "there these they this to us was we were what what's when where which who whom why will with would you your".split()
)


def fold(text: str) -> str:
    """`text` in lower case, without accents."""
    return text.lower() if text.isascii() else "".join(map(_bare, text.casefold()))


# A letter at a time: a whole text would first have its accents put in order, which takes a step for each pair of them.
@lru_cache(maxsize=4096)
def _bare(letter: str) -> str:
    decomposed = unicodedata.normalize("NFKD", letter)
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def terms(text: str) -> list[str]:
    """The words of `text` that carry meaning, in order, each once."""
    return list(
        dict.fromkeys(word for word in words(text) if word not in SILENT and len(word) <= LONGEST_WORD)
    )


def stems(text: str, *, most: int | None = None) -> list[str]:
    """The stems of the meaningful words of `text` (of the first `most` of them), in order, each once."""
    return list(dict.fromkeys(_STEMMER.stemWords(terms(text)[:most])))


def fold_question(text: str) -> str:
    """A question as Q&A pairs are matched: case, accents, punctuation and spacing do not count."""
    return " ".join(words(text))[:500]
