"""How long finding and answering take with many passages: `make eval ARGS="--passages 10000"`.

One agent for each of three languages, so many passages each. They are put together of sentences of that language's
documents, drawn with a fixed seed, so most words stand in very many of them: more than in a real manual of that length.
"""

import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from agents.knowledge import index, terms
from agents.knowledge.entries import IndexEntry
from agents.models import Agent, Source
from agents.running import local
from bench.answers import corpus, measuring
from bench.answers.corpus import Document, Question
from bench.report import Table
from llm.models import ChatModel
from workspaces.models import Workspace

LANGUAGES = ("en", "de", "ja")
# Passages of one source, and sentences of one passage.
OF_A_SOURCE, SENTENCES = 500, 8
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
COLUMNS = (
    "Language", "Questions", "Search, median (ms)", "95 % within", "First text of Local, median (ms)", "95 % within",
)  # fmt: skip


@dataclass
class Paces:
    """Seconds of each question: to search, and until Bookbag Local has the first piece of its answer."""

    search: list[float] = field(default_factory=list)
    first_text: list[float] = field(default_factory=list)


def report(workspace: Workspace, local_model: ChatModel, passages: int) -> str:
    """The table as Markdown, on the database that Django is set up with."""
    documents, questions = corpus.load()
    table = Table(f"Pace with {passages:,} passages", COLUMNS)
    for language in LANGUAGES:
        agent = Agent.objects.create(workspace=workspace, name=f"{language}, large", chat_model=local_model)
        fill(agent, [one for one in documents if one.language == language], passages)
        paces = measure(agent, [one for one in questions if one.language == language])
        table.rows.append(
            [
                language,
                str(len(paces.search)),
                *_median_and_most(paces.search),
                *_median_and_most(paces.first_text),
            ]
        )
    return table.markdown()


def fill(agent: Agent, documents: Sequence[Document], passages: int) -> None:
    """Train `agent` on its documents, and on so many passages made of their sentences."""
    measuring.train(agent, documents)
    sentences = [
        sentence.strip()
        for document in documents
        for sentence in _SENTENCE.split(document.text)
        if len(sentence.strip()) > 10
    ]
    chance = random.Random(agent.name)
    for start in range(0, passages, OF_A_SOURCE):
        entries = []
        for number in range(start, min(start + OF_A_SOURCE, passages)):
            heading = f"{chance.choice(sentences)[:50]} {number}"
            text = " ".join(chance.sample(sentences, SENTENCES))[:900]
            entries.append(IndexEntry(heading, text, terms.searchable(heading, text)))
        source = Source.objects.create(
            agent=agent, title=f"Volume {start}", text="", content_hash=f"{start:064}"
        )
        index.write(source, entries)


def measure(agent: Agent, questions: Sequence[Question]) -> Paces:
    """Ask each question once, after one that is not counted."""
    paces = Paces()
    index.search(agent.pk, questions[0].text)
    for question in questions:
        began = time.perf_counter()
        hits = index.search(agent.pk, question.text)
        paces.search.append(time.perf_counter() - began)
        said = hits.answer or local.answer(question.text, hits, fallback=measuring.FALLBACK).text
        next(local.pieces(said))
        paces.first_text.append(time.perf_counter() - began)
    return paces


def _median_and_most(seconds: Sequence[float]) -> list[str]:
    return [f"{1000 * one:.1f}" for one in (median(seconds), quantiles(seconds, n=20)[-1])]
