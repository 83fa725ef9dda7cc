"""Conversations: what a list finds, who may change one, and what a deletion leaves."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, models
from django.test import RequestFactory
from django.utils import timezone

from agents import conversations
from agents.conversations import ConversationSearch
from agents.laws import broken_laws
from agents.models import Agent, Conversation, Reply, ReplyRating
from tests.agents.test_pages import make_reply
from tests.harness.cast import Cast, make_agent
from workspaces.models import Membership, User, Workspace

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LONG_AGO = timedelta(minutes=11)


def membership(workspace: Workspace, user: User) -> Membership:
    return Membership.objects.select_related("workspace", "user").get(workspace=workspace, user=user)


def conversation(
    agent: Agent, user: User | None, *questions: str, minutes_ago: int = 0, **fields: Any
) -> Conversation:
    """One whose last reply was so long ago, with a reply for each question."""
    made = Conversation.objects.create(agent=agent, started_by=user, **fields)
    for place, question in enumerate(questions or ["Hello?"]):
        make_reply(
            agent,
            made,
            question=question,
            created_at=NOW - timedelta(minutes=minutes_ago, seconds=60 - place),
        )
    return made


def all_asked_at_once() -> None:
    """Give all replies one moment, as the server writes it: on SQLite with three digits, where Django has six."""
    moment = "2026-11-26 12:00:00.123" + ("+00" if connection.vendor == "postgresql" else "")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_reply SET created_at = %s", [moment])


def request_of(user: User) -> Any:
    request = RequestFactory().post("/")
    request.user = user
    return request


def titles(listed: conversations.ConversationPage) -> list[str]:
    return [row.title for row in listed.rows]


# --- Finding ------------------------------------------------------------------------------------


def test_own_and_everybodys_with_the_last_spoken_in_first(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation(agent, cast.edith, "An old one", minutes_ago=50)
    conversation(agent, cast.adam, "Of Adam", minutes_ago=5)
    conversation(agent, cast.edith, "A new one", "and more", minutes_ago=2)
    conversation(make_agent(cast.globex), cast.gina, "Of Gina")
    edith = membership(cast.acme, cast.edith)

    mine, everybodys = (conversations.listed(edith, ConversationSearch(mine=mine)) for mine in (True, False))

    assert titles(mine) == ["A new one", "An old one"]
    assert titles(everybodys) == ["A new one", "Of Adam", "An old one"]
    assert [row.turns for row in mine.rows] == [2, 1]
    assert [row.may_manage for row in everybodys.rows] == [True, False, True]


def test_one_agents_conversations(cast: Cast) -> None:
    one, other = make_agent(cast.acme, name="One"), make_agent(cast.acme, name="Other")
    conversation(one, cast.edith, "To one")
    conversation(other, cast.edith, "To the other")

    found = conversations.listed(
        membership(cast.acme, cast.edith), ConversationSearch(mine=True, agent_id=other.pk)
    )

    assert titles(found) == ["To the other"]


def test_pages_follow_each_other_without_a_gap_and_without_a_double(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    for number in range(2 * conversations.PER_PAGE + 3):
        conversation(agent, cast.edith, f"Number {number}", minutes_ago=number // 2)
    edith = membership(cast.acme, cast.edith)

    seen: list[str] = []
    before = None
    for _ in range(3):
        page = conversations.listed(edith, ConversationSearch(mine=False, before=before))
        seen += titles(page)
        before = page.older

    assert before is None
    assert sorted(seen) == sorted(f"Number {number}" for number in range(2 * conversations.PER_PAGE + 3))
    assert len(set(seen)) == len(seen)


def test_of_conversations_of_the_same_moment_none_is_shown_twice(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = [conversation(agent, cast.edith, f"Number {number}") for number in range(3)]
    all_asked_at_once()
    edith = membership(cast.acme, cast.edith)
    ordered = sorted(made, key=lambda one: one.pk, reverse=True)

    found = conversations.listed(edith, ConversationSearch(mine=False, before=ordered[0].replies.get().pk))

    assert [row.conversation for row in found.rows] == ordered[1:]


def test_reply_of_another_workspace_is_no_place_to_go_on_from(cast: Cast) -> None:
    conversation(make_agent(cast.acme), cast.edith, "Ours")
    foreign = conversation(make_agent(cast.globex), cast.gina, minutes_ago=90)

    found = conversations.listed(
        membership(cast.acme, cast.edith), ConversationSearch(mine=False, before=foreign.replies.get().pk)
    )

    assert titles(found) == ["Ours"]


def test_own_pins_come_first_and_are_nobody_elses(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    kept = conversation(agent, cast.adam, "Kept", minutes_ago=90)
    conversation(agent, cast.adam, "Recent")
    conversations.pin(kept, user_id=cast.edith.pk)
    conversations.pin(kept, user_id=cast.edith.pk)

    of_edith = conversations.listed(membership(cast.acme, cast.edith), ConversationSearch(mine=False))
    of_adam = conversations.listed(membership(cast.acme, cast.adam), ConversationSearch(mine=False))

    assert ([row.title for row in of_edith.pinned], titles(of_edith)) == (["Kept"], ["Recent"])
    assert (of_adam.pinned, titles(of_adam)) == ([], ["Recent", "Kept"])

    conversations.unpin(kept, user_id=cast.edith.pk)
    assert (
        conversations.listed(membership(cast.acme, cast.edith), ConversationSearch(mine=False)).pinned == []
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("rome", {"Travel", "Asked"}),
        ("ROME", {"Travel", "Asked"}),
        ("100%", {"Sure"}),
        ("_", set()),
        ("école", {"School"}),
        ("ÉCOLE", {"School"}),
        ("no such words", set()),
    ],
)
def test_search_in_titles_questions_and_answers_whatever_the_case(
    cast: Cast, words: str, found: set[str]
) -> None:
    agent = make_agent(cast.acme)
    conversation(agent, cast.edith, title="Travel")
    Reply.objects.update(text="We went to **Rome**.")
    conversation(agent, cast.adam, "From Rome?", title="Asked")
    conversation(agent, cast.edith, "Is it 100% sure?", title="Sure")
    conversation(agent, cast.edith, "What is an École?", title="School")

    listed = conversations.listed(
        membership(cast.acme, cast.edith), ConversationSearch(mine=False, words=words)
    )

    assert set(titles(listed)) == found
    assert (listed.older, listed.searched_to) == (None, None)


def test_search_looks_through_so_many_and_then_leads_on(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "SEARCHED_CONVERSATIONS", 2)
    agent = make_agent(cast.acme)
    for minutes in range(5):
        conversation(
            agent, cast.edith, f"Needle {minutes}" if minutes in (0, 4) else "Hay", minutes_ago=minutes
        )
    edith = membership(cast.acme, cast.edith)

    pages, before = [], None
    for _ in range(3):
        page = conversations.listed(edith, ConversationSearch(mine=False, words="needle", before=before))
        pages.append(titles(page))
        before = page.older

    assert pages == [["Needle 0"], [], ["Needle 4"]]
    assert before is None


def test_search_stops_at_so_many_replies(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "SEARCHED_REPLIES", 3)
    agent = make_agent(cast.acme)
    conversation(agent, cast.edith, *["Needle"] * 5, title="Longer than one search")
    second = conversation(agent, cast.edith, "Needle", title="Second", minutes_ago=5)
    edith = membership(cast.acme, cast.edith)

    first_page = conversations.listed(edith, ConversationSearch(mine=True, words="needle"))
    second_page = conversations.listed(
        edith, ConversationSearch(mine=True, words="needle", before=first_page.older)
    )

    assert titles(first_page) == ["Longer than one search"]
    assert first_page.searched_to is not None
    assert [row.conversation for row in second_page.rows] == [second]


# --- Naming -------------------------------------------------------------------------------------


def test_title_is_one_line_and_empty_ones_fall_back_to_the_first_question(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, "First\n question")
    edith = membership(cast.acme, cast.edith)

    conversations.rename(made, " A\n\tname " + "x" * 200)
    named = titles(conversations.listed(edith, ConversationSearch(mine=True)))
    conversations.rename(made, "  ")

    assert named == [("A name " + "x" * 200)[: conversations.TITLE_CHARACTERS]]
    assert titles(conversations.listed(edith, ConversationSearch(mine=True))) == ["First question"]


# --- Deleting -----------------------------------------------------------------------------------


def test_deleted_one_is_in_no_list_and_comes_back_for_ten_minutes(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith)
    edith = membership(cast.acme, cast.edith)

    conversations.delete(made, request=request_of(cast.edith))
    assert conversations.listed(edith, ConversationSearch(mine=True)).rows == []
    assert conversations.just_deleted(edith) == [made]
    assert conversations.just_deleted(membership(cast.acme, cast.adam)) == []

    assert conversations.restore(made, request=request_of(cast.edith))
    assert not conversations.restore(made, request=request_of(cast.edith))
    assert titles(conversations.listed(edith, ConversationSearch(mine=True))) == ["Hello?"]
    acts = list(
        cast.acme.audit_events.filter(action__startswith="conversation.").values_list("action", "actor_email")
    )
    assert sorted(acts) == [
        ("conversation.deleted", cast.edith.email),
        ("conversation.restored", cast.edith.email),
    ]


def test_audit_event_of_a_deletion_holds_none_of_the_words(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, "My secret plan", title="A secret name")

    conversations.delete(made, request=request_of(cast.adam))

    event = cast.acme.audit_events.get(action="conversation.deleted")
    assert event.data == {"agent": "Guide", "asked_by": cast.edith.email, "conversation": str(made.pk)}


def test_wiping_waits_ten_minutes_and_leaves_the_receipts(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    kept, undoable, gone = (conversation(agent, cast.edith, f"Question {number}") for number in range(3))
    Reply.objects.filter(conversation=gone).update(
        billing="credits",
        price=2,
        charged=2,
        sources=[{"title": "A", "heading": "", "text": "words"}],
        html="<p>words</p>",
        prompt=b"words",
    )
    reply = gone.replies.get()
    ReplyRating.objects.create(
        reply=reply, member=cast.edith, value="down", reason="wrong", note="Not the plan"
    )
    for one in (undoable, gone):
        conversations.delete(one, request=request_of(cast.edith))
    Conversation.objects.filter(pk=gone.pk).update(deleted_at=timezone.now() - LONG_AGO)

    assert not conversations.restore(gone, request=request_of(cast.edith))
    assert [conversations.wipe(), conversations.wipe()] == [1, 0]

    reply.refresh_from_db()
    assert set(Conversation.objects.all()) == {kept, undoable}
    assert reply.conversation is None
    assert {name: getattr(reply, name) for name in Reply.TEXTS} == Reply.TEXTS
    assert reply.erased_at is not None
    assert (reply.charged, reply.member, reply.agent) == (2, cast.edith, agent)
    assert list(reply.ratings.values_list("value", "reason", "note")) == [("down", "wrong", "")]
    assert {one.question for one in Reply.objects.exclude(pk=reply.pk)} == {"Question 0", "Question 1"}
    assert not [law for law in broken_laws() if "only an outcome with text" in law]


def test_each_column_that_has_room_for_words_is_wiped() -> None:
    roomy = (models.TextField, models.JSONField, models.BinaryField)

    assert {field.name for field in Reply._meta.fields if isinstance(field, roomy)} == set(Reply.TEXTS)


def test_charged_reply_without_text_still_breaks_a_law(cast: Cast) -> None:
    conversation(make_agent(cast.acme), cast.edith)
    Reply.objects.update(billing="credits", price=2, charged=2, text="")

    assert [law for law in broken_laws() if "only an outcome with text" in law]


def test_words_go_with_the_agent_too(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation(agent, cast.edith, "A question")
    agent.delete()

    conversations.wipe()

    assert Reply.objects.get().question == ""


def test_running_reply_is_wiped_when_it_has_ended(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, "A question")
    Reply.objects.update(state=Reply.State.STREAMING)
    made.delete()

    conversations.wipe()
    while_running = Reply.objects.get().question
    Reply.objects.update(state=Reply.State.COMPLETED)
    conversations.wipe()

    assert (while_running, Reply.objects.get().question) == ("A question", "")


def test_late_settle_puts_no_words_back(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, "A question")
    lease = uuid4()
    Reply.objects.update(lease_token=lease)
    made.delete()

    conversations.wipe()

    assert not Reply.objects.filter(lease_token=lease).exists()


@pytest.mark.parametrize(
    ("who", "own", "others"),
    [("olivia", True, True), ("adam", True, True), ("edith", True, False), ("victor", False, False)],
)
def test_who_may_manage(cast: Cast, who: str, own: bool, others: bool) -> None:
    agent, user = make_agent(cast.acme), getattr(cast, who)
    member = membership(cast.acme, user)

    assert conversations.may_manage(conversation(agent, user), member) is own
    assert conversations.may_manage(conversation(agent, cast.gina), member) is others
    assert conversations.may_manage(conversation(agent, None), member) is others
