"""One message to two to four chat models: the sum is said before, each is a reply of its own, and none stops another."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from agents import comparing
from agents.knowledge import training
from agents.models import Agent, Conversation, Reply
from billing import ledger
from llm import outlook
from llm.models import ChatModel
from tests.agents.scenes import calls, nothing_happened, spend_all
from tests.agents.test_pages import make_reply
from tests.factories import browser_of
from tests.harness.cast import Cast, catalogue_model, make_agent
from tests.harness.chat import ACME_SECRETS, PLATFORM_SECRETS, bring_key, platform_key
from tests.harness.visitor import Visit, Visitor
from tests.provider_double.client import Double

SONNET = "claude-sonnet-4-6"


def path(agent: Agent, act: str = "") -> str:
    return f"/w/acme/agents/{agent.pk}/compare/{act}"


def pks(*model_ids: str) -> list[int]:
    return [catalogue_model(one).pk for one in model_ids]


def said(page: str) -> str:
    found = re.search(r'name="said" value="([^"]*)"', page)
    assert found
    return html.unescape(found[1])


def agreed(visitor: Visitor, agent: Agent, *model_ids: str) -> dict[str, Any]:
    """The form's fields after the page has said what these cost together."""
    fields: dict[str, Any] = {"chat_model": pks(*model_ids), "text": "Hello there"}
    fields["idempotency_key"] = uuid4().hex
    return fields | {"said": said(visitor.submit(path(agent), **fields).text)}


def columns_of(page: str) -> list[str]:
    return re.findall(
        r"<li class=\"card column\".*?</li>", page.partition("data-column-template")[0], re.DOTALL
    )


# --- What is said before ------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_page_says_price_and_payer_of_each_and_the_sum_of_the_chosen(cast: Cast) -> None:
    platform_key("openai")
    platform_key("anthropic")
    agent, client = make_agent(cast.acme, "gpt-4o"), browser_of(cast.edith)

    page = client.post(path(agent), {"chat_model": pks("gpt-4o", SONNET, "gpt-4o-mini")}).content.decode()

    assert "Together 10 credits, of 100 left." in page
    assert page.count(" checked>") == 3
    assert not Reply.objects.exists()


@pytest.mark.django_db
def test_the_agents_own_model_and_another_that_runs_are_chosen_at_first(cast: Cast) -> None:
    bring_key(cast.acme, "anthropic")
    agent = make_agent(cast.acme, SONNET)

    found = comparing.choices(agent, outlook.for_workspace(cast.acme), [])

    chosen = [one for one in found if one.is_chosen]
    assert agent.chat_model in [one.chat_model for one in chosen]
    assert (len(chosen), all(one.runs for one in chosen)) == (2, True)
    broken = next(one for one in found if one.chat_model.model_id == "gpt-4o")
    assert not broken.runs


@pytest.mark.django_db
def test_replies_on_ones_own_key_are_counted_apart_from_credits(cast: Cast) -> None:
    bring_key(cast.acme, "openai")
    agent = make_agent(cast.acme, "gpt-4o")

    page = browser_of(cast.edith).post(path(agent), {"chat_model": pks("gpt-4o", "gpt-4o-mini")})

    assert "Together no credits. 2 replies on your OpenAI key." in page.content.decode()


@pytest.mark.django_db
def test_a_sum_that_does_not_fit_is_said_before(cast: Cast) -> None:
    platform_key("openai")
    platform_key("anthropic")
    agent, client = make_agent(cast.acme, "gpt-4o"), browser_of(cast.edith)
    spend_all(cast, leaving=8)

    page = client.post(path(agent), {"chat_model": pks("gpt-4o", SONNET)}).content.decode()

    assert "Together 9 credits, of 8 left." in page
    assert "That does not fit." in page


@pytest.mark.django_db
@pytest.mark.parametrize("chosen", [0, 1, 5])
def test_fewer_than_two_or_more_than_four_are_not_sent(cast: Cast, chosen: int) -> None:
    agent, client = make_agent(cast.acme), browser_of(cast.edith)
    ids = [str(one.pk) for one in ChatModel.objects.filter(workspace=None)[:chosen]] or ["none"]

    page = client.post(
        path(agent, "send/"), {"chat_model": ids, "text": "Hello <b>", "idempotency_key": uuid4().hex}
    )

    assert page.status_code == 400
    assert "Choose two to four chat models." in page.content.decode()
    assert "Hello &lt;b&gt;" in page.content.decode()
    assert not Reply.objects.exists()


@pytest.mark.django_db
def test_another_sum_than_the_page_said_is_told_first(cast: Cast) -> None:
    platform_key("openai")
    agent, client = make_agent(cast.acme, "gpt-4o"), browser_of(cast.edith)
    fields = {"chat_model": pks("gpt-4o", "gpt-4o-mini"), "text": "Hi", "idempotency_key": uuid4().hex}
    before = said(client.post(path(agent), fields).content.decode())
    ChatModel.objects.filter(model_id="gpt-4o").update(price=50)

    page = client.post(path(agent, "send/"), fields | {"said": before})

    assert page.status_code == 400
    assert "Together 51 credits, of 100 left. Send again if that is what you want." in page.content.decode()
    assert not Reply.objects.exists()
    # The same press, now with what it costs.
    assert f'value="{fields["idempotency_key"]}"' in page.content.decode()


# --- Replies ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_each_answers_in_a_conversation_of_its_own_and_a_second_press_changes_nothing(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key("openai")
    platform_key("anthropic")
    agent, edith = make_agent(cast.acme), visit(cast.edith)
    fields = agreed(edith, agent, "gpt-4o", SONNET)

    first = edith.submit(path(agent, "send/"), **fields)
    again = edith.submit(path(agent, "send/"), **fields)

    assert first.status_code == 302
    assert again.headers["location"] == first.headers["location"]
    assert sorted(calls(provider_double)) == [
        ("anthropic", PLATFORM_SECRETS["anthropic"], SONNET),
        ("openai", PLATFORM_SECRETS["openai"], "gpt-4o"),
    ]
    assert ledger.balance(cast.acme) == ledger.Balance(91, 0)
    tried = Conversation.objects.values_list("tried_model__model_id", "replies__model_id")
    assert sorted(tried) == [(SONNET, SONNET), ("gpt-4o", "gpt-4o")]
    agent.refresh_from_db()
    assert agent.chat_model.provider == "local"
    page = edith.get(first.headers["location"]).text
    assert said(page) == fields["said"]  # the same are chosen
    shown = columns_of(page)
    assert ["5 credits" in column for column in shown] == ["GPT-4o" in column for column in shown]
    assert all("first text " in column and " out" in column for column in shown)
    listed = edith.get("/w/acme/conversations/").text
    assert sorted(re.findall(r"· tries <bdi>([^<]*)</bdi>", listed)) == sorted(
        catalogue_model(one).name for one in ("gpt-4o", SONNET)
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_refusal_in_one_column_leaves_the_others_and_has_its_ways_out(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    bring_key(cast.acme, "openai")
    agent, edith = make_agent(cast.acme), visit(cast.edith)

    page = edith.submit(path(agent, "send/"), **agreed(edith, agent, SONNET, "gpt-4o"))

    assert page.status_code == 200
    by_model = {"Anthropic" in column: column for column in columns_of(page.text)}
    assert "has none for Anthropic" in by_model[True]
    assert "Change the model" in by_model[True]
    assert "your OpenAI key" in by_model[False]
    assert calls(provider_double) == [("openai", ACME_SECRETS["openai"], "gpt-4o")]
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_after_a_refusal_the_same_press_asks_the_rest_and_another_text_asks_all(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    bring_key(cast.acme, "openai")
    agent, edith = make_agent(cast.acme), visit(cast.edith)
    fields = agreed(edith, agent, SONNET, "gpt-4o")
    edith.submit(path(agent, "send/"), **fields)
    bring_key(cast.acme, "anthropic")
    fields["said"] = said(edith.submit(path(agent), **fields).text)

    edith.submit(path(agent, "send/"), **fields)
    assert len(calls(provider_double)) == 2
    edith.submit(path(agent, "send/"), **fields | {"text": "And goodbye"})

    assert len(calls(provider_double)) == 4
    assert (
        sorted(Reply.objects.values_list("question", flat=True)) == ["And goodbye"] * 2 + ["Hello there"] * 2
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_what_credits_do_not_reach_for_is_refused_before_its_provider_is_asked(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key("openai")
    platform_key("anthropic")
    agent, edith = make_agent(cast.acme), visit(cast.edith)
    spend_all(cast, leaving=6)

    page = edith.submit(path(agent, "send/"), **agreed(edith, agent, "gpt-4o", SONNET))

    assert page.status_code == 200
    assert len(calls(provider_double)) == 1
    assert Reply.objects.count() == 1
    assert "Nothing was charged." in page.text
    assert ledger.balance(cast.acme) == ledger.Balance(6 - Reply.objects.get().price, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_stored_answer_is_free_in_every_column(cast: Cast, visit: Visit, provider_double: Double) -> None:
    platform_key("openai")
    agent, edith = make_agent(cast.acme), visit(cast.edith)
    training.add_qa(agent, question="Hello there", answer="Good day.")

    page = edith.get(
        edith.submit(path(agent, "send/"), **agreed(edith, agent, "gpt-4o", "gpt-4o-mini")).headers[
            "location"
        ]
    )

    assert [column.count("Good day.") for column in columns_of(page.text)] == [1, 1]
    assert calls(provider_double) == []
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_neither_a_viewer_nor_a_stranger_sends(cast: Cast, visit: Visit, provider_double: Double) -> None:
    platform_key("openai")
    agent = make_agent(cast.acme)
    fields = {
        "chat_model": pks("gpt-4o", "gpt-4o-mini"),
        "text": "Hi",
        "idempotency_key": uuid4().hex,
        "said": "",
    }

    answers = [
        visit(who).submit(path(agent, "send/"), page="/help/", **fields) for who in (cast.victor, cast.gina)
    ]

    assert [answer.status_code for answer in answers] == [403, 404]
    assert nothing_happened(provider_double)


@pytest.mark.django_db
def test_only_this_agents_replies_are_shown_at_most_four(cast: Cast) -> None:
    agent, other = make_agent(cast.acme), make_agent(cast.acme, name="Other")
    foreign = make_agent(cast.globex)
    replies = [
        make_reply(one, Conversation.objects.create(agent=one, started_by=cast.edith), html=f"<p>{word}</p>")
        for one, word in ((agent, "ours"), (other, "others"), (foreign, "hers"))
    ]
    ids = "&".join(
        f"reply={one}" for one in [replies[0].pk, replies[0].pk, *(r.pk for r in replies), "x", "y"]
    )

    page = browser_of(cast.edith).get(f"{path(agent)}?{ids}").content.decode()

    assert len(columns_of(page)) == 1
    assert "ours" in page
    assert "hers" not in columns_of(page)[0]


@pytest.mark.django_db
def test_replies_of_a_deleted_conversation_are_not_shown(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    gone = Conversation.objects.create(agent=agent, started_by=cast.edith, deleted_at=timezone.now())
    reply = make_reply(agent, gone, html="<p>gone</p>")

    page = browser_of(cast.edith).get(f"{path(agent)}?reply={reply.pk}").content.decode()

    assert columns_of(page) == []


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 50])
def test_the_page_asks_a_constant_number_of_queries(
    cast: Cast, size: int, django_assert_max_num_queries: Any
) -> None:
    platform_key("openai")
    agent, client = make_agent(cast.acme), browser_of(cast.edith)
    for number in range(size):
        ChatModel.objects.create(
            workspace=cast.acme, name=f"Own {number}", provider="openai", model_id=f"ft:{number}"
        )
    replies = [make_reply(agent, Conversation.objects.create(agent=agent)) for _ in range(min(size, 4))]
    client.get(path(agent))

    with django_assert_max_num_queries(13):
        client.get(f"{path(agent)}?{'&'.join(f'reply={one.pk}' for one in replies)}")
