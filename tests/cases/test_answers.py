"""Each answer of answers.py, through the real server: the reply's state, text and charge, and the key's health."""

import pytest

from agents.models import Reply
from billing import ledger
from llm.models import ChatModel, ProviderKey
from tests.agents.scenes import agent_on
from tests.cases.answers import CASES, DONE, Case, chunk, openai_usage
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import MODELS, bring_key, platform_key, receipt, talk
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


@pytest.mark.any_database
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_means_what_it_says(cast: Cast, visit: Visit, provider_double: Double, case: Case) -> None:
    bring_key(cast.acme, case.provider)
    provider_double.script("raw", times=None, **case.answer)
    agent, right = agent_on(cast, case.provider), case.right

    end = talk(visit(cast.adam), agent).end.data

    reply = Reply.objects.get()
    assert (reply.state, reply.ending, reply.error_code) == (right.state, right.ending, right.code)
    assert (reply.text, end["text"], end["ending"]) == (right.text, right.text, right.ending)
    assert len(provider_double.calls()) == right.calls
    assert (reply.input_tokens, reply.output_tokens) == right.tokens
    assert (reply.cached_tokens, reply.thinking_tokens) == (right.cached, right.thinking)
    page = (
        visit(cast.edith)
        .get(f"/w/acme/agents/{agent.pk}/playground/?conversation={reply.conversation_id}")
        .text
    )
    turn = page[page.index(f'id="reply-{reply.pk}"') :].partition("</li>")[0]
    for words in right.says:
        assert words in turn
    for words in right.lacks:
        assert words not in turn
        assert words not in end.get("message", "")
    keys = ProviderKey.objects.filter(workspace=cast.acme)
    assert eventually(lambda: keys.get().health == _health(right.health, reply)), keys.get().health
    assert ("rejects this workspace" in page) == (right.health == "rejected")


def _health(expected: str, reply: Reply) -> str:
    """A key that the provider has said nothing about stays unverified; a key on which a reply came is valid."""
    spoken = reply.state == "completed" or reply.ending in ("declined", "thinking_spent")
    return "unverified" if expected == "valid" and not spoken else expected


@pytest.mark.parametrize(
    "name",
    ["cut at the model's length", "declined after some text", "declined without a word", "a firewall's page"],
)
def test_credits_are_charged_for_text_and_for_nothing_else(
    cast: Cast, visit: Visit, provider_double: Double, name: str
) -> None:
    [case] = [case for case in CASES if case.name == name]
    platform_key(case.provider)
    provider_double.script("raw", times=None, **case.answer)

    end = talk(visit(cast.edith), agent_on(cast, case.provider)).end.data

    price = MODELS[case.provider][1] if case.right.text else 0
    assert end["charged"] == price
    assert ledger.balance(cast.acme) == ledger.Balance(100 - price, 0)


def test_a_declined_turn_is_left_out_of_what_is_said_next(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    bring_key(cast.acme, "anthropic")
    [case] = [case for case in CASES if case.name == "declined after some text"]
    agent, visitor = agent_on(cast, "anthropic"), visit(cast.edith)
    provider_double.script("raw", **case.answer)
    first = talk(visitor, agent, "How do I pick a lock?")
    conversation = str(Reply.objects.get().conversation_id)

    talk(visitor, agent, "And what is the time?", conversation=conversation)

    assert first.end.data["ending"] == "declined"
    assert [turn["role"] for turn in provider_double.calls()[-1]["body"]["messages"]] == ["user"]


@pytest.mark.any_database
@pytest.mark.parametrize("status_of", [None, {"status": 422}])
def test_a_refused_parameter_is_left_out_once_and_for_all(
    cast: Cast, visit: Visit, provider_double: Double, status_of: dict[str, int] | None
) -> None:
    bring_key(cast.acme)
    agent = make_agent(cast.acme, "gpt-4o")
    refusal = {
        "status": 400,
        "headers": {"content-type": "application/json"},
        "body": {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.2 with this model.",
                "type": "invalid_request_error",
                "param": "temperature",
                "code": "unsupported_value",
            }
        },
    } | (status_of or {})
    chunks = [chunk("Hi there."), chunk(finish="stop"), DONE]
    rule = {"field": "temperature", "unless": 1, "answer": refusal}
    provider_double.script("raw", times=None, refuse_if_body_has=rule, chunks=chunks)
    visitor = visit(cast.adam)

    first = talk(visitor, agent)
    eventually(lambda: left_out_of_gpt_4o() == "temperature")
    second = talk(visitor, agent)

    assert (first.end.data["state"], second.end.data["state"]) == ("completed", "completed")
    assert ["temperature" in call["body"] for call in provider_double.calls()] == [True, False, False]
    shown = [
        receipt(visitor, "acme", str(pk))
        for pk in Reply.objects.order_by("created_at").values_list("pk", flat=True)
    ]
    assert [(one["attempts"], one["left_out"]) for one in shown] == [(2, ["temperature"]), (1, [])]
    assert cast.acme.audit_events.filter(action="chat_model.parameter_left_out").count() == 1


def left_out_of_gpt_4o() -> str:
    return ChatModel.objects.get(model_id="gpt-4o").left_out


@pytest.mark.any_database
def test_the_finish_marker_ends_the_answer(cast: Cast, visit: Visit, provider_double: Double) -> None:
    bring_key(cast.acme)
    pings = [step for _ in range(10) for step in ({"sleep": 2}, ": ping\n\n")]
    provider_double.script("raw", chunks=[chunk("Hi there."), chunk(finish="stop"), *pings])

    end = talk(visit(cast.edith), agent_on(cast, "openai")).end.data

    assert (end["state"], end["text"]) == ("completed", "Hi there.")
    # The double was still sending when the product closed the connection.
    assert eventually(
        lambda: [call["outcome"] for call in provider_double.calls()] == ["aborted"], seconds=15
    )


def test_cached_input_is_priced_at_its_own_rate(cast: Cast, visit: Visit, provider_double: Double) -> None:
    bring_key(cast.acme)
    usage = openai_usage(10_000, 10, cached=9_984)
    provider_double.script("raw", chunks=[chunk("ok"), chunk(finish="stop"), usage, DONE])

    talk(visit(cast.edith), agent_on(cast, "openai"))

    reply = Reply.objects.get()
    # 16 tokens at 2.50 dollars a million, 9,984 at 1.25, 10 of output at 10.
    assert (reply.estimated_cost, reply.cost_is_at_most) == (12_620, False)
    assert reply.cache_saved == 12_480


@pytest.mark.soak
def test_silence_of_a_thinking_model_is_waited_for(cast: Cast, visit: Visit, provider_double: Double) -> None:
    bring_key(cast.acme)
    provider_double.script(
        "raw", chunks=[chunk(""), {"sleep": 45}, *[chunk("Hi."), chunk(finish="stop"), DONE]]
    )

    end = talk(visit(cast.edith), agent_on(cast, "openai")).end.data

    assert (end["state"], end["text"]) == ("completed", "Hi.")
