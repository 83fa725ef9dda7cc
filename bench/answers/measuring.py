"""How well questions are found and answered: what `make eval` counts, over some of the labelled questions."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from uuid import UUID

from agents.knowledge import finding, index, training
from agents.models import Agent
from agents.running import local
from bench.answers import corpus
from bench.answers.corpus import Document, Question

FALLBACK = "I don't know that."
FIRST = 5


@dataclass
class Figures:
    """Counts over some questions.

    `found`: the passage that answers is among the first five. `exact`: of Q&A pairs asked word for word, those that were
    given their own answer. `right`: the answer was given as one; `right_as_nearest`: it is in what was given as the nearest
    only. `refused`: nothing was given as an answer, but the fallback or the nearest. `wrong`: something else was given as
    the answer; `answered_wrongly`: the same where there is none.
    """

    answerable: int = 0
    found: int = 0
    exact_of: int = 0
    exact: int = 0
    right: int = 0
    right_as_nearest: int = 0
    wrong: int = 0
    refused: int = 0
    unanswerable: int = 0
    refused_rightly: int = 0
    answered_wrongly: int = 0
    seconds: list[float] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        return self.answerable + self.unanswerable

    def add(self, other: "Figures") -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def train(agent: Agent, documents: Iterable[Document]) -> None:
    """Train an agent as its people would: Q&A pairs as pairs, rows as the table that reading a CSV file makes of them."""
    for document in documents:
        if document.source == "pairs":
            for question, answer in document.pairs:
                training.add_qa(agent, question=question, answer=answer)
        else:
            training.add_text(agent, title=document.name.partition("-")[2], text=as_source(document))


def as_source(document: Document) -> str:
    if document.source != "rows":
        return document.text
    first = document.text.partition("\n")[0]
    width = max(first.count(";"), first.count(",")) + 1
    cells = [cell.replace("|", "/").replace("\n", " ") for cell in document.cells]
    rows = [" | ".join(cells[start : start + width]) for start in range(0, len(cells), width)]
    return "\n".join([f"| {rows[0]} |", "|" + "---|" * width, *(f"| {row} |" for row in rows[1:])])


def measure(agent_id: UUID, questions: Iterable[Question]) -> Figures:
    """Ask each question of the agent: what is found, and what Bookbag Local says. Then each Q&A pair word for word."""
    figures = Figures()
    for question in questions:
        began = time.perf_counter()
        hits = finding.search(agent_id, question.text)
        said = local.answer(question.text, hits, fallback=FALLBACK)
        figures.seconds.append(time.perf_counter() - began)
        if hits.answer is not None:
            _count(figures, question, hits, hits.answer, is_refusal=False)
        else:
            _count(figures, question, hits, said.text, is_refusal=said.text == FALLBACK or said.is_nearest)
    for pair in Agent.objects.get(pk=agent_id).qa_pairs.all():
        figures.exact_of += 1
        figures.exact += finding.search(agent_id, f" {pair.question.upper()} ").answer == pair.answer
    return figures


def _count(figures: Figures, question: Question, hits: index.Hits, text: str, *, is_refusal: bool) -> None:
    if not question.answerable:
        figures.unanswerable += 1
        figures.refused_rightly += is_refusal
        figures.answered_wrongly += not is_refusal
        if not is_refusal:
            figures.misses.append(f"{question.id} answered: {question.text!r} -> {text[:200]!r}")
        return
    is_found, is_right = _is_found(question, hits), corpus.answers(text, question)
    figures.answerable += 1
    figures.found += is_found
    figures.refused += is_refusal
    figures.right_as_nearest += is_refusal and is_right
    figures.right += is_right and not is_refusal
    figures.wrong += not is_right and not is_refusal
    if not is_found or not is_right:
        what = "not found" if not is_found else "refused" if is_refusal else "wrong"
        figures.misses.append(
            f"{question.id} {what}: {question.text!r} wants {question.answer} -> {text[:300]!r}"
        )


def _is_found(question: Question, hits: index.Hits) -> bool:
    """Whether the passage that answers is among the first; of a pair, whose label quotes question or answer, the pair."""
    if hits.answer is not None:
        return corpus.answers(hits.answer, question)
    return any(corpus.finds(f"{one.heading}\n{one.text}", question) for one in hits.passages[:FIRST])
