"""Stems of folded Turkish words: without the endings of nouns and verbs.

A word has a short stem and many endings. They are cut off one after another while enough letters are left. The
result need not be a word, only the same for all forms of a word.
"""

import re
from functools import lru_cache

# The letters that must be left after cutting an ending. Fewer are needed for endings of two letters or more that
# begin with a consonant or have two syllables, because these are hardly ever part of a stem.
SHORTEST, SHORTEST_BEFORE_CLEAR = 4, 3
_CLEAR = r"l[ae]r[iu]?n?|[dt][ae]n?|[dt][ae]ki|s?[iu]nd[ae]n?|n[iu]n|[iu]m[iu]z|[iu]n[iu]z"
_OTHER = r"[dt][iu]r|y?l[ae]|n[iu]|s[iu]|[iu]?m|[iu]n|[yn][aeiu]|[aeiu]"
_ENDINGS = (
    re.compile(f".{{{SHORTEST_BEFORE_CLEAR},}}?(?P<ending>{_CLEAR})"),
    re.compile(f".{{{SHORTEST},}}?(?P<ending>{_OTHER})"),
)
# Endings of tense, with endings that may come before (passive, ability, negation) and after (person).
_VERB = re.compile(
    r"(?P<root>.{3,}?)(?:[iu][ln]|(?<=[aeiou])n)?(?:y?[aeiu]?bil)?(?:m[ae]y?|m(?=[iu]yor))?"
    r"(?:[iu]yor|y?[ae]c[ae][kg]|[aeiu]?r|m[iu]s|[dt][iu]|m[ae]k|m[ae]l[iu]|m[ae]|[dt][iu][kg])"
    r"(?:l[ae]r|[iu]m|[iu]z|s[iu]n[iu]z|s[iu]n|k|m|n[iu]z|n|[dt][iu]r|[dt][iu]|t[ae]|s[iu]|s[ae]|y[iu]|[iu]){0,3}\Z"
)
_VOWELS = "aeiou"
# The last letter of a stem before a vowel, and at the end of a word: "kitabı", "kitap".
_HARD = str.maketrans("gbd", "kpt")


@lru_cache(maxsize=65_536)
def noun(word: str) -> str:
    """The stem of a noun; the word itself if nothing can be cut off."""
    while cut := _cut(word):
        word = cut
    return word[:-1] + word[-1:].translate(_HARD)


def _cut(word: str) -> str:
    found = next((found for ending in _ENDINGS if (found := ending.fullmatch(word))), None)
    return word[: found.start("ending")] if found else ""


@lru_cache(maxsize=65_536)
def verb(word: str) -> str:
    """The stem of a verb ("sakl" for "saklıyorsunuz" and "saklarız"); empty for a word without an ending of verbs."""
    found = _VERB.match(word)
    if found is None:
        return ""
    root = found["root"]
    return root[:-1] if len(root) > 3 and root[-1] in _VOWELS else root
