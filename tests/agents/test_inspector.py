"""The prompt inspector shows what would be sent, made by the function that sends it, and past prompts as they were sent."""

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.knowledge import training
from agents.models import Agent, Conversation, Reply
from agents.running import QUESTION_CHARACTERS
from billing.models import Hold
from llm.models import ChatModel, UnsealCount
from tests.agents.scenes import agent_on
from tests.agents.test_pages import make_reply
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, each_provider, platform_key, talk, watch
from tests.harness.visitor import Visit
from tests.provider_double.client import Double


def inspect(client: Client, agent: Agent, text: str, **fields: Any) -> str:
    answer = client.post(f"/w/acme/agents/{agent.pk}/inspect/", {"text": text, **fields})
    assert answer.status_code == 200
    return answer.content.decode()


def body_shown(page: str) -> Any:
    found = re.search(r"<code>(.*?)</code>", page, re.DOTALL)
    assert found
    return json.loads(html.unescape(found[1]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
@each_provider
def test_the_prompt_shown_is_the_one_that_is_then_sent(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    platform_key(provider)
    agent, edith = agent_on(cast, provider), visit(cast.edith)
    Agent.objects.update(instructions="Sell “shoes” & <b>hats</b>. " * 200)
    training.add_text(agent, title="Hours", text="The shop opens at nine on weekdays.")
    first = accepted(edith, agent, "When does the shop open?")
    watch(edith, first["stream"])
    client = browser_of(cast.edith)

    shown = body_shown(
        inspect(client, agent, "  And when\r\ndoes it close? ", conversation=first["conversation"])
    )
    talk(edith, agent, "  And when\r\ndoes it close? ", conversation=first["conversation"])

    assert shown == provider_double.calls()[-1]["body"]


@pytest.mark.django_db
@pytest.mark.money
def test_looking_costs_nothing_and_stores_nothing(cast: Cast) -> None:
    platform_key()
    agent = agent_on(cast, "openai")
    training.add_text(agent, title="Hours", text="We open at nine on weekdays.")

    page = inspect(browser_of(cast.edith), agent, "When do you open?")

    assert "We open at nine on weekdays." in page
    assert '<li dir="auto">Hours</li>' in page
    assert (Reply.objects.count(), Hold.objects.count(), Conversation.objects.count()) == (0, 0, 0)
    assert not UnsealCount.objects.exists()


@pytest.mark.django_db
def test_the_history_goes_along_in_its_conversation_only(cast: Cast) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    make_reply(agent, conversation, question="Are you there?", text="I am.")

    with_history = inspect(client, agent, "Good.", conversation=conversation.pk)

    roles = [message["role"] for message in body_shown(with_history)["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert "1 earlier turn of this conversation\n  is sent along" in with_history
    assert len(body_shown(inspect(client, agent, "Good."))["messages"]) == 2


@pytest.mark.django_db
def test_in_the_place_of_an_earlier_turn_only_what_was_before_it_goes_along(cast: Cast) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    now = timezone.now()
    replies = [
        make_reply(agent, conversation, question=f"Question {n}", created_at=now - timedelta(minutes=9 - n))
        for n in range(3)
    ]

    page = inspect(client, agent, "Otherwise?", conversation=conversation.pk, instead_of=replies[1].pk)

    asked = [one["content"] for one in body_shown(page)["messages"] if one["role"] == "user"]
    assert asked == ["Question 0", "Otherwise?"]
    assert f'name="instead_of" value="{replies[1].pk}"' in page


@pytest.mark.django_db
def test_another_agents_conversation_is_not_shown(cast: Cast) -> None:
    agent, other = agent_on(cast, "openai"), make_agent(cast.acme, name="Other")
    conversation = Conversation.objects.create(agent=other, started_by=cast.edith)
    make_reply(other, conversation, question="A secret?", text="A secret.")

    answer = browser_of(cast.edith).get(
        f"/w/acme/agents/{agent.pk}/inspect/", {"text": "Hm?", "conversation": str(conversation.pk)}
    )

    assert answer.status_code == 404


@pytest.mark.django_db
def test_a_stored_answer_sends_no_prompt_and_neither_does_local(cast: Cast) -> None:
    agent, local = agent_on(cast, "openai"), make_agent(cast.acme, name="Local")
    training.add_qa(agent, question="Who are you?", answer="A shop.")
    training.add_text(local, title="Hours", text="We open at nine.")
    client = browser_of(cast.edith)

    stored, extracted = inspect(client, agent, "who are you"), inspect(client, local, "When do you open?")

    for page, answer in ((stored, "A shop."), (extracted, "We open at nine.")):
        assert "No prompt is sent." in page
        assert answer in page
        assert "<code>" not in page


@pytest.mark.django_db
def test_what_is_not_sent_is_said_with_its_reason(cast: Cast) -> None:
    agent, client = make_agent(cast.acme, "claude-sonnet-4-6"), browser_of(cast.edith)
    Agent.objects.update(effort="high", output_limit=99_999)

    page = html.unescape(inspect(client, agent, "Hello?"))

    assert "The temperature of 0.2: Claude Sonnet 4.6 takes none." in page
    assert "The effort “high”: Claude Sonnet 4.6 does not offer it." in page
    assert "The output limit of 99,999 tokens: Claude Sonnet 4.6 writes fewer." in page
    ChatModel.objects.filter(model_id="gpt-4o").update(left_out="temperature")
    Agent.objects.update(chat_model=ChatModel.objects.get(model_id="gpt-4o"))
    page = inspect(client, agent, "Hello?")
    assert "temperature: GPT-4o refused it before." in page
    assert "temperature" not in body_shown(page)


@pytest.mark.django_db
def test_an_empty_or_a_too_long_message_is_looked_at_kindly(cast: Cast) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)

    assert "<code>" not in inspect(client, agent, " \n ")
    assert "This message is too long." in inspect(client, agent, "a" * (QUESTION_CHARACTERS + 1))


@pytest.mark.django_db
def test_what_is_tried_is_what_is_shown(cast: Cast) -> None:
    agent = agent_on(cast, "openai")
    conversation = Conversation.objects.create(
        agent=agent, tried_model=ChatModel.objects.get(model_id="gpt-4o-mini"), tried_instructions="Rhyme."
    )

    shown = body_shown(inspect(browser_of(cast.edith), agent, "Hello?", conversation=conversation.pk))

    assert (shown["model"], shown["messages"][0]["content"]) == ("gpt-4o-mini", "Rhyme.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_past_prompt_has_a_page_that_its_receipt_leads_to(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    agent, edith = agent_on(cast, "openai"), visit(cast.edith)
    Agent.objects.update(instructions="Sell shoes.")
    talk(edith, agent, "<b>Hello</b>")
    Agent.objects.update(instructions="Sell hats.")
    reply = Reply.objects.get()

    page = edith.get(f"/w/acme/replies/{reply.pk}/prompt/").text

    assert f"/w/acme/replies/{reply.pk}/prompt/" in edith.get(f"/w/acme/replies/{reply.pk}/").text
    assert (
        f"/w/acme/replies/{reply.pk}/prompt/"
        not in visit(cast.victor).get(f"/w/acme/replies/{reply.pk}/").text
    )
    assert "Exactly as it was sent," in page
    assert body_shown(page) == provider_double.calls()[0]["body"]
    assert "Sell hats." not in page
    assert "<b>Hello</b>" not in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"why": "qa_match"}, "stored answer"),
        ({"provider": "local"}, "Bookbag Local takes its answer"),
        ({"provider": "openai"}, "before prompts were kept"),
        ({"provider": "openai", "conversation": None}, "went with its conversation"),
    ],
)
def test_a_reply_without_a_prompt_says_why(cast: Cast, fields: dict[str, Any], says: str) -> None:
    agent = make_agent(cast.acme)
    reply = make_reply(agent, Conversation.objects.create(agent=agent, started_by=cast.edith))
    Reply.objects.update(**fields)

    page = browser_of(cast.edith).get(f"/w/acme/replies/{reply.pk}/prompt/").content.decode()

    assert says in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_deleted_conversation_shows_no_prompt_until_it_is_brought_back(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    edith = visit(cast.edith)
    talk(edith, agent_on(cast, "openai"), "A secret?")
    path = f"/w/acme/replies/{Reply.objects.get().pk}/prompt/"
    assert "A secret?" in edith.get(path).text

    Conversation.objects.update(deleted_at=timezone.now())

    assert "A secret?" not in edith.get(path).text
    assert "went with its conversation" in edith.get(path).text


@pytest.mark.django_db
@pytest.mark.parametrize("turns", [1, 50])
def test_the_inspector_asks_a_constant_number_of_queries(
    cast: Cast, turns: int, django_assert_max_num_queries: Any
) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    for _ in range(turns):
        make_reply(agent, conversation)
    with django_assert_max_num_queries(12):
        inspect(client, agent, "Hello?", conversation=conversation.pk)
