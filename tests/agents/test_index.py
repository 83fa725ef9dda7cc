"""Searching: the same results on both databases, only the agent's own passages, for any question."""

import json
from typing import Any

import pytest
from django.db import connection

from agents.knowledge import index, training
from agents.models import Agent, Passage
from tests.harness.cast import Cast, make_agent

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SHOP = """# Opening hours

We open at nine in the morning and close at five. Cafés nearby open earlier.

# Returns

You may return unworn shoes within thirty days. It's free.
"""


@pytest.fixture
def agent(cast: Cast) -> Agent:
    agent = make_agent(cast.acme)
    training.add_text(agent, title="Shop", text=SHOP)
    return agent


def headings(agent: Agent, question: str) -> list[str]:
    return [passage.heading for passage in index.search(agent.pk, question).passages]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("When do you open?", ["Opening hours"]),
        ("OPENING HOURS", ["Opening hours"]),
        ("returned shoe", ["Returns"]),
        ("cafe", ["Opening hours"]),
        ("Café!", ["Opening hours"]),
        ("zebra", []),
    ],
)
def test_words_are_matched_by_their_stems(agent: Agent, question: str, found: list[str]) -> None:
    assert headings(agent, question) == found


def test_best_passage_comes_first(agent: Agent) -> None:
    assert headings(agent, "return shoes, and when do you open?")[0] == "Returns"


@pytest.mark.parametrize(
    "question",
    [
        "",
        "   ",
        "the of and to",
        "?!.,;:",
        "'",
        '"',
        '"open',
        "''; DROP TABLE agents_passage; --",
        "open' OR '1'='1",
        "%s %(x)s % %%",
        "open AND NOT close",
        "NEAR(open close, 5)",
        "heading: open",
        "agents_passage_fts : open",
        "open*",
        "^open",
        "-open",
        "(open",
        "open & | ! <-> close:*",
        "\\open\\",
        "it's don't o'clock",
        "🚀👩‍🚀",
        "日本語 の 質問",
        "مرحبا",
        "open\0close",
        "\0",
        "a\u200bb",
        "ﬁne Ⅳ ½ ²",
        "İstanbul ŒUVRE ß",
        "١٢٣",
        "x" * 20_000,
        "open " * 4_000,
        "".join(f"word{number} " for number in range(3_000)),
        "'" * 20_000,
        "’" * 500,
        "a’b c'd e'' f",
    ],
    ids=range(36),
)
def test_odd_question_finds_something_or_nothing_and_never_fails(agent: Agent, question: str) -> None:
    training.add_qa(agent, question="Anything else?", answer="No.")

    hits = index.search(agent.pk, question)

    assert hits.answer is None
    assert {passage.source for passage in hits.passages} <= {"Shop"}
    assert Passage.objects.count() == 2


def test_another_agents_sources_are_not_searched(agent: Agent, cast: Cast) -> None:
    sibling, stranger = make_agent(cast.acme, name="Sibling"), make_agent(cast.globex)
    training.add_text(stranger, title="Secret", text="Globex opens at midnight.")
    training.add_qa(stranger, question="When do you open?", answer="At midnight.")

    assert headings(sibling, "When do you open?") == []
    assert index.search(agent.pk, "When do you open?").answer is None
    assert index.search(stranger.pk, "When do you open?").answer == "At midnight."


@pytest.mark.parametrize(
    "asked",
    [
        "When do you OPEN",
        "  when   do you open?? ",
        "When, do you: open!",
        "Whén do yöu open?",
        "when\ndo\nyou\topen",
    ],
)
def test_stored_question_is_met_whatever_its_case_marks_and_blanks(agent: Agent, asked: str) -> None:
    training.add_qa(agent, question="When do you open?", answer="At *nine*.")

    assert index.search(agent.pk, asked).answer == "At *nine*."


@pytest.mark.parametrize("asked", ["When do you open today?", "do you open", "When do you close?", ""])
def test_question_near_a_stored_one_is_not_it(agent: Agent, asked: str) -> None:
    training.add_qa(agent, question="When do you open?", answer="At nine.")

    assert index.search(agent.pk, asked).answer is None


def test_question_of_marks_alone_meets_no_stored_question(agent: Agent) -> None:
    # Both fold to nothing; an empty pair of hands is no match.
    training.add_qa(agent, question="???", answer="What?")

    assert index.search(agent.pk, "!!!").answer is None


def test_index_follows_the_sources(agent: Agent) -> None:
    source = agent.sources.get()

    training.replace_text(source, title="Shop", text="Zebras graze here.")
    assert (headings(agent, "open"), headings(agent, "zebra")) == ([], [""])

    source.delete()
    assert headings(agent, "zebra") == []


def test_more_than_fits_a_prompt_is_limited(agent: Agent) -> None:
    training.add_text(agent, title="Long", text="\n\n".join(f"# Part {n}\n\nZebra {n}." for n in range(50)))

    assert len(headings(agent, "zebra")) == index.LIMIT


def test_one_statement_answers_both_questions(agent: Agent, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        index.search(agent.pk, "When do you open?")


def test_installing_twice_changes_nothing(cast: Cast) -> None:
    index.install(connection)
    agent = make_agent(cast.acme)
    training.add_text(agent, title="Shop", text=SHOP)

    assert headings(agent, "open") == ["Opening hours"]


def test_postgresql_looks_terms_up_in_its_index(agent: Agent) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no other way to answer")
    rows = (
        Passage(agent=agent, source=agent.sources.get(), position=n, text="x", searchable=f"x w{n}")
        for n in range(3_000)
    )
    Passage.objects.bulk_create(rows, batch_size=500)
    asked = json.dumps([[0, "'open'", "open", 100]])
    given: dict[str, Any] = {
        "agent": agent.pk,
        "exact": "x",
        "asked": asked,
        "gathered": 1_000,
        "few": 200,
        "words": 1,
    }
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE agents_passage")
        cursor.execute(f"EXPLAIN {index.POSTGRES_QUERY}", given)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "agents_passage_terms" in plan
    assert "array_to_tsvector" not in plan
