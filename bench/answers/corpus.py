"""The labelled questions of the evaluation, and the documents that they are asked about.

The files lie under `data/` and `fresh/`; the README of `data/` says what they mean. A file that breaks a rule is a
`CorpusError` that names it.
"""

import csv
import hashlib
import io
import re
import tomllib
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
# Other trades, written without a look at how anything is found.
FRESH = Path(__file__).parent / "fresh"

# What a document is like; the first word of its file's name.
SOURCES = ("plain", "markdown", "table", "pairs", "pdf", "rows", "page", "code")
# How a question is asked.
KINDS = ("plain", "typo", "synonym", "long")
LONG_WORDS = 40
HALVES = ("tuned", "reported")
PARTS = (*HALVES, "fresh")

_CJK = r"[\u3040-\u30ff\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]"
_BETWEEN_CJK = re.compile(rf"(?<={_CJK})\s+(?={_CJK})")
_BROKEN_WORD = re.compile(r"(?<=\w)-\n(?=\w)")
_MARKUP = re.compile(r"[*`]")
_PAIR = re.compile(r"^Q: (?P<question>.+)\nA: (?P<answer>.+(?:\n(?!Q: ).+)*)", re.MULTILINE)


class CorpusError(ValueError):
    """A file of the corpus breaks a rule of its README; the message names the file or the question."""


@dataclass(frozen=True)
class Document:
    """One source of an agent. All documents of a language belong to one agent, which `agent` names."""

    name: str
    agent: str
    language: str
    source: str
    text: str

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The questions and answers of a document of the source `pairs`; none of any other."""
        if self.source != "pairs":
            return []
        return [(found["question"], found["answer"]) for found in _PAIR.finditer(self.text)]

    @property
    def cells(self) -> list[str]:
        """The cells of a document of the source `rows`, row by row; none of any other."""
        if self.source != "rows":
            return []
        first = self.text.partition("\n")[0]
        separator = ";" if first.count(";") > first.count(",") else ","
        return [cell for row in csv.reader(io.StringIO(self.text), delimiter=separator) for cell in row]


@dataclass(frozen=True)
class Question:
    """One question to one agent, and what a right passage and a right answer hold.

    `document`, `quote` and `answer` are empty for a question that the agent's documents do not answer.
    """

    id: str
    agent: str
    language: str
    kind: str
    text: str
    document: str = ""
    quote: str = ""
    answer: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        return bool(self.answer)


def load(data: Path = DATA) -> tuple[list[Document], list[Question]]:
    """All documents and all questions, in the order of their files; raises `CorpusError`."""
    documents: list[Document] = []
    questions: list[Question] = []
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        own = [_document(path) for path in sorted(folder.iterdir()) if path.name != "questions.toml"]
        by_name = {document.name: document for document in own}
        for row in tomllib.loads((folder / "questions.toml").read_text("utf-8"))["question"]:
            question = _question(row, folder.name)
            if question.answerable:
                _check_label(question, by_name)
            questions.append(question)
        documents += own
    twice = [id_ for id_, times in Counter(question.id for question in questions).items() if times > 1]
    if twice:
        raise CorpusError(f"{twice[0]}: two questions have this id")
    return documents, questions


def part(name: str) -> tuple[list[Document], list[Question]]:
    """The documents and the questions of one of `PARTS`."""
    if name == "fresh":
        return load(FRESH)
    documents, questions = load()
    return documents, [question for question in questions if half(question) == name]


def half(question: Question) -> str:
    """The half that a question belongs to, "tuned" or "reported", for good: it depends on the id alone."""
    return HALVES[hashlib.sha256(question.id.encode()).digest()[0] % 2]


def finds(passage: str, question: Question) -> bool:
    """Whether `passage`, as it was cut from the document, holds the quote that answers an answerable question."""
    return question.answerable and _comparable(question.quote) in _comparable(passage)


def answers(reply: str, question: Question) -> bool:
    """Whether `reply` says one of the right answers of an answerable question; "5 days" is not said by "15 days"."""
    said = _comparable(reply)
    return any(_says(said, _comparable(answer)) for answer in question.answer)


def words(text: str, language: str) -> int:
    """The words of a text; for Japanese and Chinese, which write none apart, two letters count as a word."""
    if language in ("ja", "zh"):
        return sum(letter.isalnum() for letter in text) // 2
    return len(re.findall(r"\w+", text))


def _document(path: Path) -> Document:
    source = path.stem.partition("-")[0]
    if source not in SOURCES:
        raise CorpusError(f"{path.parent.name}/{path.name}: a name begins with one of {', '.join(SOURCES)}")
    language = path.parent.name
    return Document(path.stem, language, language, source, path.read_text("utf-8"))


def _question(row: dict[str, Any], language: str) -> Question:
    known = {"id", "kind", "text", "document", "quote", "answer", "unanswerable"}
    id_ = row.get("id", "")
    if not id_.startswith(f"{language}-"):
        raise CorpusError(f"{language}: the id {id_!r} does not begin with its language")
    if row.get("kind") not in KINDS or not row.get("text") or set(row) - known:
        raise CorpusError(f"{id_}: needs a text and a kind of {', '.join(KINDS)}, and knows no other fields")
    labelled = {"document", "quote", "answer"} & set(row)
    if row.get("unanswerable") is True and not labelled:
        return Question(id_, language, language, row["kind"], row["text"])
    if "unanswerable" in row or len(labelled) < 3 or not all(row["answer"]):
        raise CorpusError(f"{id_}: needs a document, a quote and an answer, or `unanswerable = true` alone")
    return Question(
        id_, language, language, row["kind"], row["text"], row["document"], row["quote"], tuple(row["answer"])
    )


def _check_label(question: Question, documents: dict[str, Document]) -> None:
    document = documents.get(question.document)
    if document is None:
        raise CorpusError(f"{question.id}: there is no document {question.document!r}")
    if "\n" in question.quote or document.text.count(question.quote) != 1:
        raise CorpusError(f"{question.id}: the quote must be in its document once, within one line")
    # Rows of tables are shown in other forms than they are written in; only a cell is sure to stay.
    if document.source == "table" and "|" in question.quote:
        raise CorpusError(f"{question.id}: the quote must lie within one cell")
    if document.source == "rows" and not any(question.quote in cell for cell in document.cells):
        raise CorpusError(f"{question.id}: the quote must lie within one cell")
    if not answers(document.text, question):
        raise CorpusError(f"{question.id}: none of the answers is in the document")


def _comparable(text: str) -> str:
    """A text without what may change on its way to the reply: case, width, line breaks, hyphens at them, emphasis."""
    text = _BROKEN_WORD.sub("", text)
    text = _MARKUP.sub("", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_BETWEEN_CJK.sub("", text).split())


def _says(said: str, answer: str) -> bool:
    # A comma between digits may as well part two cells of a row.
    before = r"(?<!\d)(?<!\d[.:])" if answer[0].isdigit() else ""
    after = r"(?!\d)(?![.:]\d)" if answer[-1].isdigit() else ""
    return re.search(f"{before}{re.escape(answer)}{after}", said) is not None
