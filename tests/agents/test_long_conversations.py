"""Which turns a page shows, and what it costs, however long the conversation is."""

import gzip
import itertools
import random
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from agents import turns
from agents.models import Agent, Conversation, Reply
from billing import ledger
from tests.agents.test_pages import make_reply
from tests.billing import moves
from tests.factories import browser_of, queries_of
from tests.harness.cast import Cast

pytestmark = pytest.mark.django_db

ANSWER = "<p>It is <strong>this</strong>, and a sentence or two more of what people are told.</p>\n"


def talked(cast: Cast, agent: Agent, length: int) -> tuple[Conversation, list[Reply]]:
    """A conversation of so many turns, a minute apart."""
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    first = make_reply(agent, conversation, question="Question 0", html=ANSWER)
    begun = timezone.now() - timedelta(days=2)
    replies = [first]
    for number in range(1, length):
        fields = {
            f.attname: getattr(first, f.attname) for f in Reply._meta.concrete_fields if f.attname != "id"
        }
        fields |= {
            "idempotency_key": f"{conversation.pk}-{number}",
            "question": f"Question {number}",
            "created_at": begun + timedelta(minutes=number),
        }
        replies.append(Reply(**fields))
    Reply.objects.filter(pk=first.pk).update(created_at=begun)
    Reply.objects.bulk_create(replies[1:])
    return conversation, replies


def path(conversation: Conversation, query: str = "") -> str:
    return f"/w/acme/agents/{conversation.agent_id}/playground/?conversation={conversation.pk}{query}"


def questions(stretch: turns.Stretch) -> list[str]:
    return [reply.question for reply in stretch.replies]


def test_thousand_turns_cost_as_many_queries_as_three_and_read_few_rows(
    cast: Cast, agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    few, _ = talked(cast, agent, 3)
    many, replies = talked(cast, agent, 1_000)
    client = browser_of(cast.edith)
    client.get(path(few))  # fills the caches of templates

    counts = [queries_of(client, path(one)) for one in (few, many)]
    before = queries_of(client, path(many, f"&before={replies[500].pk}"))
    began = time.perf_counter()
    page = client.get(path(many)).content
    took = (time.perf_counter() - began) * 1000
    with capsys.disabled():
        sys.stdout.write(f"\n1,000 turns: {took:.0f} ms, {len(gzip.compress(page)):,} bytes\n")

    assert counts[0] == counts[1]
    assert before <= counts[1] + 2  # the turn that it names is looked up first
    assert page.count(b'id="reply-') == turns.TURNS_SHOWN


@pytest.mark.money
def test_what_was_given_back_is_asked_once_for_all_turns_and_versions(cast: Cast, agent: Agent) -> None:
    def charged(length: int) -> Conversation:
        conversation, _ = talked(cast, agent, 1)
        for _ in range(length):
            charge = moves.charge(cast.acme.account, 1)
            make_reply(agent, conversation, id=charge.reply_id, charged=1, price=1, billing="credits")
            ledger.reverse(charge, actor=None, reason="a test")
        return conversation

    def versions(conversation: Conversation) -> str:
        replies = list(conversation.replies.order_by("created_at"))
        for earlier, later in itertools.pairwise(replies):
            Reply.objects.filter(pk=earlier.pk).update(superseded_by=later)
        return f"/w/acme/replies/{replies[-1].pk}/versions/"

    few, many = charged(2), charged(9)
    client = browser_of(cast.edith)
    client.get(path(few))
    for shown in (path, versions):
        pages = [shown(one) for one in (few, many)]
        client.get(pages[0])  # fills the caches of templates
        assert len({queries_of(client, one) for one in pages}) == 1, shown
        assert client.get(pages[1]).content.count(b"1 credit, given back: open") >= 8


def test_fifty_turns_weigh_less_than_forty_kilobytes(cast: Cast, agent: Agent) -> None:
    """Each with an answer of its own and as many sources as a prompt takes, of which it cites two."""
    pages = sorted((settings.BASE_DIR / "docs/help").glob("*.md"))
    prose = [part for page in pages for part in page.read_text().split("\n\n") if len(part) > 200]
    pick = random.Random(11)
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    for _ in range(51):
        found = pick.sample(prose, 8)
        make_reply(
            agent,
            conversation,
            question=f"What of this: {found[7][:60]}?",
            text=f"{found[0][:300]} [1]\n\n{found[1][:300]} [2]",
            html_version=0,
            sources=[{"title": "Help", "heading": text[:30], "text": text} for text in found],
        )
    page = browser_of(cast.edith).get(path(conversation)).content

    assert page.count(b"<blockquote") == 8 * turns.TURNS_SHOWN
    assert page.count(b"data-back") > 90  # a mark within a piece of code is none
    assert len(gzip.compress(page)) < 40_000


def test_latest_turns_are_shown_and_that_there_are_earlier_ones(cast: Cast, agent: Agent) -> None:
    conversation, _ = talked(cast, agent, 51)

    stretch = turns.latest(conversation)

    assert questions(stretch) == [f"Question {number}" for number in range(1, 51)]
    assert (stretch.has_earlier, stretch.has_later) == (True, False)


def test_fifty_turns_have_no_earlier_ones(cast: Cast, agent: Agent) -> None:
    conversation, _ = talked(cast, agent, 50)

    assert not turns.latest(conversation).has_earlier


def test_turns_before_one_end_with_the_one_before_it(cast: Cast, agent: Agent) -> None:
    conversation, replies = talked(cast, agent, 60)

    stretch = turns.before(conversation, replies[10].pk)

    assert questions(stretch) == [f"Question {number}" for number in range(10)]
    assert (stretch.has_earlier, stretch.has_later) == (False, True)


def test_turns_around_one_go_on_after_it(cast: Cast, agent: Agent) -> None:
    conversation, replies = talked(cast, agent, 120)

    stretch = turns.around(conversation, replies[60].pk)

    assert "Question 60" in questions(stretch)
    assert questions(stretch)[-1] == f"Question {60 + turns.TURNS_AFTER + 1}"
    assert stretch.has_later


def test_turn_near_the_end_opens_the_end(cast: Cast, agent: Agent) -> None:
    conversation, replies = talked(cast, agent, 120)

    assert not turns.around(conversation, replies[115].pk).has_later


def test_turn_of_another_conversation_is_none_to_go_by(cast: Cast, agent: Agent) -> None:
    conversation, _ = talked(cast, agent, 3)
    _, others = talked(cast, agent, 3)

    for stretch in (turns.before(conversation, others[1].pk), turns.around(conversation, others[1].pk)):
        assert len(stretch.replies) == 3


def replace(replaced: list[Reply], by: Reply) -> None:
    Reply.objects.filter(pk__in=[one.pk for one in replaced]).update(superseded_by=by)


class TestVersions:
    def test_each_is_a_turn_with_those_that_followed_it(self, cast: Cast, agent: Agent) -> None:
        conversation, (first, second, newer, newest) = talked(cast, agent, 4)
        replace([first, second], newer)
        replace([newer], newest)

        assert [[one.pk for one in version] for version in turns.versions_of(newest)] == [
            [newer.pk],
            [first.pk, second.pk],
        ]
        assert turns.versions(conversation.pk).current(second.pk) == newest.pk

    def test_page_shows_the_newest_and_counts_the_others(self, cast: Cast, agent: Agent) -> None:
        conversation, (first, newer, newest) = talked(cast, agent, 3)
        replace([first], newer)
        replace([newer], newest)

        page = browser_of(cast.edith).get(path(conversation)).content.decode()

        assert "2 earlier versions" in page
        assert "Question 0" not in page.partition('class="chat__log"')[2].partition("</ol>")[0]

    def test_fifty_turns_with_versions_cost_one_query_more(self, cast: Cast, agent: Agent) -> None:
        conversation, replies = talked(cast, agent, 100)
        client = browser_of(cast.edith)
        client.get(path(conversation))
        before = queries_of(client, path(conversation))
        for old, new in zip(replies[::2], replies[1::2], strict=True):
            replace([old], new)

        assert queries_of(client, path(conversation)) == before + 1

    def test_link_to_a_replaced_turn_leads_to_its_versions(self, cast: Cast, agent: Agent) -> None:
        conversation, (old, new) = talked(cast, agent, 2)
        replace([old], new)

        answer = browser_of(cast.edith).get(path(conversation, f"&reply={old.pk}"))

        assert answer.headers["Location"] == f"/w/acme/replies/{new.pk}/versions/#reply-{old.pk}"

    def test_text_is_given_as_it_was_written(self, cast: Cast, agent: Agent) -> None:
        _, (reply,) = talked(cast, agent, 1)

        answer = browser_of(cast.victor).get(f"/w/acme/replies/{reply.pk}/text/")

        assert answer.content.decode() == "It is **this**."
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
