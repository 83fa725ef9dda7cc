"""Bookbag Local: answers by quoting the fitting section word for word. No key, no network.

A reply is one of four things: a courtesy in return for one, the answer, "the nearest I have" when the sources cover
only part of the question, or the fallback text when they cover none of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agents.knowledge import closeness, courtesy, terms, wanting
from agents.knowledge.found import PAIRS, Found, Hits
from agents.knowledge.quoting import Unit, units
from agents.knowledge.terms import Query, Word

# How many parts of a section are quoted together at most, or (MOST_LED_TO) where a lead is quoted with its list; and
# about how many characters.
MOST_UNITS, MOST_LED_TO = 4, 12
MOST_CHARACTERS = 600
# A part next to the best one is quoted too when it covers the question at least half as much as the best one does.
AS_MUCH = 0.5
# The share of the question (rare words weigh more) that the quoted parts must cover to be the answer. Parts that
# cover less are given only as the nearest.
ANSWERS = 0.7
# A smaller share is enough where a number is asked for and one is quoted. In scripts without blanks it is smaller
# still: their terms are pairs of neighbouring signs, and the pairs of a question that span two words are found in no
# text.
ANSWERS_IN_NUMBERS, ANSWERS_BLANKLESS = 0.66, 0.55
# The most that the rarest missing word of a quotation may weigh, as a share of the question's rarest word.
MOST_LACKING = 0.75
# The same limit for a Q&A pair. It is stricter, because a pair is about one thing.
PAIR_LACKING = 0.2
# A section is the answer only if its score is this much above that of the next section.
AHEAD = 0.1
# In a question of more words than this, only sentences that end in a question mark count as what is asked.
LONG = 12
# How many sections are given as the nearest, and the score that each needs as a share of the first one's.
MOST_NEAR, AS_NEAR = 3, 0.4
# How many of the best passages are considered.
LOOKED_AT = 5

_FEW_WORDS = re.compile(r"\S+(?:\s+\S+){0,3}\s*")


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """`marked` is `text` with "[1]" after what is quoted from the first of `citations`, and so on."""

    text: str
    citations: list[Found]
    marked: str = field(default="", compare=False)
    # Whether it is given only as the nearest.
    is_nearest: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The words that decide, with their weights."""

    words: tuple[Word, ...]
    weights: tuple[float, ...]

    @property
    def literal(self) -> "_Wanted":
        """The same words without synonyms and similar spellings, because whether those were meant is a guess."""
        return _Wanted(tuple(map(terms.without_guesses, self.words)), self.weights)

    @property
    def total(self) -> float:
        return sum(self.weights)

    def spoken_of(self, *texts: str) -> float:
        """The weight of the words found in at least one of the texts. Each text is given as its terms between blanks."""
        return sum(
            weight * max(terms.share(word, text) for text in texts) / 100
            for word, weight in zip(self.words, self.weights, strict=True)
        )

    def rarest_missing(self, *texts: str) -> float:
        """The weight of the rarest word that is in none of the texts (given as for `spoken_of`); 0 when each is in one."""
        return max(
            (
                weight
                for word, weight in zip(self.words, self.weights, strict=True)
                if not any(terms.share(word, text) for text in texts)
            ),
            default=0.0,
        )


def answer(question: str, hits: Hits, *, fallback: str) -> LocalAnswer:
    """The answer from what a search found; else `fallback`."""
    said = courtesy.reply_to(question)
    if said:
        return LocalAnswer(said, [], said)
    wanted = _wanted(hits.asked, hits)
    if not wanted.total or not hits.passages:
        return LocalAnswer(fallback, [], fallback)
    quotations = [_quotation(wanted, passage, rank) for rank, passage in enumerate(hits.passages[:LOOKED_AT])]
    ranked = sorted(quotations, key=lambda one: (-round(one.worth, 1), one.rank))
    best = ranked[0]
    if not best.worth:
        return LocalAnswer(fallback, [], fallback)
    # If another section scores nearly as high, that one may be the answer instead.
    is_alone = all(one.worth <= best.worth - AHEAD for one in ranked[1:] if one.text != best.text)
    is_named = closeness.asks_the_same(question, best.passage.heading)
    if is_named or (is_alone and _answers(question, best)):
        return LocalAnswer(best.text, [best.passage], _marked(best.text, 1))
    near = [one for one in ranked if one.worth >= AS_NEAR * best.worth][:MOST_NEAR]
    opening = courtesy.nearest(hits.asked.language, question, best.passage.text)
    return LocalAnswer(
        "\n\n".join([opening, *(one.near for one in near)]),
        [one.passage for one in near],
        "\n\n".join([opening, *(_marked(one.near, number) for number, one in enumerate(near, start=1))]),
        is_nearest=True,
    )


def _answers(question: str, best: "_Quotation") -> bool:
    """Whether the quotation is the answer, and not only near it."""
    is_blankless = any(map(terms.is_blankless, question))
    # The rarest words say what the question is about: a text without them is about something else.
    if not is_blankless and best.lacks > MOST_LACKING:
        return False
    if not _suits(question, best) or not best.is_about:
        return False
    if not wanting.wants_number(question):
        return best.sure >= ANSWERS
    least = ANSWERS_BLANKLESS if is_blankless else ANSWERS_IN_NUMBERS
    return best.sure >= least and wanting.has_number(best.told, question, best.passage.heading)


def _suits(question: str, best: "_Quotation") -> bool:
    """Whether the quotation is of the kind that is asked for: a way to do something, a name, a number of things."""
    if best.is_row and wanting.wants_way(question):
        return False
    heading = best.passage.heading
    if heading.rstrip().endswith(("?", "؟")) and wanting.asks_otherwise(question, heading):
        return False
    return not wanting.lacks_name(best.told, question) and wanting.has_count(best.told, question)


def _wanted(asked: Query, hits: Hits) -> _Wanted:
    is_story = 0 < asked.subject < len(asked.words) and len(asked.words) > LONG
    most = asked.subject if is_story else len(asked.words)
    return _Wanted(asked.words[:most], hits.weights[:most])


@dataclass(frozen=True, slots=True)
class _Quotation:
    """What would be quoted of a passage: `text` as the answer, or `near` as the nearest.

    `share`: how much of the question the quotation covers; `passage_share`: how much the whole passage covers.
    `told`: the best part and what is quoted after it. `sure`: how much of the question the best part and the next
    one cover in the question's own words. `lacks`: the weight of the rarest word that is not quoted, divided by the
    weight of the rarest word asked. `is_row`: whether the best part is a row of a table. `is_about`: whether the
    passage can be about the question. For a question of one word its heading must have that word; a Q&A pair must
    have nearly all words.
    """

    text: str
    near: str
    passage: Found
    rank: int
    share: float
    passage_share: float
    told: str
    sure: float
    lacks: float
    is_row: bool
    is_about: bool

    @property
    def worth(self) -> float:
        return 0.7 * self.share + 0.3 * self.passage_share


def _quotation(wanted: _Wanted, passage: Found, rank: int) -> _Quotation:
    """The parts of the passage that cover the question best, in their order, under the passage's heading."""
    heading = terms.of_heading(passage.source, passage.heading)
    parts = units(passage.text) or [Unit(passage.text.strip(), 0)]
    contents = [f" {terms.searchable('', part.text)} " for part in parts]
    own = [wanted.spoken_of(content) for content in contents]
    scores = [
        wanted.spoken_of(content, heading) + 0.5 * one for content, one in zip(contents, own, strict=True)
    ]
    best = max(range(len(parts)), key=lambda number: (round(scores[number], 3), -number))
    chosen = _around(parts, scores, own, best)
    # When the passage is only near, a neighbour of the best part may be what was meant, so `near` may quote any
    # neighbour.
    wide = _around(parts, scores, [0.0] * len(parts), best)
    quoted = wanted.spoken_of(heading, *(contents[number] for number in wide))
    whole = wanted.spoken_of(heading, *contents)
    literal = wanted.literal
    sure = literal.spoken_of(heading, *(contents[number] for number in chosen if number in (best, best + 1)))
    told = "\n".join(parts[number].text for number in chosen if number >= best)
    lacks = literal.rarest_missing(heading, *(contents[number] for number in chosen)) / max(wanted.weights)
    if passage.source == PAIRS:
        is_about = lacks <= PAIR_LACKING
        # A stored answer is quoted whole, with its "Yes." or "No.".
        if len(passage.text) <= MOST_CHARACTERS:
            chosen = wide = list(range(len(parts)))
    else:
        is_about = len(wanted.words) > 1 or not passage.heading or bool(literal.spoken_of(heading))
    return _Quotation(
        _quoted(passage, [parts[number] for number in chosen]), _quoted(passage, [parts[number] for number in wide]),
        passage, rank, quoted / wanted.total, whole / wanted.total, told, sure / wanted.total, lacks,
        parts[best].is_row, is_about,
    )  # fmt: skip


def _quoted(passage: Found, parts: Sequence[Unit]) -> str:
    text = _put_together(parts)
    has_heading = passage.heading and passage.heading != passage.text
    return f"**{passage.heading}**\n\n{text}" if has_heading else text


def _around(parts: Sequence[Unit], scores: Sequence[float], own: Sequence[float], best: int) -> list[int]:
    """The best part with its neighbours, as far as they fit; a lead ("as follows:") with what follows it.

    `own`: how much each part covers the question by itself, without the heading that all parts share.
    """
    chosen, size = {best}, len(parts[best].text)
    leads = parts[best].leads
    before, after = best - 1, best + 1
    while len(chosen) < (MOST_LED_TO if leads else MOST_UNITS):
        room = MOST_CHARACTERS - size
        ahead = behind = -1.0
        if after < len(parts) and len(parts[after].text) <= room and _goes_on(parts, own, best, after):
            ahead = scores[after]
        if before >= 0 and len(parts[before].text) <= room and _belongs(parts, own, best, before):
            behind = scores[before]
        if ahead < 0 and behind < 0:
            break
        # The part after usually explains, so it is preferred unless the part before scores much higher.
        if ahead >= 0 and (ahead >= behind * 0.7 or leads):
            taken, after = after, after + 1
        else:
            taken, before = before, before - 1
        chosen.add(taken)
        size += len(parts[taken].text)
    return sorted(chosen)


def _goes_on(parts: Sequence[Unit], own: Sequence[float], best: int, after: int) -> bool:
    """Whether a part after the best one may be quoted. Another row of a table must cover the question as well."""
    both_are_rows = parts[after].is_row and parts[best].is_row
    return not both_are_rows or own[after] >= AS_MUCH * own[best]


def _belongs(parts: Sequence[Unit], own: Sequence[float], best: int, before: int) -> bool:
    """Whether a part before the best one may be quoted: it must lead to it, be its title, or cover the question."""
    is_title = before == best - 1 and parts[before].is_title
    return parts[before].leads or is_title or own[before] >= AS_MUCH * own[best]


def _put_together(parts: Sequence[Unit]) -> str:
    text = ""
    for before, part in zip([None, *parts], parts, strict=False):
        if before is not None:
            text += (
                " "
                if before.block == part.block and part.flows
                else "\n"
                if before.block == part.block
                else "\n\n"
            )
        text += part.text
    return text


def _marked(quotation: str, number: int) -> str:
    """The quotation with the number of its source after it; on a line below when the quotation ends with code."""
    return f"{quotation}\n\n[{number}]" if quotation.endswith("```") else f"{quotation} [{number}]"


def pieces(text: str) -> Iterator[str]:
    """`text` a few words at a time, as a provider would stream it."""
    return (found[0] for found in _FEW_WORDS.finditer(text))
