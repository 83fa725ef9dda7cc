"""How well questions are found and answered: the figures of `make eval`, for one half of the labelled questions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from agents.knowledge import index, training
from agents.models import Agent
from agents.running import local
from bench.answers import corpus
from bench.answers.corpus import Document, Question

FALLBACK = "I don't know that."
FIRST = 5


@dataclass
class Figures:
    """Counts over some questions. `refused`: with the fallback or as the nearest only."""

    answerable: int = 0
    found: int = 0
    right: int = 0
    right_as_nearest: int = 0
    wrong: int = 0
    refused: int = 0
    unanswerable: int = 0
    refused_rightly: int = 0
    answered_wrongly: int = 0
    misses: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        return self.answerable + self.unanswerable


def train(agent: Agent, documents: Iterable[Document]) -> None:
    """The agent of a language, trained as its people would: Q&A pairs as pairs, rows as a table."""
    for document in documents:
        if document.source == "pairs":
            for question, answer in document.pairs:
                training.add_qa(agent, question=question, answer=answer)
        else:
            training.add_text(agent, title=document.name.partition("-")[2], text=as_source(document))


def as_source(document: Document) -> str:
    """The text as reading the file gives it: rows become a Markdown table."""
    if document.source != "rows":
        return document.text
    width = (
        document.text.partition("\n")[0].count(";" if ";" in document.text.partition("\n")[0] else ",") + 1
    )
    cells = [cell.replace("|", "/").replace("\n", " ") for cell in document.cells]
    rows = [cells[start : start + width] for start in range(0, len(cells), width)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * width, *lines[1:]])


def measure(agent_id: UUID, questions: Iterable[Question]) -> Figures:
    """Ask each question of the agent: what is found, and what Bookbag Local says."""
    figures = Figures()
    for question in questions:
        hits = index.search(agent_id, question.text)
        said = local.answer(question.text, hits, fallback=FALLBACK)
        text, is_refusal = said.text, said.text == FALLBACK or said.is_nearest
        if hits.answer is not None:
            text, is_refusal = hits.answer, False
        _count(figures, question, hits, text, is_refusal=is_refusal)
    return figures


def _count(figures: Figures, question: Question, hits: index.Hits, text: str, *, is_refusal: bool) -> None:
    if not question.answerable:
        figures.unanswerable += 1
        if is_refusal:
            figures.refused_rightly += 1
        else:
            figures.answered_wrongly += 1
            figures.misses.append(f"{question.id} answered: {question.text!r} -> {text[:200]!r}")
        return
    figures.answerable += 1
    found = hits.answer is not None and corpus.answers(hits.answer, question)
    found = found or any(
        corpus.finds(one.text, question) or (corpus.answers(one.text, question) and one.source == index.PAIRS)
        for one in hits.passages[:FIRST]
    )
    figures.found += found
    is_right = corpus.answers(text, question)
    if is_refusal:
        figures.refused += 1
        figures.right_as_nearest += is_right
    elif is_right:
        figures.right += 1
    else:
        figures.wrong += 1
    if not found or not is_right:
        what = "not found" if not found else "refused" if is_refusal else "wrong"
        figures.misses.append(
            f"{question.id} {what}: {question.text!r} wants {question.answer} -> {text[:300]!r}"
        )
