"""Every function that takes a stranger's text, fed with everything that makes a careless one slow."""

from contextlib import suppress
from types import SimpleNamespace

import pytest

from agents import process_pool
from agents.knowledge import index, training
from agents.knowledge.prompt import HISTORY_BUDGET
from agents.models import Conversation, Source
from agents.running import planning
from agents.running.accepting import QUESTION_CHARACTERS
from tests.agents.test_pages import make_reply
from tests.bounded import memory
from tests.bounded.growth import sizes, too_steep
from tests.bounded.registry import FUNCTIONS, NOT_HERE, text_takers, unregistered
from tests.bounded.texts import ACCENTS, TEXTS
from tests.harness.cast import Cast, make_agent


def test_every_function_that_takes_a_text_is_registered() -> None:
    assert unregistered() == []


def test_nothing_is_excused_that_is_not_there() -> None:
    assert NOT_HERE.keys() - set(text_takers()) == set()


# Characters, for what takes long: more than a passage (2,700) or most of the longest question (20,000). `make soak` gives
# a megabyte.
ENOUGH = {
    "agents.running.local.answer (passage)": 8_000,
    "agents.knowledge.closeness.clearly_meant": 16_000,
}


@sizes
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_keeps_within_the_bound(name: str, most: int) -> None:
    if most < 1_000_000:
        most = ENOUGH.get(name, most)
    steep = {
        what: seen for what, text_of in TEXTS.items() if (seen := too_steep(FUNCTIONS[name], text_of, most))
    }

    assert steep == {}


# One of each kind, for work that takes long: that writes (the database's own time counts here on SQLite), or is weighed.
SOME = (
    "'a1 '",
    "'ﷺ'",
    repr(ACCENTS),
    "'# a\\nb\\n\\n'",
    "'a\\n\\n'",
    "'a. '",
    "a heading of blanks",
    "different words",
    '"\'"',
    "'\"'",
    "'&'",
)


# Bytes for each character of a text.
MOST_MEMORY = 500


@pytest.mark.parametrize(
    ("most", "texts"),
    [
        (64_000, SOME),
        pytest.param(1_000_000, tuple(TEXTS), marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
    ids=["some", "all"],
)
@pytest.mark.parametrize(
    ("module", "function"), [("agents.markdown", "to_html"), ("agents.knowledge.chunk", "chunks")]
)
def test_memory_keeps_within_the_bound(module: str, function: str, most: int, texts: tuple[str, ...]) -> None:
    """Of what workers do: a fresh one does all texts."""
    process_pool.close()

    peaks = process_pool.call(memory.peaks, module, function, most, texts, seconds=600)

    assert {what: peak for what, peak in peaks.items() if peak > MOST_MEMORY * most} == {}
    process_pool.close()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("whats", "questions"),
    [(SOME, 2), pytest.param(tuple(TEXTS), 8, marks=pytest.mark.soak)],
    ids=["some", "all"],
)
def test_search_keeps_within_the_bound(cast: Cast, whats: tuple[str, ...], questions: int) -> None:
    """What is made of a question is fed with everything, above; here the database is asked as well."""
    agent = make_agent(cast.acme)
    training.add_text(agent, title="Hours", text="We open at nine.\n\n# Prices\n\nCheap.")

    def look(text: str) -> None:
        index.search(agent.pk, text)

    steep = {
        what: seen
        for what in whats
        if (seen := too_steep(look, TEXTS[what], questions * QUESTION_CHARACTERS))
    }

    assert steep == {}


@pytest.mark.django_db
def test_a_word_too_long_for_the_database_is_not_looked_for(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    training.add_text(agent, title="Hours", text="We open at nine.")

    assert [found.text for found in index.search(agent.pk, "a" * 5000 + " open?").passages] == [
        "We open at nine."
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("what", SOME)
def test_training_keeps_within_the_bound(cast: Cast, what: str) -> None:
    agent = make_agent(cast.acme)

    def train(text: str) -> None:
        with suppress(training.CannotBeCut):
            training.add_text(agent, title="Book", text=text)
        Source.objects.all().delete()

    # Not more, so that all of it is done here and none in a worker, whose time would not count.
    assert too_steep(train, TEXTS[what], 32_000) is None


@pytest.mark.django_db
def test_earlier_answers_are_read_as_far_as_a_prompt_takes_them(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    for length in (10, HISTORY_BUDGET, 256 * 1024):
        make_reply(agent, conversation, text="é" * length)

    facts = SimpleNamespace(agent_id=agent.pk)
    history = planning._history(conversation.pk, facts)  # type: ignore[arg-type]

    assert sorted(len(text) for _, text, _ in history) == [10, HISTORY_BUDGET, HISTORY_BUDGET + 1]


@pytest.mark.django_db
def test_question_and_answer_keep_within_the_bound(cast: Cast) -> None:
    agent = make_agent(cast.acme)

    def add(text: str) -> None:
        training.add_qa(agent, question=text[:500], answer=text).delete()

    assert {what: seen for what in SOME if (seen := too_steep(add, TEXTS[what], 128_000))} == {}
