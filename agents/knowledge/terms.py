"""The terms of a text: what the index holds of a passage, and what is looked for of a question.

Of a word: its folded form, its stem in the language of the text, and of compound writings their parts. Of scripts
without blanks: every two neighbours, and each sign alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

from agents.knowledge import languages, particles, synonyms
from agents.knowledge.folding import LONGEST_WORD, fold

# Chinese and Japanese, Thai and Lao, Burmese, Khmer: no blanks between words.
BLANKLESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff々"
HANGUL = "\uac00-\ud7a3"
# Scripts whose vowel signs are no letters for Python.
INDIC = "\u0900-\u0dff"
_RUN = re.compile(
    f"[{BLANKLESS}]+|[{HANGUL}]+|[{INDIC}]+|(?:(?![{BLANKLESS}{HANGUL}{INDIC}])[^\\W_])+[+#]{{0,2}}"
)
_IS_BLANKLESS = re.compile(f"[{BLANKLESS}]")
_IS_HANGUL = re.compile(f"[{HANGUL}]")
# "whatever's" and "l'offre": what an apostrophe cuts off says nothing. So does "1,000" say 1000.
_CUT_OFF = re.compile(
    r"(?<=\w)['’](?:s|re|ve|ll|d|m|t)\b|\b(?:l|d|qu|n|s|t|m|j|c|un|dell|all|nell|sull)['’](?=\w)"
    # What Turkish writes behind a name: "Ankara'nın", "Bank'ta".
    r"|(?<=\w)['’](?:[ns]?[iu]n|[dt][ae]|[dt][ae]n|[dt][ae]ki|[yns]?[aeiu]|y?l[ae]|l[ae]r)\b"
)
_THOUSANDS = re.compile(r"(?<=\d)[,.’' ](?=\d{3}(?!\d))")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_HAS_UMLAUT = re.compile("[äöüÄÖÜ]")
_HAS_OTHER_SPELLING = re.compile("[äöüÄÖÜ]|(?<=[a-z0-9])[A-Z]")
# "e-mail", "non-profit": asked for and written as one word as well.
_HYPHENED = re.compile(r"(?<![\w-])[^\W\d_]{1,12}-[^\W\d_]{2,20}(?![\w-])")
_WRITTEN = re.compile(r"\w+")
# A word that is broken at the end of a line, as PDFs have it.
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-‐\u00ad]\n[ \t]*(?=[^\W\d_])")

# Folded as the text is that they are taken out of.
_FILLER = re.compile("|".join(map(fold, languages.FILLER)))

# Words of a question that are looked for; the sentences that ask come first.
MOST_WORDS = 120
# Letters of a stem that also stands for longer words that begin with it.
SHORTEST_OPENING = 4
# In hundredths: how much a match counts that is not the word itself.
WHOLE, STEM, OPENING, SYNONYM = 100, 95, 60, 50
# A known word for a short one that nobody knows, which others resemble by chance.
SLIP = 55
# Signs of a script without blanks weigh less than words: there are more of them for one meaning.
PAIR, SIGN = 60, 15
# A word that a question is made with, beside one of its subject.
FRAME = 40
# What is told beside what is asked, where at least so many words are.
BESIDE, FEW = 50, 2

_SENTENCE = re.compile(r"[^.!?。？！؟…\n]*[.!?。？！؟…\n]*")
_ASKS = re.compile(r"[?？؟]")


def runs(text: str) -> list[str]:
    """The words of a text that is folded already, and its stretches of scripts without blanks."""
    return _RUN.findall(_CUT_OFF.sub(" ", _THOUSANDS.sub("", text)))


def is_blankless(run: str) -> bool:
    return _IS_BLANKLESS.match(run) is not None


def searchable(heading: str, text: str) -> str:
    """The terms of a passage, separated by blanks, as often as they stand there."""
    whole = _BROKEN_WORD.sub("", f"{heading}\n{text}")
    found = runs(fold(whole))
    language = languages.of(found, whole)
    terms = [term for run in found for term in _of_run(run, language)]
    for word in _WRITTEN.findall(whole) if _HAS_OTHER_SPELLING.search(whole) else ():
        # "für" may be asked for as "fuer", "retryLimit" as two words.
        spelt = fold(word.translate(_UMLAUTS)) if _HAS_UMLAUT.search(word) else ""
        parts = map(fold, _HUMP.split(word)) if _HUMP.search(word) else ()
        terms += [term for one in (spelt, *parts) for run in runs(one) for term in _of_run(run, language)]
    for one in _hyphened(whole, language):
        terms += _of_word(fold(one.replace("-", "")), language)
    return " ".join(terms)


def _hyphened(text: str, language: str) -> list[str]:
    """The words with a hyphen; not those that French joins so to turn a sentence round ("peut-on")."""
    found = _HYPHENED.findall(text) if "-" in text else []
    return [
        one for one in found if language != "french" or one.split("-")[1] not in languages.SILENT["french"]
    ]


@lru_cache(maxsize=4_096)
def of_heading(source: str, heading: str) -> str:
    """The terms of a passage's heading and of its source's title, between blanks. Many passages share them."""
    return f" {searchable(source, heading)} "


def _of_run(run: str, language: str) -> Iterator[str]:
    if is_blankless(run):
        yield from run
        yield from map("".join, pairwise(run))
    elif _IS_HANGUL.match(run):
        if len(run) <= LONGEST_WORD:
            yield run
        yield from map("".join, pairwise(run))
    else:
        yield from _of_word(run, language)


def _of_word(run: str, language: str) -> Iterator[str]:
    if len(run) > LONGEST_WORD:
        return
    yield run
    bare = run.rstrip("+#")
    if bare != run and bare:
        yield bare
    yield from _stems(bare, language)


@lru_cache(maxsize=65_536)
def _stems(word: str, language: str) -> tuple[str, ...]:
    """The stems of a folded word that differ from it, in the language of its text."""
    if not word.isalpha() or len(word) < 3:
        return ()
    tried = _candidates(word, language)
    return tuple(dict.fromkeys(one for name in tried for one in languages.stems(word, name) if one != word))


def _candidates(word: str, language: str) -> tuple[str, ...]:
    first = word[0]
    if "\u0620" <= first <= "\u06ff":
        return ("arabic",)
    if "а" <= first <= "ӿ":
        return ("russian",)
    if first > "\u024f":
        return ()
    return (language,) if language in languages.LATIN else ("english",)


# --- Questions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question, with the terms that stand for it: (term, hundredths that a match counts, is an opening)."""

    text: str
    terms: tuple[tuple[str, int, bool], ...]
    # Hundredths that the whole word counts beside others.
    weight: int = 100


@dataclass(frozen=True, slots=True)
class Query:
    """What a question asks for. `subject`: how many of the first words stand in sentences that ask."""

    words: tuple[Word, ...]
    language: str
    subject: int = field(default=0)


def asked(question: str) -> Query:
    """The words of `question` that carry meaning, those of the sentences that ask first, each once."""
    sentences = [found for found in _SENTENCE.findall(question) if found.strip()]
    asking = [one for one in sentences if _ASKS.search(one)]
    language = languages.of(runs(fold(question)), question)
    subject = _asked_for(" ".join(asking), language) if asking else {}
    every = subject | {
        word: one for word, one in _asked_for(" ".join(sentences), language).items() if word not in subject
    }
    if len(subject) >= FEW:
        every |= {
            text: replace(word, weight=word.weight * BESIDE // 100)
            for text, word in every.items()
            if text not in subject
        }
    words = tuple(_with_synonyms(word, language) for word in list(every.values())[:MOST_WORDS])
    return Query(words, language, min(len(subject), MOST_WORDS))


def _asked_for(text: str, language: str) -> dict[str, Word]:
    """The words of some sentences, with those that are written apart in one place and as one in another."""
    folded = fold(text)
    return _with_verbs(_with_joined(words_of(text, language), folded, language), folded, language)


def _with_joined(words: dict[str, Word], folded: str, language: str) -> dict[str, Word]:
    """What a hyphen joins may be written as one word. That stands for its parts where the first says nothing by itself."""
    found = dict(words)
    for one in _hyphened(folded, language):
        first, last = one.split("-")
        whole = _with_synonyms(_word(first + last, language), language)
        if last in found and first in found and len(first) >= SHORTEST_OPENING:
            found[last] = replace(found[last], terms=(*found[last].terms, *whole.terms))
        elif said := [found.pop(part) for part in (first, last) if part in found]:
            found[whole.text] = replace(said[-1], terms=(*whole.terms, *said[-1].terms))
    return found


def _with_verbs(words: dict[str, Word], folded: str, language: str) -> dict[str, Word]:
    """Verbs of two parts stand for one of these, or are a word more where that one says nothing by itself ("get … back")."""
    found = dict(words)
    for part, particle in particles.verbs(folded, language):
        whole = part + particle if language == "english" else particle + part
        others = tuple((term, SYNONYM, False) for term in synonyms.of(whole, language))
        own = _word(whole, language).terms if language == "german" else ()
        if part in found:
            found[part] = replace(found[part], terms=(*found[part].terms, *own, *others))
        elif others:
            found[whole] = Word(whole, (*own, *others))
        if own or others:
            found.pop(particle, None)
    return found


def _with_synonyms(word: Word, language: str) -> Word:
    had = {term for term, _, _ in word.terms}
    others = tuple((term, SYNONYM, False) for term in synonyms.of(word.text, language) if term not in had)
    return replace(word, terms=(*word.terms, *others)) if others else word


def without_synonyms(word: Word) -> Word:
    """`word` as it was asked, in its own forms only."""
    return replace(word, terms=tuple(one for one in word.terms if one[1] != SYNONYM))


def without_guesses(word: Word) -> Word:
    """`word` without what only means the same, and without what it may have been a slip of by chance."""
    return replace(word, terms=tuple(one for one in word.terms if one[1] not in (SYNONYM, SLIP)))


def taken_apart(word: Word, parts: tuple[str, str], language: str) -> list[Word]:
    """The two parts of a compound as words that weigh like the whole; what means the same as that goes with the first."""
    first, last = (
        replace(_with_synonyms(_word(part, language), language), weight=word.weight) for part in parts
    )
    return [replace(first, terms=(*first.terms, *synonyms_alone(word).terms)), last]


def synonyms_alone(word: Word) -> Word:
    """What only means the same as `word`; it has no terms where there is no such word."""
    return replace(word, terms=tuple(one for one in word.terms if one[1] == SYNONYM))


def words_of(text: str, language: str) -> dict[str, Word]:
    silent = languages.SILENT.get(language, languages.SILENT["english"])
    found: dict[str, Word] = {}
    folded = fold(text)
    if not folded.isascii():
        folded = _FILLER.sub(" ", folded)
    for run in runs(folded):
        if len(found) >= MOST_WORDS:
            break
        if is_blankless(run):
            found |= {word.text: word for word in _signs(run) if word.text not in found}
        elif (
            run not in silent
            and len(run) <= LONGEST_WORD
            and not (len(run) == 1 and run.isalpha() and run.isascii())
        ):
            found[run] = _word(run, language)
    return found


def _signs(run: str) -> Iterator[Word]:
    """Every two neighbours; each sign alone as well where it means something, for words that share one of two."""
    for pair in map("".join, pairwise(run)):
        yield Word(pair, ((pair, WHOLE, False),), PAIR // 2 if _is_kana(pair) else PAIR)
    for sign in run:
        if not _is_kana(sign) or len(run) == 1:
            yield Word(sign, ((sign, WHOLE, False),), SIGN)


def _is_kana(pair: str) -> bool:
    """Whether it is of Hiragana alone (Katakana is folded to it): often an ending."""
    return all("\u3041" <= sign <= "\u3096" for sign in pair)


def _word(run: str, language: str) -> Word:
    if _IS_HANGUL.match(run):
        pairs = [(pair, 70, False) for pair in map("".join, pairwise(run))]
        return Word(run, ((run, WHOLE, False), *pairs))
    terms = {run: (WHOLE, False)}
    # A question may be too short to show its language.
    tried = (language, "english") if language in languages.LATIN else languages.LATIN
    for name in dict.fromkeys(tried):
        for one in _stems(run, name):
            terms.setdefault(one, (STEM, False))
    shortest = min((term for term in terms if len(term) >= SHORTEST_OPENING), key=len, default="")
    listed = [(term, share, is_opening) for term, (share, is_opening) in terms.items()]
    if shortest and shortest.isalpha():
        listed.append((shortest, OPENING, True))
    return Word(run, tuple(listed), FRAME if run in languages.FRAMES.get(language, ()) else 100)


def share(word: Word, searchable: str) -> int:
    """How much of `word` is in terms that stand between blanks, in hundredths."""
    return max(
        (
            share
            for term, share, is_opening in word.terms
            if (f" {term}" if is_opening else f" {term} ") in searchable
        ),
        default=0,
    )
