"""Words as they are compared: case and accents folded, stemmed, without those that say nothing."""

import re
import unicodedata

import snowballstemmer

_STEMMER = snowballstemmer.stemmer("english")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# Carry no subject of their own; a question is matched by its other words.
SILENT = frozenset(
    "a about all am an and any are as at be been but by can could did do does for from get had has have how i if in "
    "into is it its it's just like may me my of on or our please shall should so some tell that the their them then "
    "there these they this to us was we were what what's when where which who whom why will with would you your".split()
)


def fold(text: str) -> str:
    """`text` in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def terms(text: str) -> list[str]:
    """The words of `text` that carry meaning, in order, each once."""
    return list(dict.fromkeys(word for word in words(text) if word not in SILENT))


def stems(text: str) -> list[str]:
    """The stems of the meaningful words of `text`, in order, each once."""
    return list(dict.fromkeys(_STEMMER.stemWords(terms(text))))


def fold_question(text: str) -> str:
    """A question as Q&A pairs are matched: case, accents, punctuation and spacing do not count."""
    return " ".join(words(text))[:500]
