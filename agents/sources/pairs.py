"""Q&A pairs: adding, changing, deleting and restoring them, and importing them from CSV.

A deleted pair is moved to a table of its own, so that searches need not filter it out.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from agents import building
from agents.knowledge import extract, folding, index, training
from agents.models import Agent, QAPair, RemovedPair
from agents.sources.adding import UNDO
from workspaces import audit

MOST_ROWS = 5_000
# First cells by which a row is recognised as the head of the table.
QUESTION_HEADS = {"question", "questions", "q", "frage", "pregunta", "domanda", "soru", "prompt"}
ANSWER_HEADS = {
    "answer",
    "answers",
    "a",
    "antwort",
    "réponse",
    "respuesta",
    "risposta",
    "cevap",
    "response",
    "reply",
}


class CannotBeRead(Exception):
    """The file cannot be read; the message is for the person who sent it."""


@dataclass(frozen=True)
class PairRow:
    """One row of an import. `problem`: why it is left out; empty if it becomes a pair."""

    question: str
    answer: str
    problem: str = ""

    @property
    def is_new(self) -> bool:
        return not self.problem


def add(agent: Agent, *, question: str, answer: str, request: HttpRequest) -> QAPair:
    """Add a pair. Raises AlreadyKnown if the agent has that question, LimitReached if its plan has no room."""
    with transaction.atomic():
        pair = training.add_qa(agent, question=question, answer=answer)
        _record("question.added", agent, question, request)
    return pair


def change(agent: Agent, pair_id: UUID, *, question: str, answer: str, request: HttpRequest) -> None:
    """Change a pair. Raises AlreadyKnown if another pair of the agent has that question."""
    pair = index.prepare(QAPair(pk=pair_id, question=question, answer=answer))
    changes = {name: getattr(pair, name) for name in ("question", "answer", *index.PREPARED)}
    with transaction.atomic():
        with training.one_of_each():
            agent.qa_pairs.filter(pk=pair_id).update(**changes)
        _record("question.changed", agent, question, request)


def delete(pair: QAPair, *, request: HttpRequest) -> None:
    """Delete a pair at once; `restore` can bring it back for ten minutes."""
    with transaction.atomic():
        if pair.agent.qa_pairs.filter(pk=pair.pk).delete()[0]:
            RemovedPair.objects.create(agent=pair.agent, question=pair.question, answer=pair.answer)
            _record("question.deleted", pair.agent, pair.question, request)


def restore(removed: RemovedPair, *, request: HttpRequest) -> bool:
    """Restore a pair; False if its time is over, or it was restored already. Raises AlreadyKnown or LimitReached."""
    with transaction.atomic():
        if not undoable().filter(pk=removed.pk).delete()[0]:
            return False
        training.add_qa(removed.agent, question=removed.question, answer=removed.answer)
        _record("question.restored", removed.agent, removed.question, request)
    return True


def undoable() -> QuerySet[RemovedPair]:
    return RemovedPair.objects.filter(deleted_at__gt=Now() - UNDO)


def just_deleted(agent: Agent) -> QuerySet[RemovedPair]:
    """The latest few that can be restored."""
    return undoable().filter(agent=agent)[:3]


# --- CSV -------------------------------------------------------------------------------------------


def preview(agent: Agent, text: str) -> list[PairRow]:
    """What each row of a CSV would become. Raises CannotBeRead."""
    rows = _rows(text)
    known = {exact for exact in agent.qa_pairs.values_list("exact", flat=True) if exact is not None}
    result: list[PairRow] = []
    for cells in rows:
        row = _row(cells, known)
        if row.is_new:
            known.add(folding.exact(row.question))
        result.append(row)
    return result


def import_all(agent: Agent, text: str, *, request: HttpRequest) -> int:
    """Add all rows that `preview` shows as new, or none; returns how many. Raises CannotBeRead or LimitReached."""
    try:
        try:
            return _import(agent, text, request)
        except IntegrityError:  # one of them was just added, for example by the same file sent twice
            return _import(agent, text, request)
    except IntegrityError:
        raise CannotBeRead(
            "Somebody changed the agent's questions meanwhile. Look at the rows again."
        ) from None


@transaction.atomic
def _import(agent: Agent, text: str, request: HttpRequest) -> int:
    new = [row for row in preview(agent, text) if row.is_new]
    QAPair.objects.bulk_create(
        [index.prepare(QAPair(agent=agent, question=row.question, answer=row.answer)) for row in new],
        batch_size=500,
    )
    audit.record(agent.workspace, "questions.imported", request=request, agent=agent.name, questions=len(new))
    building.require_source_room(agent)
    return len(new)


def _rows(text: str) -> list[list[str]]:
    try:
        rows = extract.table_rows(text.lstrip("\ufeff").replace("\r\n", "\n"))
    except extract.FileUnreadable:
        raise CannotBeRead(
            "This cannot be read as CSV: a cell is far too long, or a quote is never closed."
        ) from None
    if rows and _names_its_columns(rows[0]):
        rows = _in_order(rows)
    if not rows:
        raise CannotBeRead("There are no rows in it.")
    if len(rows) > MOST_ROWS:
        raise CannotBeRead(f"There are more than {MOST_ROWS:,} rows. Split them into several files.")
    if max(map(len, rows)) < 2:
        raise CannotBeRead(
            "Each row needs two cells: a question and its answer, split by a comma, a semicolon or a tab."
        )
    return rows


def _names_its_columns(row: list[str]) -> bool:
    cells = {cell.casefold() for cell in row}
    return bool(cells & QUESTION_HEADS and cells & ANSWER_HEADS)


def _in_order(rows: list[list[str]]) -> list[list[str]]:
    """The rows below the head, reordered to question and answer."""
    head = [cell.casefold() for cell in rows[0]]
    question = next(place for place, cell in enumerate(head) if cell in QUESTION_HEADS)
    answer = next(place for place, cell in enumerate(head) if cell in ANSWER_HEADS)
    return [[*(row[place] if place < len(row) else "" for place in (question, answer))] for row in rows[1:]]


def _row(cells: list[str], known: set[str]) -> PairRow:
    question, answer, *more = [*cells, "", ""]
    question = " ".join(question.split())
    if any(more):
        # Most often this is half of an answer, whose meaning could differ from the whole.
        problem = (
            "Left out: it has more than two cells. Put an answer with the separating sign in it in quotes, or name the columns "
            "in a first row: question and answer."
        )
    elif not folding.fold_question(question) or not answer:
        problem = "Left out: a question and an answer are needed."
    elif len(question) > QAPair.QUESTION_CHARACTERS or len(answer) > QAPair.ANSWER_CHARACTERS:
        problem = f"Left out: a question has at most {QAPair.QUESTION_CHARACTERS} characters, an answer {QAPair.ANSWER_CHARACTERS:,}."
    elif folding.exact(question) in known:
        problem = "Left out: this question has an answer already."
    else:
        problem = ""
    return PairRow(question[: QAPair.QUESTION_CHARACTERS], answer, problem)


def _record(action: str, agent: Agent, question: str, request: HttpRequest) -> None:
    audit.record(agent.workspace, action, request=request, agent=agent.name, question=question[:200])
