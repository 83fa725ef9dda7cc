"""Which turns of a conversation a page shows, with times as the server writes them."""

import pytest

from agents import turns
from agents.models import Conversation, Reply
from tests.agents.test_conversations import all_asked_at_once, conversation
from tests.harness.cast import Cast, make_agent

pytestmark = pytest.mark.django_db


@pytest.fixture
def long(cast: Cast) -> Conversation:
    made = conversation(make_agent(cast.acme), cast.edith, *[f"Question {number}" for number in range(30)])
    all_asked_at_once()
    return made


def in_order(made: Conversation) -> list[Reply]:
    return sorted(made.replies.all(), key=lambda reply: reply.pk)


def test_turns_before_one_are_without_it(long: Conversation) -> None:
    ordered = in_order(long)

    assert turns.before(long, ordered[10].pk).replies == ordered[:10]


def test_turns_around_one_have_it_and_some_after_it(long: Conversation) -> None:
    ordered = in_order(long)

    found = turns.around(long, ordered[10].pk)

    assert found.replies == ordered[: 10 + turns.TURNS_AFTER + 2]
    assert (found.has_earlier, found.has_later) == (False, True)


def test_reply_of_another_conversation_is_answered_with_the_latest(long: Conversation, cast: Cast) -> None:
    other = conversation(make_agent(cast.acme, name="Other"), cast.edith).replies.get()

    assert turns.before(long, other.pk).replies == in_order(long)
    assert turns.around(long, other.pk).replies == in_order(long)
