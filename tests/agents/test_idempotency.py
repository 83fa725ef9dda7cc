"""The same press of Send, however often it arrives, is one reply, one provider call and one charge."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from agents.models import Agent, Conversation, Reply
from billing import ledger
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import (
    accepted,
    csrf,
    lasting,
    messages_path,
    refusal,
    send,
    talk,
    watch,
)
from tests.harness.visitor import Visit
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def test_same_press_again_shows_the_same_reply(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor, key = visit(cast.edith), uuid4().hex
    first = talk(visitor, openai_agent, "Twice?", idempotency_key=key)

    again = talk(visitor, openai_agent, "Twice?", idempotency_key=key)

    assert again.end.data == first.end.data
    assert again.text == first.text
    assert len(provider_double.calls()) == 1
    assert ledger.balance(cast.acme).posted == 95


def test_same_press_while_the_reply_runs_attaches_to_it(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=200)
    visitor, key = visit(cast.edith), uuid4().hex

    first = accepted(visitor, openai_agent, idempotency_key=key)
    second = accepted(visitor, openai_agent, idempotency_key=key)

    assert first == second
    assert watch(visitor, second["stream"]).text == "one two three"
    assert len(provider_double.calls()) == 1


def test_same_press_with_another_text_is_a_conflict(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor, key = visit(cast.edith), uuid4().hex
    talk(visitor, openai_agent, "One", idempotency_key=key)

    assert refusal(send(visitor, openai_agent, "Other", idempotency_key=key)) == (409, "idempotency_conflict")

    assert len(provider_double.calls()) == 1
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)


def test_same_press_at_another_agent_is_a_conflict(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    visitor, key = visit(cast.edith), uuid4().hex
    talk(visitor, openai_agent, "One", idempotency_key=key)

    other = make_agent(cast.acme, "gpt-4o", name="Another")

    assert refusal(send(visitor, other, "One", idempotency_key=key)) == (409, "idempotency_conflict")


def test_another_member_with_the_same_press_is_independent(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    key = uuid4().hex

    replies = {
        accepted(visit(person), openai_agent, "One", idempotency_key=key)["reply"]
        for person in (cast.edith, cast.adam)
    }

    assert len(replies) == 2


def test_same_press_is_answered_even_when_credits_are_gone(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor, key = visit(cast.edith), uuid4().hex
    first = talk(visitor, openai_agent, "One", idempotency_key=key)
    ledger.reverse(cast.acme.account.transfers.get(kind="grant_plan"), actor=cast.oscar, reason="a test")

    again = talk(visitor, openai_agent, "One", idempotency_key=key).end.data
    assert lasting(again) == lasting(first.end.data)
    assert (again["available"], first.end.data["available"]) == (0, 95)
    assert refusal(send(visitor, openai_agent, "One")) == (402, "credits_exhausted")


def test_fifty_parallel_presses_make_one_reply_one_call_one_charge(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    key, path = uuid4().hex, messages_path(openai_agent)
    headers = {"accept": "application/json", "x-csrftoken": csrf(visitor)}

    async def press_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            base_url=visitor.base_url, cookies=visitor.cookies, headers=headers, timeout=60, trust_env=False
        ) as client:
            form = {"text": "All at once", "idempotency_key": key}
            return await asyncio.gather(*(client.post(path, data=form) for _ in range(50)))

    responses = asyncio.run(press_all())

    assert {response.status_code for response in responses} == {202}
    (reply,) = {response.json()["reply"] for response in responses}
    (stream,) = {response.json()["stream"] for response in responses}
    assert watch(visitor, stream).end.data["charged"] == 5
    assert [str(found.pk) for found in Reply.objects.all()] == [reply]
    assert Conversation.objects.count() == 1
    assert len(provider_double.calls()) == 1
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)
