"""Bookbag Local: answers with the best sentences of the best passages, word for word. No key, no network."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import log

from agents.knowledge import folding
from agents.knowledge.index import Found

SENTENCES = 3
# The share of a question's meaningful words (rare ones weigh more) that a passage must speak of. Below
# it the fallback is the honest answer.
RELEVANT = 0.5

# Words of a question that are looked at; nobody's question has more, and each is weighed against each sentence.
MOST_WANTED = 200

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
# No part may run over a sign at which another attempt begins, else a text of those signs takes its square in time.
_MARKUP = re.compile(r"[*_`]+|^[^\S\n]*(?:[-+]|\d+\.)\s+|\[([^][]*)\]\([^)[]*\)", re.MULTILINE)
_FEW_WORDS = re.compile(r"\S+(?:\s+\S+){0,3}\s*")


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is word for word the sources'; `marked` is the same with "[1]" after what comes from the first of `citations`."""

    text: str
    citations: list[Found]
    marked: str = field(default="", compare=False)


def relevant(question: str, passages: list[Found]) -> list[Found]:
    """The passages that speak of enough of what is asked, best first."""
    wanted = folding.stems(question, most=MOST_WANTED)
    if not wanted:
        return []
    contents = [set(folding.stems(f"{p.heading} {p.text}")) for p in passages]
    weight = _weights(wanted, contents)
    total = sum(weight.values())
    scored = [
        (sum(weight[stem] for stem in wanted if stem in content) / total, p)
        for p, content in zip(passages, contents, strict=True)
    ]
    return [p for score, p in sorted(scored, key=lambda pair: -pair[0]) if score >= RELEVANT]


def answer(question: str, passages: list[Found], *, fallback: str) -> Answer:
    """The best one to three sentences, in reading order, with the passages they come from; else `fallback`."""
    wanted = folding.stems(question, most=MOST_WANTED)
    best = relevant(question, passages)[:3]
    if not best:
        return Answer(fallback, [], fallback)
    candidates = [
        (rank, place, sentence)
        for rank, p in enumerate(best)
        for place, sentence in enumerate(_sentences(p.text))
    ]
    if not candidates:
        return Answer(fallback, [], fallback)
    contents = [set(folding.stems(sentence)) for _, _, sentence in candidates]
    weight = _weights(wanted, contents)
    # Words of the heading count for each sentence below it, a little less than its own.
    headings = [set(folding.stems(p.heading)) for p in best]
    scores = []
    for (rank, place, _), content in zip(candidates, contents, strict=True):
        own = sum(weight[stem] for stem in wanted if stem in content)
        lent = sum(weight[stem] for stem in wanted if stem in headings[rank] and stem not in content)
        scores.append(own + 0.6 * lent - 0.15 * rank - 0.02 * place)
    top = max(scores)
    chosen = sorted(range(len(scores)), key=lambda i: -scores[i])[:SENTENCES]
    chosen = [i for i in chosen if scores[i] >= 0.6 * top]
    picked = sorted(candidates[i] for i in chosen)
    cited = [best[rank] for rank in sorted({rank for rank, _, _ in picked})]
    text = " ".join(sentence for _, _, sentence in picked)
    return Answer(text, cited, _with_marks([(rank, sentence) for rank, _, sentence in picked]))


def _with_marks(picked: list[tuple[int, str]]) -> str:
    """The sentences, each passage's followed by the number that it has among those cited."""
    runs = [[sentence for _, sentence in run] for _, run in groupby(picked, key=lambda one: one[0])]
    return " ".join(f"{' '.join(run)} [{number}]" for number, run in enumerate(runs, start=1))


def _weights(wanted: list[str], contents: list[set[str]]) -> dict[str, float]:
    seen = Counter(stem for content in contents for stem in content)
    return {stem: log(1 + (len(contents) + 1) / (1 + seen[stem])) for stem in wanted}


def _sentences(text: str) -> list[str]:
    plain = _MARKUP.sub(lambda match: match[1] or "", text)
    lines = [sentence.strip() for sentence in _SENTENCE.split(plain)]
    prose = [line for line in lines if line and not line.startswith(("|", "#"))]
    # Scraps are passed over, unless there is nothing else.
    return [line for line in prose if len(line) > 15] or prose


def pieces(text: str) -> Iterator[str]:
    """`text` a few words at a time, as a provider would stream it."""
    return (found[0] for found in _FEW_WORDS.finditer(text))
