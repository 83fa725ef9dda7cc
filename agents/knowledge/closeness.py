"""Whether a question is clearly one of the Q&A pairs' questions in other words."""

from collections.abc import Sequence

from agents.knowledge import languages, spelling, terms
from agents.knowledge.folding import composed, fold
from agents.knowledge.found import Found

# A longer question may differ in one word of so many.
ONE_OF = 6


def clearly_meant(question: str, pairs: Sequence[Found]) -> Found | None:
    """The one of `pairs` that asks the same (a pair's heading is its question); None if none or several do."""
    asked = _Gist(question)
    close = [pair for pair in pairs if asked.is_like(_Gist(pair.heading))] if asked.words else []
    return close[0] if len({pair.text for pair in close}) == 1 else None


def asks_the_same(question: str, heading: str) -> bool:
    """Whether a section's heading is the question in other words."""
    asked = _Gist(question)
    return bool(asked.words) and asked.is_like(_Gist(heading))


class _Gist:
    """What two questions are compared by: their words without small ones, their question words, and what must be equal."""

    def __init__(self, question: str) -> None:
        runs = terms.runs(fold(question))
        language = languages.of(runs, question)
        self.words = {word.text: word for word in terms.words_of(question, language).values()}
        self.asks = frozenset(runs) & languages.EVERY_ASKING
        # What must be equal: numbers with their signs, names like C++, and words that negate.
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
    """Whether `other` has the word, an inflection of it, or a misspelling of it."""
    mine = {term for term, _, is_opening in word.terms if not is_opening}
    for one in other.words.values():
        if mine & {term for term, _, is_opening in one.terms if not is_opening}:
            return True
        most = min(spelling.most_edits(word.text), spelling.most_edits(one.text), 1)
        if most and spelling.distance(word.text, one.text, most) is not None:
            return True
    return False


def _signed(question: str) -> frozenset[str]:
    """Numbers with the sign before and the unit after them: -5, 5 %, +3."""
    found = set()
    for word in composed(question).split():
        bare = word.strip(".,;:!?()[]\"'“”„«»¿¡。？！")
        if any(sign.isdigit() for sign in bare) or any(sign in "+#%$€£¥@&=<>/\\*^~" for sign in bare):
            found.add(bare.casefold())
    return frozenset(found)
