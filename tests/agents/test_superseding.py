"""A message sent instead of an earlier reply: a reply of its own, from which the conversation goes on."""

from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.errors import NotReplaceable
from agents.models import Agent, Reply
from agents.running import accepting, outcomes, settlement
from agents.running.outcomes import Cause
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Submission
from billing import ledger
from tests.agents.scenes import spend_all
from tests.harness.cast import Cast
from tests.harness.chat import accepted, refusal, send, stop, watch
from tests.harness.threads import at_once
from tests.harness.visitor import Visit, Visitor, session_cookie
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


@pytest.fixture
def edith(cast: Cast, visit: Visit) -> Visitor:
    return visit(cast.edith)


def say(visitor: Visitor, agent: Agent, text: str, **fields: Any) -> Reply:
    """One whole reply."""
    where = accepted(visitor, agent, text, **fields)
    watch(visitor, where["stream"])
    return Reply.objects.get(pk=where["reply"])


def conversation_of(visitor: Visitor, agent: Agent, *texts: str) -> list[Reply]:
    replies: list[Reply] = []
    for text in texts:
        where = {"conversation": replies[0].conversation_id} if replies else {}
        replies.append(say(visitor, agent, text, **where))
    return replies


def instead(visitor: Visitor, agent: Agent, of: Reply, text: str, **fields: Any) -> httpx.Response:
    return send(visitor, agent, text, conversation=of.conversation_id, instead_of=of.pk, **fields)


def current(of: Reply) -> list[str]:
    replies = Reply.objects.filter(conversation=of.conversation, superseded_by=None)
    return list(replies.order_by("created_at").values_list("question", flat=True))


def sent_last(double: Double) -> str:
    return str(double.calls()[-1]["body"])


def test_new_reply_takes_the_place_of_that_one_and_of_all_after_it(
    edith: Visitor, openai_agent: Agent
) -> None:
    first, second, third = conversation_of(edith, openai_agent, "one", "two", "three")

    new = say(edith, openai_agent, "two, again", conversation=first.conversation_id, instead_of=second.pk)

    assert current(first) == ["one", "two, again"]
    assert set(new.supersedes.all()) == {second, third}


def test_it_is_charged_as_any_other(cast: Cast, edith: Visitor, openai_agent: Agent) -> None:
    (first,) = conversation_of(edith, openai_agent, "one")

    say(edith, openai_agent, "one", conversation=first.conversation_id, instead_of=first.pk)

    assert ledger.balance(cast.acme).posted == 90


def test_prompt_holds_only_what_came_before(
    edith: Visitor, openai_agent: Agent, provider_double: Double
) -> None:
    first, second, _ = conversation_of(edith, openai_agent, "uno", "duo", "tres")

    say(edith, openai_agent, "again", conversation=first.conversation_id, instead_of=second.pk)

    prompt = sent_last(provider_double)
    assert "uno" in prompt
    assert "duo" not in prompt
    assert "tres" not in prompt


def test_prompt_of_the_next_message_leaves_earlier_versions_out(
    edith: Visitor, openai_agent: Agent, provider_double: Double
) -> None:
    (first,) = conversation_of(edith, openai_agent, "uno")
    say(edith, openai_agent, "duo", conversation=first.conversation_id, instead_of=first.pk)

    say(edith, openai_agent, "tres", conversation=first.conversation_id)

    prompt = sent_last(provider_double)
    assert "duo" in prompt
    assert "uno" not in prompt


def test_same_press_again_is_the_same_reply(cast: Cast, edith: Visitor, openai_agent: Agent) -> None:
    (first,) = conversation_of(edith, openai_agent, "one")
    key = uuid4().hex

    answers = [instead(edith, openai_agent, first, "one", idempotency_key=key).json() for _ in range(2)]

    assert answers[0] == answers[1]
    watch(edith, answers[0]["stream"])
    assert ledger.balance(cast.acme).posted == 90


def test_failed_one_leaves_the_earlier_version_with_it(
    edith: Visitor, openai_agent: Agent, provider_double: Double
) -> None:
    (first,) = conversation_of(edith, openai_agent, "one")
    provider_double.script("500", times=3)

    new = say(edith, openai_agent, "one", conversation=first.conversation_id, instead_of=first.pk)

    assert new.state == Reply.State.FAILED
    assert list(new.supersedes.all()) == [first]


class TestRefused:
    def test_one_that_has_been_replaced(self, cast: Cast, edith: Visitor, openai_agent: Agent) -> None:
        (first,) = conversation_of(edith, openai_agent, "one")
        say(edith, openai_agent, "one", conversation=first.conversation_id, instead_of=first.pk)

        assert refusal(instead(edith, openai_agent, first, "once more")) == (409, "not_replaceable")
        assert Reply.objects.count() == 2
        assert ledger.balance(cast.acme).available == 90

    def test_one_that_is_still_being_answered(
        self, edith: Visitor, openai_agent: Agent, provider_double: Double
    ) -> None:
        first, second = conversation_of(edith, openai_agent, "one", "two")
        provider_double.script("hang_mid_stream")
        third = Reply.objects.get(
            pk=accepted(edith, openai_agent, "three", conversation=first.conversation_id)["reply"]
        )

        for replaced in (first, second, third):
            assert refusal(instead(edith, openai_agent, replaced, "again")) == (409, "not_replaceable")

        assert current(first) == ["one", "two", "three"]
        stop(edith, "acme", str(third.pk))

    def test_one_of_another_conversation(self, edith: Visitor, openai_agent: Agent) -> None:
        (first,) = conversation_of(edith, openai_agent, "one")
        (other,) = conversation_of(edith, openai_agent, "other")

        answer = send(edith, openai_agent, "x", conversation=first.conversation_id, instead_of=other.pk)

        assert refusal(answer) == (404, "not_found")
        assert Reply.objects.filter(superseded_by=None).count() == 2

    @pytest.mark.parametrize("instead_of", ["0" * 32, "nonsense"])
    def test_one_that_is_not_there(self, edith: Visitor, openai_agent: Agent, instead_of: str) -> None:
        (first,) = conversation_of(edith, openai_agent, "one")

        answer = send(edith, openai_agent, "x", conversation=first.conversation_id, instead_of=instead_of)

        assert refusal(answer)[1] == "not_found"
        assert Reply.objects.count() == 1

    def test_without_its_conversation(self, edith: Visitor, openai_agent: Agent) -> None:
        (first,) = conversation_of(edith, openai_agent, "one")

        assert refusal(send(edith, openai_agent, "x", instead_of=first.pk)) == (400, "malformed")

    def test_too_few_credits_replace_nothing(self, cast: Cast, edith: Visitor, openai_agent: Agent) -> None:
        (first,) = conversation_of(edith, openai_agent, "one")
        spend_all(cast, leaving=5 + 4)

        assert refusal(instead(edith, openai_agent, first, "again")) == (402, "credits_exhausted")
        assert current(first) == ["one"]

    def test_viewer_replaces_nothing(
        self, cast: Cast, visit: Visit, edith: Visitor, openai_agent: Agent
    ) -> None:
        (first,) = conversation_of(edith, openai_agent, "one")

        assert refusal(instead(visit(cast.victor), openai_agent, first, "again")) == (403, "forbidden")
        assert current(first) == ["one"]


def test_an_editor_replaces_a_turn_of_an_admins_conversation_and_it_stays_as_a_version(
    cast: Cast, visit: Visit, edith: Visitor, openai_agent: Agent
) -> None:
    """The roles table gives the playground to every editor; what the admin was answered is kept, with its receipt."""
    (first,) = conversation_of(visit(cast.adam), openai_agent, "one")

    watch(edith, instead(edith, openai_agent, first, "again").json()["stream"])

    first.refresh_from_db()
    assert current(first) == ["again"]
    assert first.superseded_by is not None
    assert (first.superseded_by.member_id, first.charged, first.text) == (cast.edith.pk, 5, first.text)
    assert edith.get(f"/w/acme/replies/{first.superseded_by_id}/versions/").status_code == 200


def test_of_two_who_replace_a_reply_at_once_one_does(cast: Cast, edith: Visitor, openai_agent: Agent) -> None:
    session = session_cookie(cast.edith)
    (last,) = conversation_of(edith, openai_agent, "one")
    for _ in range(10):
        sends = [
            Submission(session, "acme", openai_agent.pk, text, uuid4().hex, last.conversation_id, last.pk)
            for text in ("two", "three")
        ]

        ended = at_once(*(partial(accepting.accept, send) for send in sends))

        accepted = [one for one in ended if isinstance(one, AcceptedReply)]
        assert [type(one) for one in ended if one not in accepted] == [NotReplaceable]
        (last,) = Reply.objects.filter(conversation=last.conversation_id, superseded_by=None)
        assert [one.reply_id for one in accepted] == [last.pk]
        settlement.settle(
            accepted[0], Result(outcomes.decide(Cause.FINISHED, has_text=True), "So.", attempts=1)
        )


def test_ordinary_message_asks_nothing_of_replacing(cast: Cast, edith: Visitor, openai_agent: Agent) -> None:
    (first,) = conversation_of(edith, openai_agent, "one")
    submission = Submission(
        session_cookie(cast.edith), "acme", openai_agent.pk, "two", uuid4().hex, first.conversation_id
    )

    with CaptureQueriesContext(connection) as captured:
        accepting.accept(submission)

    assert not [
        query for query in captured.captured_queries if query["sql"].startswith("UPDATE agents_reply")
    ]


def test_fingerprint_of_an_ordinary_message_is_as_before() -> None:
    """A message in flight during an upgrade is sent again to the newer version, and must be known there."""
    send = Submission("", "acme", uuid4(), "text", "key")

    assert send.fingerprint != Submission("", "acme", send.agent_id, "text", "key", None, uuid4()).fingerprint
