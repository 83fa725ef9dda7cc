"""With many passages a search collects candidates by rare words only, and finds the same as before."""

import pytest

from agents.knowledge import common, index, training
from agents.models import Agent, CommonTerms
from tests.harness.cast import Cast, make_agent

pytestmark = pytest.mark.django_db

SECTIONS = 60


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "MANY", 20)
    monkeypatch.setattr(index, "GATHERED", 30)
    monkeypatch.setattr(index, "FEW", 10)


@pytest.fixture
def agent(cast: Cast) -> Agent:
    agent = make_agent(cast.acme)
    sections = [
        f"# Plan {number}\n\nThe plan has a price and a limit. {'Its price is monthly.' if number % 3 else 'Harbour fees apply.'}"
        for number in range(SECTIONS)
    ]
    training.add_text(agent, title="Plans", text="\n\n".join(sections))
    training.add_text(agent, title="Refunds", text="# Refunds\n\nA refund of the price takes ten days.")
    training.add_qa(agent, question="Is there a limit of refunds?", answer="No.")
    common.count(agent.pk)
    return agent


def found(agent: Agent, question: str) -> list[str]:
    return [f"{one.source}: {one.text}" for one in index.search(agent.pk, question).passages]


def test_terms_of_many_passages_are_counted(agent: Agent) -> None:
    counted = CommonTerms.objects.get(agent=agent)

    assert counted.size == SECTIONS + 1
    assert counted.terms["limit"] == SECTIONS
    assert counted.terms["price"] == SECTIONS + 1
    assert "harbour" in counted.terms
    assert counted.terms.get("refund", 1) == 1


@pytest.mark.parametrize(
    "question",
    [
        "what is the price of a refund",
        "yesterday the price of a refund",
        "harbour fees of the plan with a limit",
        "plan price limit",
        "price",
        "prices monthly plans",
        "zebra price",
        "zebra",
    ],
)
def test_what_is_found_stays_the_same(agent: Agent, question: str) -> None:
    sparing = found(agent, question)
    CommonTerms.objects.all().delete()

    assert sparing == found(agent, question)


def test_a_misspelt_word_beside_common_ones_is_still_corrected(agent: Agent) -> None:
    assert found(agent, "what is the price of a refnud")[0].startswith("Refunds")


def test_a_rare_word_of_the_same_meaning_as_a_common_one_is_found(agent: Agent) -> None:
    training.add_text(agent, title="Quotas", text="A quota is a limit of the plan.")

    assert "Quotas: A quota is a limit of the plan." in found(agent, "what is the limit of the plan")


def test_a_small_agent_is_not_counted(cast: Cast) -> None:
    small = make_agent(cast.globex)
    training.add_text(small, title="One", text="Bees make honey.")

    common.count(small.pk)

    assert not CommonTerms.objects.filter(agent=small).exists()


def test_counted_again_only_when_it_has_grown_by_much(agent: Agent) -> None:
    training.add_text(agent, title="More", text="# Bees\n\nBees make honey.\n\n# Ants\n\nAnts do not.")
    common.count(agent.pk)
    assert CommonTerms.objects.get(agent=agent).size == SECTIONS + 1

    training.add_text(agent, title="Much", text="\n\n".join(f"# Day {n}\n\nRain." for n in range(30)))
    common.count(agent.pk)

    counted = CommonTerms.objects.get(agent=agent)
    assert (counted.size, counted.terms["rain"]) == (SECTIONS + 33, 30)


def test_an_agent_that_has_lost_its_passages_is_counted_no_more(agent: Agent) -> None:
    agent.sources.get(title="Plans").delete()

    common.count_all()

    assert not CommonTerms.objects.exists()
    assert found(agent, "refund")[0].startswith("Refunds")


def test_an_agent_of_an_older_version_is_counted_in_time(agent: Agent) -> None:
    CommonTerms.objects.all().delete()

    common.count_all()

    assert CommonTerms.objects.get().agent_id == agent.pk


@pytest.mark.django_db(transaction=True)
def test_training_counts_once_it_is_over(cast: Cast) -> None:
    agent = make_agent(cast.acme)

    training.add_text(agent, title="Days", text="\n\n".join(f"# Day {n}\n\nRain." for n in range(30)))

    assert CommonTerms.objects.get(agent=agent).terms["rain"] == 30
