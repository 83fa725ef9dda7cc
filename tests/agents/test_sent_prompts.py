"""The prompt of a past reply is shown as it was sent, whatever has been changed since; and said to be so only if it is."""

import json
from uuid import UUID, uuid4

import pytest

from agents import sent_prompts
from agents.knowledge import training
from agents.models import Agent, Conversation, Reply, Source
from agents.running import accepting, outcomes, settlement
from agents.running.outcomes import Cause
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Submission
from llm.providers.base import Finish, ResponseMetadata
from tests.agents.scenes import agent_on
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import each_provider, platform_key, talk
from tests.harness.visitor import Visit, session_cookie
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def ask(cast: Cast, agent: Agent, text: str, conversation_id: UUID | None = None) -> AcceptedReply:
    send = Submission(session_cookie(cast.edith), "acme", agent.pk, text, uuid4().hex, conversation_id)
    asked = accepting.accept(send)
    assert isinstance(asked, AcceptedReply)
    return asked


def answer(asked: AcceptedReply, text: str) -> None:
    outcome = outcomes.decide(Cause.FINISHED, has_text=True)
    settlement.settle(asked, Result(outcome, text, attempts=1, metadata=ResponseMetadata(Finish.STOP)))


def stored(asked: AcceptedReply) -> Reply:
    return Reply.objects.get(pk=asked.reply_id)


@pytest.fixture
def agent(cast: Cast) -> Agent:
    platform_key()
    agent = agent_on(cast, "openai")
    training.add_text(agent, title="Hours", text="# Week\n\nThe shop opens at nine — “sharp”.")
    Agent.objects.filter(pk=agent.pk).update(instructions="You sell shoes. 你好 {x}")
    return agent


def test_a_past_prompt_is_what_was_sent_whatever_changes_later(cast: Cast, agent: Agent) -> None:
    first = ask(cast, agent, "When does the shop open?")
    answer(first, "At nine [1].")
    second = ask(cast, agent, "And on which days does the shop open?", first.conversation_id)
    answer(second, "Every day.")

    Agent.objects.filter(pk=agent.pk).update(instructions="You sell hats.", fallback_text="Hm.", effort="low")
    Source.objects.all().delete()

    for asked, turns in ((first, 0), (second, 1)):
        sent = sent_prompts.of(stored(asked))
        assert sent is not None
        assert sent.messages == asked.messages
        assert (sent.parameters, sent.is_exact) == (asked.parameters, True)
        assert [message.role for message in sent.messages[1:-1]] == ["user", "assistant"] * turns


def test_what_is_not_what_was_sent_is_not_called_so(cast: Cast, agent: Agent) -> None:
    first = ask(cast, agent, "When does the shop open?")
    answer(first, "At nine [1].")
    second = ask(cast, agent, "And on Sundays?", first.conversation_id)

    Reply.objects.filter(pk=first.reply_id).update(text="At ten.")

    sent = sent_prompts.of(stored(second))
    assert sent is not None
    assert not sent.is_exact


def test_another_workspaces_reply_never_goes_into_a_prompt(cast: Cast, agent: Agent) -> None:
    first = ask(cast, agent, "When does the shop open?")
    answer(first, "At nine [1].")
    second = ask(cast, agent, "And on Sundays?", first.conversation_id)

    Reply.objects.filter(pk=first.reply_id).update(workspace=cast.globex)
    sent = sent_prompts.of(stored(second))
    Reply.objects.filter(pk=first.reply_id).update(workspace=cast.acme)

    assert sent is not None
    assert [message.role for message in sent.messages] == ["system", "user"]
    assert not sent.is_exact


def test_a_prompt_goes_with_its_conversation(cast: Cast, agent: Agent) -> None:
    asked = ask(cast, agent, "When does the shop open?")
    assert stored(asked).prompt is not None

    Conversation.objects.get(pk=asked.conversation_id).delete()

    assert (stored(asked).prompt, sent_prompts.of(stored(asked))) == (None, None)


def test_no_prompt_is_kept_where_none_is_sent(cast: Cast, agent: Agent) -> None:
    training.add_qa(agent, question="Who are you?", answer="A shop.")

    assert stored(ask(cast, agent, "Who are you?")).prompt is None
    assert stored(ask(cast, make_agent(cast.acme), "Who are you?")).prompt is None


def test_a_kept_prompt_is_small(cast: Cast, agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(instructions="Answer in one sentence, kindly and truly. " * 400)

    asked = ask(cast, agent, "When does the shop open?")

    assert len(bytes(stored(asked).prompt or b"")) < 1_500


@each_provider
def test_the_request_shown_is_the_one_that_the_provider_got(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    platform_key(provider)
    agent = agent_on(cast, provider)
    Agent.objects.filter(pk=agent.pk).update(instructions="Sell shoes. " * 400)
    training.add_text(agent, title="Hours", text="The shop opens at nine.")
    edith = visit(cast.edith)
    talk(edith, agent, "When does the shop open?")
    conversation = Conversation.objects.get()
    talk(edith, agent, "And when does the shop close?", conversation=str(conversation.pk))

    for call, reply in zip(provider_double.calls(), Reply.objects.order_by("created_at"), strict=True):
        sent = sent_prompts.of(reply)
        assert sent is not None
        assert sent.is_exact
        assert json.loads(json.dumps(sent.body)) == call["body"]


def test_a_parameter_that_was_refused_is_not_in_the_request_shown(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    agent = agent_on(cast, "openai")
    error = {
        "type": "invalid_request_error",
        "code": "unsupported_value",
        "param": "temperature",
        "message": "No.",
    }
    refusal = {"status": 400, "headers": {"content-type": "application/json"}, "body": {"error": error}}
    rule = {"field": "temperature", "unless": 1, "answer": refusal}
    provider_double.script("raw", refuse_if_body_has=rule, chunks=[])

    talk(visit(cast.edith), agent)

    sent = sent_prompts.of(Reply.objects.get())
    assert sent is not None
    assert sent.left_out == {"temperature"}
    assert sent.body == provider_double.calls()[-1]["body"]
