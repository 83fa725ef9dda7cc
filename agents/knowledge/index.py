"""The full-text index over passages: SQLite's FTS5 or PostgreSQL's own, behind one function.

The index follows the table by itself (triggers on SQLite, a generated column on PostgreSQL).
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from agents.knowledge import folding
from billing.sql import uid
from workspaces.database_guards import Guard

SQLITE_SETUP = [
    """CREATE VIRTUAL TABLE IF NOT EXISTS agents_passage_fts USING fts5(
         heading, text, content='agents_passage', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')""",
]
_ADD = "INSERT INTO agents_passage_fts(rowid, heading, text) VALUES (NEW.id, NEW.heading, NEW.text)"
_TAKE_OUT = (
    "INSERT INTO agents_passage_fts(agents_passage_fts, rowid, heading, text)"
    " VALUES ('delete', OLD.id, OLD.heading, OLD.text)"
)
# On SQLite the index follows its table by these triggers (workspaces/database_guards.py installs them).
GUARDS = tuple(
    Guard(
        name=f"agents_passage_fts_{verb}",
        table="agents_passage",
        event=f"AFTER {verb.upper()}",
        do=do,
        only="sqlite",
    )
    for verb, do in (("insert", _ADD), ("delete", _TAKE_OUT), ("update", f"{_TAKE_OUT}; {_ADD}"))
)
# PostgreSQL folds no accents by itself, and its extension for it is not everywhere; questions come folded.
_ACCENTED = [letter for letter in map(chr, range(0xC0, 0x180)) if len(folding.fold(letter)) == 1]
_FOLDED = f"translate(heading || ' ' || text, '{''.join(_ACCENTED)}', '{folding.fold(''.join(_ACCENTED))}')"
# Stored, since ranking reads the document of each passage that matches: made anew for each question, that took
# 7 ms where it takes a quarter of one now. No index over it: an agent's passages are found as the agent's, and
# one over everybody's words would first gather everybody's. Another expression needs another name.
_DOCUMENT = f"document tsvector GENERATED ALWAYS AS (to_tsvector('english', {_FOLDED})) STORED"
POSTGRES_SETUP = [
    f"ALTER TABLE agents_passage ADD COLUMN IF NOT EXISTS {_DOCUMENT}",
    "DROP INDEX IF EXISTS agents_passage_fts_folded, agents_passage_fts",  # of older forms
]


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the index if it is not there; run after every migrate, before the guards that keep it in step."""
    with connection.cursor() as cursor:
        for statement in POSTGRES_SETUP if connection.vendor == "postgresql" else SQLITE_SETUP:
            cursor.execute(statement)


# One statement answers both questions: is this one of the agent's Q&A pairs, and which passages speak of it?
SQLITE_QUERY = """
SELECT 'qa', question, answer, '', 0.0 FROM agents_qapair WHERE agent_id = %s AND folded = %s
UNION ALL SELECT * FROM (
  SELECT 'passage', p.heading, p.text, s.title, bm25(agents_passage_fts, 2.0, 1.0)
  FROM agents_passage_fts f JOIN agents_passage p ON p.id = f.rowid JOIN agents_source s ON s.id = p.source_id
  WHERE agents_passage_fts MATCH %s AND p.agent_id = %s
  ORDER BY 5 LIMIT %s)"""
POSTGRES_QUERY = """
SELECT 'qa', question, answer, '', 0.0 FROM agents_qapair WHERE agent_id = %s AND folded = %s
UNION ALL (
  SELECT 'passage', p.heading, p.text, s.title, -ts_rank_cd(p.document, q, 1)
  FROM to_tsquery('english', %s) q, agents_passage p JOIN agents_source s ON s.id = p.source_id
  WHERE p.document @@ q AND p.agent_id = %s
  ORDER BY 5 LIMIT %s)"""
LIMIT = 8


@dataclass(frozen=True, slots=True)
class Found:
    heading: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Hits:
    """`answer` when the question is one of the Q&A pairs, else the best passages, best first."""

    answer: str | None
    passages: list[Found]


def search(agent_id: UUID, question: str) -> Hits:
    """Look `question` up in one agent's knowledge. One statement."""
    terms = folding.terms(question)[:30]
    if connection.vendor == "postgresql":
        sql, match = POSTGRES_QUERY, " | ".join(term.replace("'", "") for term in terms)
    else:
        sql, match = SQLITE_QUERY, " OR ".join(f'"{term}"' for term in terms) or '""'
    agent = uid(connection, agent_id)
    # A question of marks alone folds to nothing, and is nobody's stored question.
    folded = folding.fold_question(question) or None
    with connection.cursor() as cursor:
        cursor.execute(sql, [agent, folded, match, agent, LIMIT])
        rows = cursor.fetchall()
    answers = [answer for kind, _, answer, _, _ in rows if kind == "qa"]
    passages = [Found(heading, text, source) for kind, heading, text, source, _ in rows if kind == "passage"]
    return Hits(answers[0] if answers else None, passages)
