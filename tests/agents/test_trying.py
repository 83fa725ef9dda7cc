"""A conversation tries another chat model, settings or instructions; the agent and all its other conversations stay."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.test import Client

from agents.models import Agent, Conversation, Reply
from billing import ledger
from llm import byo, outlook
from llm.models import ChatModel
from tests.agents.scenes import agent_on, calls, nothing_happened, spend_all
from tests.factories import browser_of
from tests.harness.cast import Cast, catalogue_model, make_agent
from tests.harness.chat import (
    ACME_SECRETS,
    PLATFORM_SECRETS,
    accepted,
    bring_key,
    platform_key,
    receipt,
    refusal,
    send,
    talk,
)
from tests.harness.visitor import Visit
from tests.provider_double.client import Double

SONNET = "claude-sonnet-4-6"


def path(agent: Agent, act: str = "") -> str:
    return f"/w/acme/agents/{agent.pk}/playground/{act}"


def form(agent: Agent, **changes: Any) -> dict[str, Any]:
    """The form as the page has it for an agent that nothing is tried of, with `changes`."""
    return {
        "chat_model": agent.chat_model_id,
        "effort": agent.effort,
        "temperature": "" if agent.temperature is None else agent.temperature,
        "output_limit": agent.output_limit or "",
        "instructions": agent.instructions,
    } | changes


def try_out(client: Client, agent: Agent, conversation: Conversation | None = None, **changes: Any) -> Any:
    query = f"?conversation={conversation.pk}" if conversation else ""
    return client.post(path(agent, f"try/{query}"), form(agent, **changes))


def tried(agent: Agent, **fields: Any) -> Conversation:
    return Conversation.objects.create(agent=agent, **fields)


# --- The pages ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_trying_a_model_makes_a_conversation_and_leaves_the_agent(cast: Cast) -> None:
    platform_key("openai")
    platform_key("anthropic")
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)

    answer = try_out(client, agent, chat_model=catalogue_model(SONNET).pk)

    conversation = Conversation.objects.get()
    assert answer["Location"] == f"{path(agent)}?conversation={conversation.pk}"
    assert (conversation.tried_model, conversation.tried_temperature) == (catalogue_model(SONNET), 0.2)
    assert (conversation.started_by, conversation.tried_instructions) == (cast.edith, None)
    agent.refresh_from_db()
    assert agent.chat_model.model_id == "gpt-4o"
    page = client.get(answer["Location"]).content.decode()
    assert "Trying Claude Sonnet 4.6 here." in page
    assert "The agent still uses GPT-4o" in page
    assert "4 credits" in page
    assert "5 credits" not in page
    other = client.get(path(agent)).content.decode()
    assert "Trying" not in other
    assert "5 credits" in other


@pytest.mark.django_db
def test_trying_what_the_agent_is_set_to_makes_nothing(cast: Cast) -> None:
    agent = agent_on(cast, "openai")

    answer = try_out(browser_of(cast.edith), agent)

    assert answer["Location"] == path(agent)
    assert not Conversation.objects.exists()


@pytest.mark.django_db
def test_only_what_is_tried_is_kept_from_following_the_agent(cast: Cast) -> None:
    agent = agent_on(cast, "openai")
    client = browser_of(cast.edith)
    try_out(client, agent, instructions="Answer in rhyme.")

    conversation = Conversation.objects.get()

    assert (conversation.tried_model, conversation.tried_temperature) == (None, None)
    assert conversation.tried_instructions == "Answer in rhyme."
    page = client.get(f"{path(agent)}?conversation={conversation.pk}").content.decode()
    assert "Trying other settings here." in page
    assert "With other instructions." in page


@pytest.mark.django_db
def test_settings_that_differ_are_named_with_their_values(cast: Cast) -> None:
    agent, client = make_agent(cast.acme, "gpt-6-luna"), browser_of(cast.edith)

    try_out(client, agent, effort="high", output_limit=900)

    page = client.get(f"{path(agent)}?conversation={Conversation.objects.get().pk}").content.decode()
    assert "With effort high, output limit 900 tokens." in page


@pytest.mark.django_db
def test_an_effort_that_the_model_does_not_offer_is_refused_and_what_was_typed_stays(cast: Cast) -> None:
    agent = make_agent(cast.acme, "gpt-6-luna")

    answer = try_out(browser_of(cast.edith), agent, effort="max", instructions="Mine, all mine.")

    assert answer.status_code == 200
    assert "does not offer this effort" in answer.content.decode()
    assert "Mine, all mine." in answer.content.decode()
    assert not Conversation.objects.exists()


@pytest.mark.django_db
def test_back_to_the_agents_own(cast: Cast) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    conversation = tried(agent, tried_model=catalogue_model(SONNET), tried_instructions="Rhyme.")

    client.post(path(agent, "try/end/"), {"conversation": conversation.pk})

    conversation.refresh_from_db()
    assert (conversation.tried_model, conversation.tried_instructions) == (None, None)


@pytest.mark.django_db
def test_what_was_tried_becomes_the_agents_own(cast: Cast) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    conversation = tried(
        agent, tried_model=catalogue_model("gpt-6-luna"), tried_effort="low", tried_instructions="Rhyme."
    )

    answer = client.post(
        path(agent, "try/keep/"),
        {"conversation": conversation.pk, "chat_model": catalogue_model("gpt-6-luna").pk},
    )

    agent.refresh_from_db()
    conversation.refresh_from_db()
    assert answer["Location"] == f"{path(agent)}?conversation={conversation.pk}"
    assert (agent.chat_model, agent.effort, agent.temperature) == (catalogue_model("gpt-6-luna"), "low", None)
    assert agent.instructions == "Rhyme."
    assert conversation.tried_model is None
    assert "answers with these settings now, on GPT-6 Luna" in client.get(answer["Location"]).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("spoiled", ["another one is tried by now", "it is withdrawn"])
def test_an_agent_is_not_given_what_the_page_did_not_show(cast: Cast, spoiled: str) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    conversation, seen = tried(agent, tried_model=catalogue_model(SONNET)), catalogue_model(SONNET)
    if spoiled == "it is withdrawn":
        ChatModel.objects.filter(pk=seen.pk).update(enabled=False)
    else:
        Conversation.objects.update(tried_model=catalogue_model("gpt-6-luna"))

    answer = client.post(
        path(agent, "try/keep/"), {"conversation": conversation.pk, "chat_model": seen.pk}, follow=True
    )

    agent.refresh_from_db()
    assert agent.chat_model.model_id == "gpt-4o"
    assert "The agent is as it was" in answer.content.decode()


@pytest.mark.django_db
def test_another_agents_conversation_is_not_touched(cast: Cast) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    other = tried(make_agent(cast.acme, name="Other"), tried_model=catalogue_model(SONNET))

    for act in ("try/end/", "try/keep/"):
        answer = client.post(
            path(agent, act), {"conversation": other.pk, "chat_model": catalogue_model(SONNET).pk}
        )
        assert answer.status_code == 404
    try_out(client, agent, other, chat_model=catalogue_model("gpt-6-luna").pk)

    other.refresh_from_db()
    assert other.tried_model == catalogue_model(SONNET)
    assert agent.conversations.get().tried_model == catalogue_model("gpt-6-luna")


@pytest.mark.django_db
def test_another_workspaces_model_cannot_be_tried(cast: Cast) -> None:
    foreign = ChatModel.objects.create(workspace=cast.globex, name="Hers", provider="openai", model_id="ft:x")

    answer = try_out(browser_of(cast.edith), agent_on(cast, "openai"), chat_model=foreign.pk)

    assert answer.status_code == 200
    assert not Conversation.objects.exists()


@pytest.mark.django_db
def test_a_custom_model_that_is_removed_leaves_the_agents_own(cast: Cast) -> None:
    agent = agent_on(cast, "openai")
    custom = byo.add_model(cast.acme, provider="openai", model_id="ft:own", name="Own", by=cast.adam)
    conversation = tried(agent, tried_model=custom, tried_effort="high", tried_temperature=1)

    byo.remove_model(cast.acme, custom, by=cast.adam)

    page = browser_of(cast.edith).get(f"{path(agent)}?conversation={conversation.pk}").content.decode()
    assert "Trying" not in page


@pytest.mark.django_db
def test_the_database_refuses_a_temperature_outside_its_range(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="tried_temperature"):
        tried(agent_on(cast, "openai"), tried_model=catalogue_model("gpt-4o"), tried_temperature=2)


@pytest.mark.django_db
def test_hostile_instructions_are_only_text(cast: Cast) -> None:
    agent, client = agent_on(cast, "openai"), browser_of(cast.edith)
    conversation = tried(agent, tried_instructions="</textarea><script>alert(1)</script>{{ x }}")

    page = client.get(f"{path(agent, 'try/')}?conversation={conversation.pk}").content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)" in page


# --- What is sent, and who pays -----------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_the_tried_model_runs_at_its_own_price_on_its_own_key(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key("openai")
    platform_key("anthropic")
    agent, edith = agent_on(cast, "openai"), visit(cast.edith)
    conversation = tried(agent, tried_model=catalogue_model(SONNET), tried_instructions="Rhyme.")

    seen = talk(edith, agent, conversation=conversation.pk)
    talk(edith, agent)

    assert calls(provider_double) == [
        ("anthropic", PLATFORM_SECRETS["anthropic"], SONNET),
        ("openai", PLATFORM_SECRETS["openai"], "gpt-4o"),
    ]
    assert (seen.end.data["charged"], ledger.balance(cast.acme)) == (4, ledger.Balance(91, 0))
    assert [call["body"].get("system") for call in provider_double.calls()] == [
        [{"type": "text", "text": "Rhyme."}],
        None,
    ]
    shown = receipt(edith, "acme", str(Reply.objects.order_by("created_at")[0].pk))
    assert (shown["model"], shown["price"], shown["charged"]) == ("Claude Sonnet 4.6", 4, 4)


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_settings_are_sent_as_tried_and_not_as_the_agents(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key("openai")
    agent = make_agent(cast.acme, "gpt-6-luna")
    Agent.objects.update(effort="low", output_limit=500)
    conversation = tried(agent, tried_model=agent.chat_model, tried_effort="high", tried_output_limit=900)

    talk(visit(cast.edith), agent, conversation=conversation.pk)

    body = provider_double.calls()[0]["body"]
    assert (body["reasoning_effort"], body["max_completion_tokens"]) == ("high", 900)


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_under_byo_a_tried_model_runs_on_the_workspaces_key_or_not_at_all(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key("anthropic")
    bring_key(cast.acme, "openai")
    agent, edith = make_agent(cast.acme), visit(cast.edith)
    on_openai, on_anthropic = (
        tried(agent, tried_model=catalogue_model("gpt-4o")),
        tried(agent, tried_model=catalogue_model(SONNET)),
    )

    talk(edith, agent, conversation=on_openai.pk)
    refused = send(edith, agent, conversation=on_anthropic.pk)

    assert refusal(refused) == (409, "byo_key_missing")
    assert calls(provider_double) == [("openai", ACME_SECRETS["openai"], "gpt-4o")]
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_tried_model_that_is_withdrawn_or_too_dear_is_refused_as_the_agents_own_would_be(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key("openai")
    agent, edith = make_agent(cast.acme), visit(cast.edith)
    withdrawn = tried(agent, tried_model=catalogue_model("gpt-4o-mini"))
    dear = tried(agent, tried_model=catalogue_model("gpt-4o"))
    ChatModel.objects.filter(model_id="gpt-4o-mini").update(enabled=False)
    spend_all(cast, leaving=4)

    refusals = [refusal(send(edith, agent, conversation=one.pk)) for one in (withdrawn, dear)]

    assert refusals == [(409, "model_unavailable"), (402, "credits_exhausted")]
    assert nothing_happened(provider_double)


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_first_message_may_name_the_model_that_its_conversation_tries(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key("anthropic")
    agent, edith, once = make_agent(cast.acme), visit(cast.edith), uuid4().hex
    Agent.objects.update(output_limit=700)
    asked: dict[str, Any] = {"chat_model": catalogue_model(SONNET).pk, "idempotency_key": once}

    first = talk(edith, agent, **asked)
    again = accepted(edith, agent, **asked)

    conversation = Conversation.objects.get()
    assert str(conversation.pk) == again["conversation"]
    assert (conversation.tried_model, conversation.tried_output_limit) == (catalogue_model(SONNET), 700)
    assert (first.end.data["charged"], len(provider_double.calls())) == (4, 1)
    other = send(edith, agent, **asked | {"chat_model": catalogue_model("gpt-4o").pk})
    assert refusal(other) == (409, "idempotency_conflict")


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_model_is_named_once_rightly_and_among_ones_own(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    agent, edith = make_agent(cast.acme), visit(cast.edith)
    foreign = ChatModel.objects.create(workspace=cast.globex, name="Hers", provider="openai", model_id="ft:x")
    conversation = tried(agent)

    named: list[dict[str, Any]] = [{"chat_model": one} for one in (foreign.pk, 999_999, "9" * 40, "-1", "١")]
    named.append({"chat_model": agent.chat_model_id, "conversation": conversation.pk})

    answers = [refusal(send(edith, agent, **fields)) for fields in named]

    assert answers == [(404, "not_found")] * 5 + [(400, "malformed")]
    assert nothing_happened(provider_double)
    assert Conversation.objects.count() == 1


@pytest.mark.django_db
def test_a_badge_of_a_tried_model_is_that_of_its_own_route(cast: Cast) -> None:
    bring_key(cast.acme, "openai")
    agent = make_agent(cast.acme)
    conversation = tried(agent, tried_model=catalogue_model("gpt-4o"))

    page = browser_of(cast.edith).get(f"{path(agent)}?conversation={conversation.pk}").content.decode()

    assert outlook.for_workspace(cast.acme).byo_enabled
    assert "your OpenAI key" in page
