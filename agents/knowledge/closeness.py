"""Whether a question is clearly one of the stored ones, put another way."""

from collections.abc import Sequence

from agents.knowledge import languages, spelling, terms
from agents.knowledge.folding import composed, fold
from agents.knowledge.found import Found

# Words that a longer question may differ in: one of so many.
ONE_OF = 6


def clearly_meant(question: str, pairs: Sequence[Found]) -> Found | None:
    """The one of `pairs` (their heading is their question) that asks the same; None when it is none, or several."""
    asked = _Gist(question)
    close = [pair for pair in pairs if asked.is_like(_Gist(pair.heading))] if asked.words else []
    return close[0] if len({pair.text for pair in close}) == 1 else None


def asks_the_same(question: str, heading: str) -> bool:
    """Whether a section's heading is the question, put another way."""
    asked = _Gist(question)
    return bool(asked.words) and asked.is_like(_Gist(heading))


class _Gist:
    """What a question asks: its words without the small ones, its question words, and what must not differ at all."""

    def __init__(self, question: str) -> None:
        runs = terms.runs(fold(question))
        language = languages.of(runs, question)
        self.words = {word.text: word for word in terms.words_of(question, language).values()}
        self.asks = frozenset(runs) & languages.EVERY_ASKING
        # Numbers with their signs, names like C++, and words that turn the question round.
        self.fixed = (
            frozenset(one for one in runs if not one.isalpha())
            | (frozenset(runs) & languages.DENYING)
            | _signed(question)
        )
        self.is_blankless = any(terms.is_blankless(run) for run in runs)

    def is_like(self, other: "_Gist") -> bool:
        if self.fixed != other.fixed or self.asks != other.asks or self.is_blankless != other.is_blankless:
            return False
        if self.is_blankless:
            return self.words.keys() == other.words.keys()
        mine = [word for word in self.words.values() if not _is_in(word, other)]
        theirs = [word for word in other.words.values() if not _is_in(word, self)]
        return not mine and not theirs


def _is_in(word: "terms.Word", other: _Gist) -> bool:
    """Whether `other` has the word, an inflection of it, or a slip of it."""
    mine = {term for term, _, is_opening in word.terms if not is_opening}
    for one in other.words.values():
        if mine & {term for term, _, is_opening in one.terms if not is_opening}:
            return True
        most = min(spelling.most_edits(word.text), spelling.most_edits(one.text), 1)
        if most and spelling.distance(word.text, one.text, most) is not None:
            return True
    return False


def _signed(question: str) -> frozenset[str]:
    """Numbers with the sign before them and the unit after: -5, 5 %, +3."""
    found = set()
    for word in composed(question).split():
        bare = word.strip(".,;:!?()[]\"'“”„«»¿¡。？！")
        if any(sign.isdigit() for sign in bare) or any(sign in "+#%$€£¥@&=<>/\\*^~" for sign in bare):
            found.add(bare.casefold())
    return frozenset(found)
