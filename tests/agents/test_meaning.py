"""Finding by meaning: near passages join the results, are never outdated or another agent's, and alone decide nothing."""

from typing import Any

import pytest

from agents.knowledge import finding, index, meaning, training
from agents.knowledge.found import PAIRS
from agents.models import Agent, Passage
from agents.running import local
from agents.sources import jobs, pairs
from bookbag.configuration import checks
from tests.harness.cast import Cast, make_agent

pytestmark = pytest.mark.django_db

TEXT = """# Opening hours

We open at nine in the morning, and we close at five.

# Refunds

You will be paid back what the ticket was within thirty days.
"""
# No word of it is in the text.
IN_OTHER_WORDS = "How do I receive my money?"


@pytest.fixture
def on(settings: Any) -> None:
    for name in checks.OF_EMBEDDINGS:
        pytest.importorskip(name)
    settings.EMBEDDINGS = "wordllama"


def headings(agent: Agent, question: str) -> list[str]:
    return [one.heading for one in finding.search(agent.pk, question).passages]


def test_off_no_vector_is_made_and_words_alone_find(agent: Agent) -> None:
    training.add_text(agent, title="Shop", text=TEXT)

    assert not agent.passages.exclude(vector=None, vector_by=None).exists()
    assert headings(agent, IN_OTHER_WORDS) == []


@pytest.mark.usefixtures("on")
def test_a_question_in_other_words_finds_its_passage(agent: Agent) -> None:
    training.add_text(agent, title="Shop", text=TEXT)

    assert index.search(agent.pk, IN_OTHER_WORDS).passages == []
    [found] = [one for one in finding.search(agent.pk, IN_OTHER_WORDS).passages if one.heading == "Refunds"]
    assert (found.source, found.text) == (
        "Shop",
        "You will be paid back what the ticket was within thirty days.",
    )


@pytest.mark.usefixtures("on")
def test_what_both_find_is_given_once(agent: Agent) -> None:
    training.add_text(agent, title="Shop", text=TEXT)

    assert headings(agent, "Within how many days will I be paid back my ticket?").count("Refunds") == 1


@pytest.mark.usefixtures("on")
def test_near_in_meaning_alone_is_no_answer(agent: Agent) -> None:
    training.add_text(agent, title="Shop", text=TEXT)

    hits = finding.search(agent.pk, IN_OTHER_WORDS)

    assert hits.passages
    assert local.answer(IN_OTHER_WORDS, hits, fallback="No idea.").text == "No idea."


@pytest.mark.usefixtures("on")
def test_nothing_near_is_found_for_a_question_of_something_else(agent: Agent) -> None:
    training.add_text(agent, title="Shop", text=TEXT)

    assert headings(agent, "qwxz vbnm kjhg") == []


@pytest.mark.usefixtures("on")
def test_other_agents_take_no_part(agent: Agent, cast: Cast) -> None:
    training.add_text(make_agent(cast.globex), title="Shop", text=TEXT)

    assert headings(agent, IN_OTHER_WORDS) == []


@pytest.mark.usefixtures("on")
def test_a_changed_text_is_found_as_it_is_now(agent: Agent) -> None:
    source = training.add_text(agent, title="Shop", text=TEXT)
    assert "Refunds" in headings(agent, IN_OTHER_WORDS)

    training.replace_text(source, title="Shop", text=TEXT.replace("# Refunds", "# Refund of payments"))
    assert "Refund of payments" in headings(agent, IN_OTHER_WORDS)

    source.delete()
    assert headings(agent, IN_OTHER_WORDS) == []


@pytest.mark.usefixtures("on")
def test_a_changed_pair_is_found_as_it_is_now(agent: Agent, rf: Any, cast: Cast) -> None:
    request = rf.post("/")
    request.user = cast.edith
    pair = training.add_qa(agent, question="What about a refund?", answer="You will have it within a month.")
    [found] = finding.search(agent.pk, IN_OTHER_WORDS).passages
    assert (found.heading, found.source) == ("What about a refund?", PAIRS)

    pairs.change(agent, pair.pk, question="zqxj kvbw?", answer="wvkj qzxp.", request=request)

    assert headings(agent, IN_OTHER_WORDS) == []


@pytest.mark.usefixtures("on")
def test_a_question_in_another_language_is_left_to_its_words(agent: Agent) -> None:
    training.add_text(agent, title="Shop", text=TEXT)
    question = "Wie bekomme ich mein Geld für das Ticket zurück?"

    assert finding.search(agent.pk, question) == index.search(agent.pk, question)


@pytest.mark.usefixtures("on")
def test_vectors_of_another_encoder_take_no_part_until_they_are_made_anew(agent: Agent) -> None:
    training.add_text(agent, title="Shop", text=TEXT)
    training.add_qa(agent, question="Who may come in?", answer="Everybody who has a ticket.")
    agent.passages.update(vector_by="another", vector=b"\x01" * 8)
    agent.qa_pairs.update(vector_by="another", vector=b"\x01" * 8)
    assert headings(agent, IN_OTHER_WORDS) == []

    jobs.give_vectors.call(0)

    assert "Refunds" in headings(agent, IN_OTHER_WORDS)
    assert not agent.qa_pairs.exclude(vector_by=meaning.encoder().name).exists()  # type: ignore[union-attr]


def test_what_was_trained_without_an_encoder_gets_its_vectors_batch_by_batch(
    agent: Agent, settings: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = training.add_text(agent, title="Shop", text=TEXT)
    Passage.objects.bulk_create(
        Passage(agent=agent, source=source, position=9 + n, text="We will pay you back.") for n in range(5)
    )
    request.getfixturevalue("on")
    monkeypatch.setattr(meaning, "BATCH", 2)
    last = 0
    rounds = 0
    while (going_on := meaning.fill(last)) is not None:
        assert going_on > last
        last, rounds = going_on, rounds + 1

    assert rounds == 4
    assert not agent.passages.filter(vector=None).exists()


@pytest.mark.usefixtures("on")
def test_a_second_question_asks_two_small_statements_and_one_for_what_is_near(
    agent: Agent, django_assert_max_num_queries: Any
) -> None:
    training.add_text(agent, title="Shop", text=TEXT)
    finding.search(agent.pk, "When are you open?")

    with django_assert_max_num_queries(4):
        finding.search(agent.pk, "When are you open?")


@pytest.mark.usefixtures("on")
def test_vectors_of_few_agents_are_kept_and_all_are_searched(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "KEPT_BYTES", 1)
    agents = [make_agent(cast.acme, name=f"Agent {number}") for number in range(3)]
    for one in agents:
        training.add_text(one, title="Shop", text=TEXT)

    assert ["Refunds" in headings(one, IN_OTHER_WORDS) for one in (*agents, *agents)] == [True] * 6
    assert len(finding._kept) == 1


@pytest.mark.usefixtures("on")
def test_an_agent_with_too_many_is_searched_by_words(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_VECTORS", 1)
    training.add_text(agent, title="Shop", text=TEXT)

    assert headings(agent, IN_OTHER_WORDS) == []


def test_a_start_without_the_packages_is_refused_in_plain_words(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "OF_EMBEDDINGS", ("no_such_package",))
    assert checks.boot_problems() == []

    settings.EMBEDDINGS = "wordllama"

    assert checks.boot_problems() == [
        "EMBEDDINGS is wordllama, which needs packages that are not installed (no_such_package): "
        "install them by `uv sync --extra embeddings`, or set EMBEDDINGS=off."
    ]
