"""Folding: the normalisation of texts and of questions before they are compared.

    fold(text)           for finding: case, width, ligatures, accents and invisible signs do not count
    exact(question)      for Q&A pairs: case, blanks, apostrophes and closing marks do not count, all else does

What is shown to people is never folded.
"""

import re
import unicodedata

# The most letters of a word. Nobody asks with a longer one, and databases refuse to search for some.
LONGEST_WORD = 40
# The most characters of a Q&A pair's question.
LONGEST_QUESTION = 500

# More marks on one letter than any language writes. Limited because sorting them takes the square of their number.
MOST_MARKS = 8
_MARKS = "".join(
    chr(point)
    for start, end in (
        (0x300, 0x3100),
        (0xA66F, 0xABF0),
        (0xFB1E, 0xFE30),
        (0x10A00, 0x11000),
        (0x1D165, 0x1E950),
    )
    for point in range(start, end)
    # U+0F73 has no combining class but decomposes into two marks.
    if unicodedata.combining(unicodedata.normalize("NFKD", chr(point))[0])
)
_TOO_MANY_MARKS = re.compile(f"([{_MARKS}]{{{MOST_MARKS}}})[{_MARKS}]+")

# Signs that show nothing or only stretch a word: soft hyphen, zero-width signs, directions, the Arabic tatweel.
INVISIBLE = dict.fromkeys(
    [0xAD, 0x34F, 0x61C, 0x640, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
     *range(0xFE00, 0xFE10), 0xFEFF]
)  # fmt: skip
# Letters without a Unicode decomposition that people write in two ways.
_LIKE = {
    "ı": "i", "İ": "i", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ħ": "h",
    "ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ٱ": "ا", "ς": "σ", "й": "й",
}  # fmt: skip
_KATAKANA, _HIRAGANA = 0x30A1, 0x3041


def _without_marks(letter: str) -> str:
    """The letter without its accents, in scripts whose words are recognised without them; が is not か."""
    bare = unicodedata.normalize("NFD", letter)
    first = ord(bare[0])
    if first < 0x530 or 0x590 <= first < 0x700:  # Latin, Greek, Cyrillic; Hebrew, Arabic
        return "".join(mark for mark in bare if not unicodedata.combining(mark)) or ""
    return letter


class _Letters(dict[int, str]):
    """The folded form of each letter, computed once for each."""

    def __missing__(self, point: int) -> str:
        letter = chr(point)
        if letter in _LIKE:
            found = _LIKE[letter]
        elif _KATAKANA <= point <= 0x30F6:
            found = chr(point - _KATAKANA + _HIRAGANA)
        elif letter.isdecimal():
            found = str(unicodedata.decimal(letter))
        else:
            found = "".join(_LIKE.get(one, _without_marks(one)) for one in letter.casefold())
        self[point] = found
        return found


_letters = _Letters()


def fold(text: str) -> str:
    """`text` for finding: "Hauptstraße", "HAUPTSTRASSE" and "ﬁn" as "hauptstrasse" and "fin"; "İ" and "ı" as "i"."""
    return text.lower() if text.isascii() else composed(text).translate(_letters)


def composed(text: str) -> str:
    """`text` in normal form NFKC, without invisible signs."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _TOO_MANY_MARKS.sub(r"\1", text.translate(INVISIBLE)))


def accents_composed(text: str) -> str:
    """`text` in normal form NFC, which lengthens no text much, so that long ones can be compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", _TOO_MANY_MARKS.sub(r"\1", text))


_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ`´＇′"), "'") | dict.fromkeys(map(ord, "“”„«»"), '"')
# Signs that databases do not accept in text.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_CLOSING = " .?!…。？！؟।;:,\"'"
_OPENING = " ¿¡\"'"


def exact(question: str) -> str:
    """The form by which a question matches a Q&A pair word for word: C++ is not C#, -5 is not 5, résumé is not resume."""
    # Done before composing, which turns some apostrophes into a blank and an accent.
    text = (
        composed(_UNSTORABLE.sub(" ", question).translate(_APOSTROPHES))
        .replace("İ", "i")
        .casefold()
        .replace("ı", "i")
    )
    blanks = " ".join(text.split())
    return (blanks.rstrip(_CLOSING).lstrip(_OPENING) or blanks)[:LONGEST_QUESTION]


_WORD = re.compile(r"[^\W_]+")


def fold_question(question: str) -> str:
    """Only the words of a question, in order; empty if it has none."""
    return " ".join(_WORD.findall(fold(question)))[:LONGEST_QUESTION]
