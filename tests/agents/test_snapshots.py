"""A route is decided once, when the reply is accepted; later changes apply to the next reply."""

import pytest

from agents.models import Reply
from billing import ledger
from llm import byo, keys
from llm.models import ChatModel
from llm.vault import Secret
from tests.agents.scenes import agent_on, calls
from tests.harness.cast import Cast
from tests.harness.chat import (
    ACME_SECRETS,
    accepted,
    bring_key,
    live_events,
    platform_key,
    refusal,
    send,
    talk,
)
from tests.harness.visitor import Visit
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def test_switch_turned_off_midway_leaves_the_running_reply_alone(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    bring_key(cast.acme)
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=300)
    visitor = visit(cast.edith)
    stream = live_events(visitor, accepted(visitor, agent_on(cast, "openai"))["stream"])

    first = next(event for event in stream if event.kind == "text")
    byo.set_byo(cast.acme, enabled=False, by=cast.adam)
    end = list(stream)[-1]

    assert first.data["text"] == "one "
    assert (end.data["text"], end.data["billing"], end.data["charged"]) == ("one two three", "byo", 0)


def test_key_replaced_midway_decides_the_next_reply_only(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    bring_key(cast.acme)
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=300)
    visitor, agent = visit(cast.edith), agent_on(cast, "openai")
    stream = live_events(visitor, accepted(visitor, agent)["stream"])

    next(event for event in stream if event.kind == "text")
    keys.replace(cast.acme, provider="openai", secret=Secret("sk-NEWACMEk7Wq2Zx9Rt4Yv8Bn3Mc6Lp1Js5Hg0"))
    end = list(stream)[-1]
    talk(visitor, agent)

    assert end.data["text"] == "one two three"
    assert [secret for _, secret, _ in calls(provider_double)] == [
        ACME_SECRETS["openai"],
        "sk-NEWACMEk7Wq2Zx9Rt4Yv8Bn3Mc6Lp1Js5Hg0",
    ]
    first, second = Reply.objects.order_by("created_at")
    assert first.credential_id != second.credential_id


def test_key_deleted_midway_lets_the_running_reply_end(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    bring_key(cast.acme)
    provider_double.script("chunks", chunks=["one ", "two"], gap_ms=300)
    visitor, agent = visit(cast.edith), agent_on(cast, "openai")
    stream = live_events(visitor, accepted(visitor, agent)["stream"])

    next(event for event in stream if event.kind == "text")
    keys.delete(cast.acme, provider="openai", by=cast.adam)

    assert list(stream)[-1].data["text"] == "one two"
    assert refusal(send(visitor, agent)) == (409, "byo_key_missing")


def test_price_edited_midway_is_the_next_replys(cast: Cast, visit: Visit, provider_double: Double) -> None:
    platform_key()
    provider_double.script("chunks", chunks=["one ", "two"], gap_ms=300)
    visitor, agent = visit(cast.edith), agent_on(cast, "openai")
    stream = live_events(visitor, accepted(visitor, agent)["stream"])

    next(event for event in stream if event.kind == "text")
    ChatModel.objects.filter(model_id="gpt-4o").update(price=50)

    assert list(stream)[-1].data["charged"] == 5
    assert talk(visitor, agent).end.data["charged"] == 50
    assert ledger.balance(cast.acme) == ledger.Balance(45, 0)


def test_agent_given_another_model_midway_changes_the_next_reply_only(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    provider_double.script("chunks", chunks=["one ", "two"], gap_ms=300)
    visitor, agent = visit(cast.edith), agent_on(cast, "openai")
    stream = live_events(visitor, accepted(visitor, agent)["stream"])

    next(event for event in stream if event.kind == "text")
    agent.chat_model = ChatModel.objects.get(model_id="gpt-4o-mini")
    agent.save()

    assert list(stream)[-1].data["charged"] == 5
    assert talk(visitor, agent).end.data["charged"] == 1
    assert [reply.model_name for reply in Reply.objects.order_by("created_at")] == ["GPT-4o", "GPT-4o mini"]
