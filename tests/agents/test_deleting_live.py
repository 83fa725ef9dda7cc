"""Deleting a conversation while somebody talks in it: on a server, with a provider that answers slowly."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents import conversations
from agents.models import Agent, Conversation, Reply
from billing import ledger
from tests.harness.cast import Cast
from tests.harness.chat import accepted, csrf, refusal, send, talk
from tests.harness.visitor import Visit, Visitor
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def delete(visitor: Visitor, conversation: str) -> int:
    path = f"/w/acme/conversations/{conversation}/delete/"
    return visitor.post(path, headers={"x-csrftoken": csrf(visitor)}).status_code


def test_message_to_a_deleted_conversation_is_refused_and_costs_nothing(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    talk(visitor, openai_agent)
    conversation = str(Conversation.objects.get().pk)
    spent = ledger.balance(cast.acme).posted

    assert delete(visitor, conversation) == 302
    answer = send(visitor, openai_agent, "And now?", conversation=conversation)

    assert refusal(answer) == (404, "not_found")
    assert (ledger.balance(cast.acme).posted, Reply.objects.count()) == (spent, 1)


def test_reply_that_runs_is_settled_as_ever_and_its_words_are_wiped_later(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("ok", gap_ms=100)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    assert delete(visitor, where["conversation"]) == 302

    assert visitor.get(where["stream"]).status_code == 404
    assert eventually(lambda: not Reply.objects.get().is_running, seconds=30)
    Conversation.objects.update(deleted_at=timezone.now() - timedelta(minutes=11))
    conversations.wipe()

    reply = Reply.objects.get()
    assert (reply.state, reply.charged, reply.price) == (Reply.State.COMPLETED, reply.price, reply.price)
    assert (reply.question, reply.text, reply.conversation, reply.prompt) == ("", "", None, None)
    assert reply.erased_at is not None
