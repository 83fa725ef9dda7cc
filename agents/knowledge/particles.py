"""Verbs whose two parts a sentence separates: "pick it up" is "pickup", "Wann holt ihr es ab?" is "abholt".

Only questions are examined. A verb that is found is added to the question's words. It leads to synonyms ("collect"),
and in German to the form in documents ("abholen").
"""

import re

# The most characters of a question that are examined.
MOST_CHARACTERS = 2_000
# Folded text. At most two words are between the parts: "send the broken parcel back".
_ENGLISH = re.compile(
    r"\b(?P<verb>[a-z]{2,15})(?= (?P<between>(?:[a-z]{1,15} ){0,3}?)(?P<particle>up|down|off|out|back|in|on|over|away)\b)"
)
_GERMAN = re.compile(
    r"(?P<begin>[a-z]+(?: [a-z]+){1,2}).{0,120}? "
    r"(?P<particle>ab|an|auf|aus|ein|mit|zuruck|um|vor|zu|weg|los|fest|nach|weiter|vorbei|zusammen|bei|durch)\Z"
)
_CLAUSE = re.compile(r"[^.,;:?!\n]+")
_NO_VERBS = frozenset(
    "wie wo was wann wer warum wieso woran womit oft lange viel viele genau und aber wenn".split()
)


def verbs(folded: str, language: str) -> list[tuple[str, str]]:
    """The verbs of two parts in a question: each with its particle."""
    text = folded[:MOST_CHARACTERS]
    if language == "english":
        return [(one["verb"], one["particle"]) for one in _ENGLISH.finditer(text)]
    if language == "german":
        return [one for clause in _CLAUSE.findall(text) for one in _german(clause.strip())]
    return []


def _german(clause: str) -> list[tuple[str, str]]:
    found = _GERMAN.match(clause)
    if found is None:
        return []
    verb = next((word for word in found["begin"].split() if word not in _NO_VERBS), "")
    return [(verb, found["particle"])] if verb else []
