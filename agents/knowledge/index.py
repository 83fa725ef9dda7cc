"""The search index of passages and Q&A pairs, with the same results on SQLite (FTS5) and PostgreSQL (GIN).

Both hold the terms that agents/knowledge/terms.py makes of a text. Each begins with a part of its agent's id: without it, a
search would first match every agent's passages. The databases only count and add up; they do not know what a term is. The
index follows the tables by itself (triggers on SQLite, generated columns on PostgreSQL).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from agents.knowledge import closeness, common, folding, languages, meaning, spelling, terms
from agents.knowledge.entries import IndexEntry
from agents.knowledge.found import PAIRS, Found, Hits
from agents.knowledge.terms import Query, Word
from agents.models import Passage, QAPair, Source, Vocabulary
from billing.sql import named, uid
from workspaces.database_guards import Guard

# How many characters of the agent's id begin its terms.
OWNED = 8

# --- What the databases hold -----------------------------------------------------------------------

_INDEX = "agents_passage_fts_terms"
SQLITE_SETUP = [
    # An older form of the index, which contained the original texts.
    *(f"DROP TRIGGER IF EXISTS agents_passage_fts_{verb}" for verb in ("insert", "update", "delete")),
    "DROP TABLE IF EXISTS agents_passage_fts",
    f"""CREATE VIRTUAL TABLE IF NOT EXISTS {_INDEX} USING fts5(
         terms, content='', detail=none, tokenize="ascii tokenchars '+#'")""",
]


def _owned(agent: str, searchable: str) -> str:
    """SQL for the terms, each prefixed with its agent's id."""
    owner = f"substr({agent}, 1, {OWNED})"
    return f"{owner} || replace({searchable}, ' ', ' ' || {owner})"


def _follow(table: str, place: str) -> tuple[Guard, ...]:
    """The triggers that keep SQLite's index in step with a table. `place`: the column with a row's number in the index."""
    add = (
        f"INSERT INTO {_INDEX}(rowid, terms) SELECT NEW.{place}, {_owned('NEW.agent_id', 'NEW.searchable')}"
        f" WHERE NEW.searchable IS NOT NULL AND NEW.{place} IS NOT NULL"
    )
    take_out = (
        f"INSERT INTO {_INDEX}({_INDEX}, rowid, terms)"
        f" SELECT 'delete', OLD.{place}, {_owned('OLD.agent_id', 'OLD.searchable')}"
        f" WHERE OLD.searchable IS NOT NULL AND OLD.{place} IS NOT NULL"
    )
    return tuple(
        Guard(name=f"{table}_terms_{verb}", table=table, event=f"AFTER {event}", do=do, only="sqlite")
        for verb, event, do in (
            ("insert", "INSERT", add),
            ("delete", "DELETE", take_out),
            ("update", f"UPDATE OF searchable, {place}, agent_id", f"{take_out}; {add}"),
        )
    )


GUARDS = (*_follow("agents_passage", "id"), *_follow("agents_qapair", "place"))
# array_to_tsvector keeps each term unchanged. Databases of older versions also have a column `document`. Servers of
# those versions still read it during an upgrade, so a later version will drop it.
_DOCUMENT = (
    "terms tsvector GENERATED ALWAYS AS"
    f" (array_to_tsvector(string_to_array({_owned('agent_id::text', 'searchable')}, ' '))) STORED"
)
POSTGRES_SETUP = [
    statement
    for table in ("agents_passage", "agents_qapair")
    for statement in (
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {_DOCUMENT}",
        # Without GIN's pending list, which every search would have to read.
        f"CREATE INDEX IF NOT EXISTS {table}_terms ON {table} USING gin (terms) WITH (fastupdate = off)",
    )
]


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the index if it is missing. Run after every migrate, before the guards that keep it in step are installed."""
    with connection.cursor() as cursor:
        for statement in POSTGRES_SETUP if connection.vendor == "postgresql" else SQLITE_SETUP:
            cursor.execute(statement)


# --- Writing ---------------------------------------------------------------------------------------


def write(source: Source, entries: Sequence[IndexEntry]) -> None:
    """Replace all passages of a source by `entries`. Call it in a transaction."""
    source.passages.all().delete()
    Passage.objects.bulk_create(
        [
            Passage(
                agent_id=source.agent_id, source=source, position=position, heading=one.heading, text=one.text,
                searchable=one.searchable, vector=one.vector, vector_by=one.vector_by,
            )
            for position, one in enumerate(entries)
        ],
        batch_size=500,
    )  # fmt: skip
    _keep_words(source, entries)
    common.count_later(source.agent_id)


def _keep_words(source: Source, entries: Iterable[IndexEntry]) -> None:
    Vocabulary.objects.update_or_create(
        source=source,
        defaults={"agent_id": source.agent_id, "words": known_words(one.searchable for one in entries)},
    )


def known_words(searchables: Iterable[str]) -> str:
    """The words among the passages' terms that people may misspell, separated by blanks."""
    every = {term for one in searchables for term in one.split(" ")}
    return " ".join(sorted(term for term in every if len(term) >= 3 and term.isalpha()))


PREPARED = ("exact", "folded", "searchable", "place", "vector", "vector_by", "vector_mark")


def prepare(pair: QAPair) -> QAPair:
    """Set the search fields of a pair. The caller saves it."""
    pair.exact, pair.folded = folding.exact(pair.question), folding.fold_question(pair.question)
    pair.searchable = terms.searchable(pair.question, pair.answer)
    # A number of its own in the index: negative, because those of passages are positive.
    pair.place = -(pair.pk.int >> 66) - 1
    meaning.prepare(pair)
    return pair


# Rows per transaction.
BATCH = 200


def fill(most: int = 5_000) -> int:
    """Index rows that an older version wrote, at most `most`; returns how many there were."""
    done = 0
    while done < most:
        with transaction.atomic():
            passages = list(Passage.objects.filter(searchable=None).order_by("pk")[:BATCH])
            pairs = list(QAPair.objects.filter(searchable=None).order_by("pk")[:BATCH])
            _fill(passages, pairs)
        done += len(passages) + len(pairs)
        if len(passages) < BATCH and len(pairs) < BATCH:
            break
    return done


def _fill(passages: list[Passage], pairs: list[QAPair]) -> None:
    for one in passages:
        one.searchable = terms.searchable(one.heading, one.text)
    Passage.objects.bulk_update(passages, ["searchable"])
    for source in Source.objects.filter(pk__in={one.source_id for one in passages}):
        filled = source.passages.exclude(searchable=None).values_list("searchable", flat=True)
        words = known_words(one for one in filled.iterator() if one)
        Vocabulary.objects.update_or_create(
            source=source, defaults={"agent_id": source.agent_id, "words": words}
        )
    for pair in pairs:
        prepare(pair)
        taken = QAPair.objects.filter(agent_id=pair.agent_id, exact=pair.exact).exclude(pk=pair.pk).exists()
        if taken:  # two pairs whose questions are equal by the new comparison: the first keeps it
            pair.exact = None
        pair.save(update_fields=["exact", "searchable", "place"])


# --- Asking ----------------------------------------------------------------------------------------

# How many passages Python ranks, and how many a search returns.
CANDIDATES = 24
LIMIT = 8
# Candidates are all passages that have one of the question's rarest words. A word counts as rare while it and the
# rarer ones are in at most GATHERED passages, or the rarer ones alone in fewer than FEW. The other words are
# searched only among the candidates.
GATHERED, FEW = 1_000, 200
# How many words are searched among the candidates, rarest first. The rest matter little, and the ranking still
# counts them.
MOST_AMONG = 6

# One statement finds everything: whether the question is one of the agent's Q&A pairs, how rare each word is, and
# which passages and pairs match. A word's synonyms have a number of their own (the word's, plus the number of
# words), and never count as rarer than the word itself. A word's weight is the logarithm of its rarity as a whole
# number of thousandths, so that both databases compute the same sums. `common` is empty for agents with few
# passages: then every word counts as rare. `number` is that of a word, the place of a passage or pair, or the size.
_QUERY = """
WITH asked(word, term, plain, share) AS MATERIALIZED ({asked}),
common(size, terms) AS MATERIALIZED (SELECT size, terms FROM agents_commonterms WHERE agent_id = %(agent)s),
thought(word, known) AS MATERIALIZED (SELECT asked.word, COALESCE(MAX(CAST(many.value AS integer)), 0)
  FROM asked LEFT JOIN (SELECT each.key, each.value FROM common CROSS JOIN {each}) many ON many.key = asked.plain
  GROUP BY asked.word),
ordered(word, nth, is_rare) AS MATERIALIZED (SELECT word, ROW_NUMBER() OVER (ORDER BY together, word),
  CASE WHEN so_far <= %(gathered)s OR so_far - known < %(few)s THEN 1 ELSE 0 END
  FROM (SELECT word, known, together, SUM(known) OVER (ORDER BY together, word) AS so_far FROM
  (SELECT word, known, MAX(known) OVER (PARTITION BY word %% %(words)s) AS together FROM thought) grouped) summed),
rare(word, term, share) AS MATERIALIZED (SELECT asked.word, asked.term, asked.share
  FROM ordered CROSS JOIN asked WHERE asked.word = ordered.word AND is_rare = 1),
among(word, term, share) AS MATERIALIZED (SELECT asked.word, {among}, asked.share
  FROM ordered CROSS JOIN asked WHERE asked.word = ordered.word AND is_rare = 0 AND asked.plain <> ''
  AND nth <= {most_among} + (SELECT COUNT(*) FROM ordered WHERE is_rare = 1)),
hit(word, place, share) AS MATERIALIZED ({hits}),
total(size) AS MATERIALIZED (SELECT
  COALESCE((SELECT size FROM common), (SELECT COUNT(*) FROM agents_passage WHERE agent_id = %(agent)s))
  + (SELECT COUNT(*) FROM agents_qapair WHERE agent_id = %(agent)s)),
counted(word, known) AS (SELECT hit.word, CASE WHEN hit.word IN (SELECT word FROM rare) THEN COUNT(*)
  ELSE COALESCE((SELECT NULLIF(known, 0) FROM thought WHERE thought.word = hit.word), COUNT(*)) END
  FROM hit GROUP BY hit.word),
weight(word, known, worth) AS MATERIALIZED (SELECT word, known, {whole} FROM counted),
best(place, score) AS MATERIALIZED (SELECT place, SUM(hit.share * weight.worth) AS score
  FROM hit JOIN weight ON weight.word = hit.word GROUP BY place ORDER BY score DESC, place LIMIT {candidates})
SELECT 'exact' AS kind, 0 AS number, 0 AS known, question AS heading, answer AS text, '' AS title, '' AS searchable,
  '' AS url FROM agents_qapair WHERE agent_id = %(agent)s AND exact = %(exact)s
UNION ALL SELECT 'size', size, 0, '', '', '', '', '' FROM total
UNION ALL SELECT 'word', word, known, '', '', '', '', '' FROM thought
  WHERE known > 0 AND word NOT IN (SELECT word FROM weight)
UNION ALL SELECT 'word', word, known, '', '', '', '', '' FROM weight
UNION ALL SELECT 'passage', best.place, 0, p.heading, p.text, s.title, p.searchable, s.url
  FROM best JOIN agents_passage p ON p.id = best.place JOIN agents_source s ON s.id = p.source_id
  WHERE p.agent_id = %(agent)s
UNION ALL SELECT 'pair', best.place, 0, q.question, q.answer, '', q.searchable, ''
  FROM best JOIN agents_qapair q ON q.place = best.place WHERE q.agent_id = %(agent)s"""
_LOOKED_FOR = "SELECT word, term, share FROM rare UNION ALL SELECT word, term, share FROM among"
SQLITE_QUERY = _QUERY.format(
    asked="SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),"
    " json_extract(value, '$[3]') FROM json_each(%(asked)s)",
    each="json_each(common.terms) each",
    among="'(' || (SELECT group_concat(term, ' OR ') FROM rare) || ') AND ' || asked.term",
    hits=f"SELECT looked_for.word, f.rowid, MAX(looked_for.share) FROM ({_LOOKED_FOR}) looked_for CROSS JOIN {_INDEX} f"
    f" WHERE f.{_INDEX} MATCH looked_for.term GROUP BY looked_for.word, f.rowid",
    whole="CAST(1000 * LN(1.0 + (SELECT size FROM total) * 1.0 / known) AS integer)",
    candidates=CANDIDATES,
    most_among=MOST_AMONG,
)
POSTGRES_QUERY = _QUERY.format(
    asked="SELECT (value->>0)::integer, (value->>1)::tsquery, value->>2, (value->>3)::integer"
    " FROM jsonb_array_elements(%(asked)s::jsonb)",
    each="jsonb_each_text(common.terms) each",
    among="(SELECT string_agg(term::text, ' | ')::tsquery FROM rare) && asked.term",
    # OFFSET 0 makes the database look up each term in the index. Otherwise the planner reads all rows, which it
    # thinks cheaper.
    hits="SELECT looked_for.word, f.place, MAX(looked_for.share)"
    f" FROM ({_LOOKED_FOR}) looked_for CROSS JOIN LATERAL ("
    " (SELECT p.agent_id, p.id AS place FROM agents_passage p WHERE p.terms @@ looked_for.term OFFSET 0)"
    " UNION ALL"
    " (SELECT q.agent_id, q.place FROM agents_qapair q WHERE q.terms @@ looked_for.term OFFSET 0)"
    ") f WHERE f.agent_id = %(agent)s AND f.place IS NOT NULL GROUP BY looked_for.word, f.place",
    whole="FLOOR(1000 * LN(1.0::float8 + (SELECT size FROM total) / known::float8))::integer",
    candidates=CANDIDATES,
    most_among=MOST_AMONG,
)
_WORDS = (
    "SELECT words FROM agents_vocabulary WHERE agent_id = %s"
    " UNION ALL SELECT searchable FROM agents_qapair WHERE agent_id = %s AND searchable IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class _Row:
    place: int
    found: Found
    searchable: str


@dataclass(frozen=True, slots=True)
class _Result:
    """The result of the statement.

    `exact`: the answer of the pair with exactly this question. `size`: how many passages and pairs the agent has.
    `counts`: in how many of them each word is.
    """

    exact: str | None
    size: int
    counts: list[int]
    found: list[_Row]


def search(agent_id: UUID, question: str) -> Hits:
    """Search one agent's knowledge for `question`. One statement; two more if no passage has one of its words."""
    asked = terms.asked(question)
    hits = _search(agent_id, question, asked)
    if hits.answer is not None:
        return hits
    unknown = [
        number for number, word in enumerate(asked.words)
        if not hits.known[number] and spelling.most_edits(word.text)
    ][:MOST_MISSPELT]  # fmt: skip
    corrected = _corrected(agent_id, asked, unknown) if unknown else asked
    return hits if corrected is asked else _search(agent_id, question, corrected)


# How many unknown words of a question are compared with the known ones; and how much a known word counts at one
# edit's distance, and at two.
MOST_MISSPELT = 12
_NEAR = {1: 85, 2: 60}
# How much a compound that ends with the word counts.
_IN_COMPOUND = 70


def _corrected(agent_id: UUID, asked: Query, unknown: list[int]) -> Query:
    """The question with similar known words added to its unknown ones; unchanged if there are none."""
    agent = uid(connection, agent_id)
    with connection.cursor() as cursor:
        cursor.execute(_WORDS, [agent, agent])
        known = {word for (words,) in cursor.fetchall() for word in words.split(" ")}
    known -= languages.EVERY_SILENT
    sized = spelling.by_size(known)
    meant = [[word] for word in asked.words]
    for number in unknown:
        meant[number] = _meant(asked.words[number], asked.language, known, sized)
    words = [word for words in meant for word in words]
    if words == list(asked.words):
        return asked
    return replace(asked, words=tuple(words), subject=sum(map(len, meant[: asked.subject])))


def _meant(word: Word, language: str, known: set[str], sized: dict[int, list[str]]) -> list[Word]:
    """An unknown word with the known ones that may have been meant; for a compound, its two parts instead."""
    near = spelling.meant(word.text, sized)
    if not near and language == "turkish":
        # Stems are compared, too: a Turkish word has so many forms that few of them are in the passages.
        stems = {term for term, share, _ in word.terms if share == terms.STEM}
        near = sorted({one for stem in stems for one in spelling.meant(stem, sized)})
    others = [(one, _near(word.text, edits), False) for one, edits in near]
    if not near or near[0][1] > 1:
        parts = spelling.parts(word.text, known)
        if not parts and not near and spelling.may_be_compound(word.text, language):
            parts = spelling.part(word.text, known)
        if parts:
            return terms.taken_apart(word, parts, language)
        others += [(one, _IN_COMPOUND, False) for one in spelling.longer(word.text, known)]
    return [replace(word, terms=(*word.terms, *others))] if others else [word]


def _near(word: str, edits: int) -> int:
    return terms.SLIP if edits and len(word) < spelling.FOR_TWO else _NEAR.get(edits, terms.WHOLE)


def _search(agent_id: UUID, question: str, asked: Query) -> Hits:
    own = list(map(terms.without_synonyms, asked.words))
    # Synonyms are counted separately, because how rare a word is must not depend on how many synonyms it has.
    others = list(map(terms.synonyms_alone, asked.words))
    result = _result(_rows(agent_id, question, own, others), words=len(own) + len(others))
    of_own, of_others = result.counts[: len(own)], result.counts[len(own) :]
    weights = _weights(asked.words, of_own, result.size)
    known = _known(asked, of_own, of_others)
    if result.exact is not None:
        return Hits(result.exact, [], False, asked, weights, known)
    pairs = [row.found for row in result.found if row.place < 0]
    if (closest := closeness.clearly_meant(question, pairs)) is not None:
        return Hits(closest.text, [], True, asked, weights, known)
    weighed = [
        *zip(own, weights, strict=True),
        *zip(others, _weights(others, of_others, result.size), strict=True),
    ]
    ranked = sorted(result.found, key=lambda row: (-_score(row, weighed), row.place))
    return Hits(None, [row.found for row in ranked[:LIMIT]], False, asked, weights, known)


def _rows(agent_id: UUID, question: str, own: Sequence[Word], others: Sequence[Word]) -> list[Any]:
    """The rows that the statement returns. `others`: the synonyms of each word of `own`."""
    is_postgres = connection.vendor == "postgresql"
    owner = agent_id.hex[:OWNED]
    looked_for = [
        # A common word that only filters candidates is not searched as a prefix.
        [
            number,
            _term(owner + term, is_opening, is_postgres),
            "" if is_opening else term,
            share * word.weight // 100,
        ]
        for number, word in enumerate([*own, *others])
        for term, share, is_opening in word.terms
    ]
    parameters = {
        "agent": uid(connection, agent_id),
        # A pair's question may be only punctuation, but an empty one matches nothing.
        "exact": folding.exact(question) or None,
        "asked": json.dumps(looked_for, ensure_ascii=False),
        "gathered": GATHERED,
        "few": FEW,
        "words": max(1, len(own)),
    }
    with connection.cursor() as cursor:
        cursor.execute(POSTGRES_QUERY if is_postgres else SQLITE_QUERY, parameters)
        return named(cursor)


def _result(rows: Iterable[Any], *, words: int) -> _Result:
    counts = [0] * words
    size, exact, found = 1, None, []
    for row in rows:
        if row.kind == "exact":
            exact = row.text
        elif row.kind == "size":
            size = max(1, row.number)
        elif row.kind == "word":
            counts[row.number] = row.known
        else:
            source = PAIRS if row.kind == "pair" else row.title
            shown = Found(row.heading, row.text, source, row.url)
            found.append(_Row(row.number, shown, f" {row.searchable} "))
    return _Result(exact, size, counts, found)


def _known(asked: Query, of_own: Sequence[int], of_others: Sequence[int]) -> tuple[int, ...]:
    """In how many passages each word is, or, if in none, its synonyms are."""
    # An unknown compound is split even if a synonym of it is known.
    return tuple(
        own or (0 if spelling.may_be_compound(word.text, asked.language) else other)
        for word, own, other in zip(asked.words, of_own, of_others, strict=True)
    )


def _term(term: str, is_opening: bool, is_postgres: bool) -> str:
    """A term in the database's query syntax: a quoted word, or a prefix."""
    if is_postgres:
        return f"'{term}':*" if is_opening else f"'{term}'"
    return f'"{term}" *' if is_opening else f'"{term}"'


# How much a repeated word of a passage counts, and a word in its heading.
_AGAIN = 0.4
_IN_HEADING = 0.35


def _weights(words: Sequence[Word], known: Sequence[int], size: int) -> tuple[float, ...]:
    """How much each word counts, if it is in `known` of `size` passages."""
    return tuple(
        log(1 + size / (count or 0.5)) * word.weight / 100 for word, count in zip(words, known, strict=True)
    )


def _score(row: _Row, weighed: Sequence[tuple[Word, float]]) -> float:
    """The score of a passage for the question. Longer passages repeat words more often, so repetition counts less there."""
    size = row.searchable.count(" ")
    norm = 0.5 + 0.5 * min(size, 400) / 150
    heading = terms.of_heading(row.found.source, row.found.heading)
    half = len(weighed) // 2
    scores = [_word_score(word, weight, row.searchable, heading, norm) for word, weight in weighed]
    # The word or its synonyms, whichever scores higher.
    return sum(map(max, scores[:half], scores[half:]))


def _word_score(word: Word, weight: float, searchable: str, heading: str, norm: float) -> float:
    best = max(
        (share * _often(searchable, term, is_opening, norm) for term, share, is_opening in word.terms),
        default=0,
    )
    return weight * (best + _IN_HEADING * terms.share(word, heading)) / 100


def _often(searchable: str, term: str, is_opening: bool, norm: float) -> float:
    times = searchable.count(f" {term}" if is_opening else f" {term} ")
    return times * (1 + _AGAIN) / (times + _AGAIN * norm) if times else 0.0
