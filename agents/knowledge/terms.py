"""Terms: the units by which passages are indexed and questions are searched.

A word has its folded form, its stem in the language of the text and, if it has hyphens and the like, its parts. In
scripts without blanks each pair of neighbouring signs and each single sign is a term.
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
# Scripts whose vowel signs Python does not count as letters.
INDIC = "\u0900-\u0dff"
_RUN = re.compile(
    f"[{BLANKLESS}]+|[{HANGUL}]+|[{INDIC}]+|(?:(?![{BLANKLESS}{HANGUL}{INDIC}])[^\\W_])+[+#]{{0,2}}"
)
_IS_BLANKLESS = re.compile(f"[{BLANKLESS}]")
_IS_HANGUL = re.compile(f"[{HANGUL}]")
# In "whatever's" and "l'offre" the part cut off by the apostrophe is dropped. "1,000" becomes 1000.
_CUT_OFF = re.compile(
    r"(?<=\w)['’](?:s|re|ve|ll|d|m|t)\b|\b(?:l|d|qu|n|s|t|m|j|c|un|dell|all|nell|sull)['’](?=\w)"
    # Turkish endings after a name: "Ankara'nın", "Bank'ta".
    r"|(?<=\w)['’](?:[ns]?[iu]n|[dt][ae]|[dt][ae]n|[dt][ae]ki|[yns]?[aeiu]|y?l[ae]|l[ae]r)\b"
)
_THOUSANDS = re.compile(r"(?<=\d)[,.’' ](?=\d{3}(?!\d))")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_HAS_UMLAUT = re.compile("[äöüÄÖÜ]")
_HAS_OTHER_SPELLING = re.compile("[äöüÄÖÜ]|(?<=[a-z0-9])[A-Z]")
# Words like "e-mail" and "non-profit" are also written as one word.
_HYPHENED = re.compile(r"(?<![\w-])[^\W\d_]{1,12}-[^\W\d_]{2,20}(?![\w-])")
_WRITTEN = re.compile(r"\w+")
# A word broken at the end of a line, as in PDFs.
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])[-‐\u00ad]\n[ \t]*(?=[^\W\d_])")

# Folded, like the text from which they are removed.
_FILLER = re.compile("|".join(map(fold, languages.FILLER)))

# The most words of a question that are searched; words of sentences that ask come first.
MOST_WORDS = 120
# The least letters of a stem that also matches longer words beginning with it.
SHORTEST_OPENING = 4
# In hundredths: how much matches other than the word itself count.
WHOLE, STEM, OPENING, SYNONYM = 100, 95, 60, 50
# A known word in place of an unknown short one, which words resemble by chance.
SLIP = 55
# Signs of a script without blanks weigh less than words, because one meaning has more of them.
PAIR, SIGN = 60, 15
# A word that only forms the question, compared with one of its subject.
FRAME = 40
# Words of sentences that do not ask, in a question with at least so many words that do.
BESIDE, FEW = 50, 2

_SENTENCE = re.compile(r"[^.!?。？！؟…\n]*[.!?。？！؟…\n]*")
_ASKS = re.compile(r"[?？؟]")


def runs(text: str) -> list[str]:
    """The words of a folded text, and its runs of scripts without blanks."""
    return _RUN.findall(_CUT_OFF.sub(" ", _THOUSANDS.sub("", text)))


def is_blankless(run: str) -> bool:
    return _IS_BLANKLESS.match(run) is not None


def searchable(heading: str, text: str) -> str:
    """The terms of a passage, separated by blanks, each as often as it occurs."""
    whole = _BROKEN_WORD.sub("", f"{heading}\n{text}")
    found = runs(fold(whole))
    language = languages.of(found, whole)
    terms = [term for run in found for term in _of_run(run, language)]
    for word in _WRITTEN.findall(whole) if _HAS_OTHER_SPELLING.search(whole) else ():
        # Questions may write "für" as "fuer", and "retryLimit" as two words.
        spelt = fold(word.translate(_UMLAUTS)) if _HAS_UMLAUT.search(word) else ""
        parts = map(fold, _HUMP.split(word)) if _HUMP.search(word) else ()
        terms += [term for one in (spelt, *parts) for run in runs(one) for term in _of_run(run, language)]
    for one in _hyphened(whole, language):
        terms += _of_word(fold(one.replace("-", "")), language)
    return " ".join(terms)


def _hyphened(text: str, language: str) -> list[str]:
    """Words with a hyphen, except French inversions ("peut-on")."""
    found = _HYPHENED.findall(text) if "-" in text else []
    return [
        one for one in found if language != "french" or one.split("-")[1] not in languages.SILENT["french"]
    ]


@lru_cache(maxsize=4_096)
def of_heading(source: str, heading: str) -> str:
    """The terms of a passage's heading and its source's title, between blanks. Cached, because many passages share them."""
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
    # In hundredths: how much the word counts compared with others.
    weight: int = 100


@dataclass(frozen=True, slots=True)
class Query:
    """The words to search for. `subject`: how many of the first ones are from sentences that ask."""

    words: tuple[Word, ...]
    language: str
    subject: int = field(default=0)


def asked(question: str) -> Query:
    """The meaningful words of `question`, each once; first those of sentences that ask."""
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
    """The words of some sentences, including spellings as one word and as two."""
    folded = fold(text)
    return _with_verbs(_with_joined(words_of(text, language), folded, language), folded, language)


def _with_joined(words: dict[str, Word], folded: str, language: str) -> dict[str, Word]:
    """A hyphenated word may also be written as one.

    The joined form replaces the parts if the first part means nothing alone.
    """
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
    """A verb of two parts replaces its first part, or is added if that part means nothing alone ("get … back")."""
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
    """`word` with its own forms only."""
    return replace(word, terms=tuple(one for one in word.terms if one[1] != SYNONYM))


def without_guesses(word: Word) -> Word:
    """`word` without synonyms, and without corrections that may match by chance."""
    return replace(word, terms=tuple(one for one in word.terms if one[1] not in (SYNONYM, SLIP)))


def taken_apart(word: Word, parts: tuple[str, str], language: str) -> list[Word]:
    """The two parts of a compound as words with the weight of the whole. Its synonyms go with the first part."""
    first, last = (
        replace(_with_synonyms(_word(part, language), language), weight=word.weight) for part in parts
    )
    return [replace(first, terms=(*first.terms, *synonyms_alone(word).terms)), last]


def synonyms_alone(word: Word) -> Word:
    """Only the synonyms of `word`; without any, the result has no terms."""
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
    """Each pair of neighbouring signs; also each sign that means something alone, to match words that share only one."""
    for pair in map("".join, pairwise(run)):
        yield Word(pair, ((pair, WHOLE, False),), PAIR // 2 if _is_kana(pair) else PAIR)
    for sign in run:
        if not _is_kana(sign) or len(run) == 1:
            yield Word(sign, ((sign, WHOLE, False),), SIGN)


def _is_kana(pair: str) -> bool:
    """Whether the text is only Hiragana (Katakana is folded to it), which often is an ending."""
    return all("\u3041" <= sign <= "\u3096" for sign in pair)


def _word(run: str, language: str) -> Word:
    if _IS_HANGUL.match(run):
        pairs = [(pair, 70, False) for pair in map("".join, pairwise(run))]
        return Word(run, ((run, WHOLE, False), *pairs))
    terms = {run: (WHOLE, False)}
    # As English as well, because a question may be too short to show its language.
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
    """How much of `word` is in a text given as terms between blanks, in hundredths."""
    return max(
        (
            share
            for term, share, is_opening in word.terms
            if (f" {term}" if is_opening else f" {term} ") in searchable
        ),
        default=0,
    )
