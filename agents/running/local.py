"""Bookbag Local: answers by quoting the section that answers, word for word. No key, no network.

It says one of four things: something kind to a greeting, the answer, "the nearest I have" when the sources do not speak
of all that is asked, or the fallback when they do not speak of it at all.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agents.knowledge import closeness, courtesy, terms, wanting
from agents.knowledge.found import PAIRS, Found, Hits
from agents.knowledge.quoting import Unit, units
from agents.knowledge.terms import Query, Word

# How many parts of a section are quoted together, or after one that leads to a list, and about how many characters.
MOST_UNITS, MOST_LED_TO = 4, 12
MOST_CHARACTERS = 600
# A part beside the best one is quoted with it when it speaks of the question at least half as much as the best one.
AS_MUCH = 0.5
# How much of what is asked (rare words weigh more) the quoted parts must speak of to be the answer. What speaks of less is
# only given as the nearest.
ANSWERS = 0.7
# Less is enough where a number is asked for and one is quoted. Still less in scripts without blanks: their terms are pairs of
# neighbouring signs, and those of a question that reach from one word into the next stand in no text.
ANSWERS_IN_NUMBERS, ANSWERS_BLANKLESS = 0.66, 0.55
# The rarest word that is missing from a quotation must weigh at most so much of the rarest that is asked for.
MOST_LACKING = 0.75
# The same for a stored question and its answer, which are about one thing.
PAIR_LACKING = 0.2
# A section is the answer only if it speaks of the question so much more than the next one.
AHEAD = 0.1
# A question of more words tells a story: only its sentences that end in a question mark say what it asks.
LONG = 12
# How many sections are given as the nearest, and how near each must be, measured by the first.
MOST_NEAR, AS_NEAR = 3, 0.4
# How many of the best passages are looked at.
LOOKED_AT = 5

_FEW_WORDS = re.compile(r"\S+(?:\s+\S+){0,3}\s*")


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """`text` is what is said; `marked` is the same with "[1]" after what comes from the first of `citations`."""

    text: str
    citations: list[Found]
    marked: str = field(default="", compare=False)
    # Whether it is the nearest only.
    is_nearest: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The words that decide, with their weights."""

    words: tuple[Word, ...]
    weights: tuple[float, ...]

    @property
    def literal(self) -> "_Wanted":
        """The same without words that only mean the same or are spelt alike: whether those were meant is a guess."""
        return _Wanted(tuple(map(terms.without_guesses, self.words)), self.weights)

    @property
    def total(self) -> float:
        return sum(self.weights)

    def spoken_of(self, *texts: str) -> float:
        """The weight of the words that are in one of the texts, each given as its terms between blanks."""
        return sum(
            weight * max(terms.share(word, text) for text in texts) / 100
            for word, weight in zip(self.words, self.weights, strict=True)
        )

    def rarest_missing(self, *texts: str) -> float:
        """The weight of the rarest word that is in none of the texts, given as in `spoken_of`; 0 when all are."""
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
    # If another section speaks of it nearly as much, that one may be meant.
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
    """Whether what would be quoted is the answer, and not only near."""
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
    """Whether what would be quoted is of the kind that is asked for: a way, a name, the number of a thing."""
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

    `share`: how much of what is asked the quotation speaks of; `passage_share`: how much the whole passage does.
    `told`: the part that speaks most of it, with what is quoted after it. `sure`: how much of the question that part and
    the next one speak of in the question's own words. `lacks`: the weight of the rarest word that is not quoted, divided by
    that of the rarest word asked. `is_row`: whether the best part is a row of a table. `is_about`: whether the passage can be
    about what is asked: for a question of one word its heading must have that word, and a stored pair must have nearly all
    words.
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
    """The parts of the passage that speak most of what is asked, in their order, under its heading."""
    heading = terms.of_heading(passage.source, passage.heading)
    parts = units(passage.text) or [Unit(passage.text.strip(), 0)]
    contents = [f" {terms.searchable('', part.text)} " for part in parts]
    own = [wanted.spoken_of(content) for content in contents]
    scores = [
        wanted.spoken_of(content, heading) + 0.5 * one for content, one in zip(contents, own, strict=True)
    ]
    best = max(range(len(parts)), key=lambda number: (round(scores[number], 3), -number))
    chosen = _around(parts, scores, own, best)
    # When it is only near, what stands beside it may be what was meant: so all neighbours may come along.
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
    """The best part with those beside it, as far as they fit; a lead ("as follows:") with what it leads to.

    `own`: how much each part speaks of the question by itself, without the heading that they share.
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
        # What follows explains, so it is preferred unless what stands before speaks of the question much more.
        if ahead >= 0 and (ahead >= behind * 0.7 or leads):
            taken, after = after, after + 1
        else:
            taken, before = before, before - 1
        chosen.add(taken)
        size += len(parts[taken].text)
    return sorted(chosen)


def _goes_on(parts: Sequence[Unit], own: Sequence[float], best: int, after: int) -> bool:
    """Whether a part behind the best one may be quoted: another row of a table only if it speaks of the question, too."""
    both_are_rows = parts[after].is_row and parts[best].is_row
    return not both_are_rows or own[after] >= AS_MUCH * own[best]


def _belongs(parts: Sequence[Unit], own: Sequence[float], best: int, before: int) -> bool:
    """Whether a part before the best one may be quoted: one that leads to it, is its title, or speaks of the question."""
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
    """With the number of its source after it; below, where it ends with code."""
    return f"{quotation}\n\n[{number}]" if quotation.endswith("```") else f"{quotation} [{number}]"


def pieces(text: str) -> Iterator[str]:
    """`text` a few words at a time, as a provider would stream it."""
    return (found[0] for found in _FEW_WORDS.finditer(text))
