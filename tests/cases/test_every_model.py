"""Replies of an agent with the form's defaults complete on every published model, on credits and on an own key.

The double refuses what the providers refuse, by tables of its own (tests/provider_double/*_rules.py).
"""

import datetime as dt

import pytest

from agents.models import Agent, Reply
from billing import ledger
from llm import byo
from llm.models import ChatModel
from llm.profiles import by_rules
from tests.agents.scenes import give_plenty
from tests.harness.cast import Cast
from tests.harness.chat import PROVIDERS, bring_key, each_provider, platform_key, talk
from tests.harness.visitor import Visit
from tests.provider_double.client import Double

pytestmark = [pytest.mark.any_database, pytest.mark.django_db(transaction=True), pytest.mark.money]

# Besides the catalogue's models: one of each family, as custom models.
FAMILIES = {
    "openai": "gpt-4.1 gpt-5.1 gpt-5.2 gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.5 gpt-5.6-sol gpt-6-sol "
    "gpt-5 gpt-5-mini gpt-5-nano o3 gpt-6-astra gpt-6.1-sol gpt-6.2-sol chat-latest",
    "anthropic": "claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 claude-sonnet-5 claude-opus-5-5 claude-fable-5-2",
}


def completes(visit: Visit, cast: Cast, chat_model: ChatModel, **wish: object) -> Reply:
    agent = Agent.objects.create(workspace=cast.acme, name=chat_model.name, chat_model=chat_model, **wish)
    end = talk(visit(cast.edith), agent).end.data
    reply = Reply.objects.latest("created_at")
    assert (end["state"], end["ending"], reply.left_out) == ("completed", "complete", ""), (chat_model, end)
    assert reply.attempts == 1
    return reply


def test_every_model_of_the_catalogue_completes_on_credits(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    for provider in PROVIDERS:
        platform_key(provider)
    give_plenty(cast)
    models = ChatModel.objects.filter(workspace=None).exclude(provider="local")
    before = ledger.balance(cast.acme).posted
    paid = 0

    for chat_model in models:
        paid += completes(visit, cast, chat_model).charged

    assert paid == sum(chat_model.price for chat_model in models)
    assert ledger.balance(cast.acme) == ledger.Balance(before - paid, 0)


@each_provider
def test_every_family_completes_on_its_own_key(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    bring_key(cast.acme, provider)
    own = [
        byo.add_model(cast.acme, provider=provider, model_id=model_id, by=cast.adam)
        for model_id in FAMILIES[provider].split()
        if not by_rules(provider, model_id).is_gone(dt.date.today())
    ]

    for chat_model in [*own, *ChatModel.objects.filter(workspace=None, provider=provider)]:
        assert completes(visit, cast, chat_model).charged == 0


@each_provider
def test_every_effort_that_a_model_offers_is_one_that_it_takes(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    bring_key(cast.acme, provider)
    for chat_model in ChatModel.objects.filter(workspace=None, provider=provider):
        for effort in by_rules(provider, chat_model.model_id).efforts:
            completes(visit, cast, chat_model, effort=effort, temperature=0.7)
