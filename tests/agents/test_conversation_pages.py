"""The pages of conversations: what they show to whom, what their acts do, and the files they give."""

import json
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from agents import conversations, exporting
from agents.models import Conversation, Reply, ReplyRating
from tests.agents.test_conversations import all_asked_at_once, conversation, request_of
from tests.agents.test_pages import make_reply
from tests.factories import browser_of, queries_of
from tests.harness.cast import Cast, make_agent
from workspaces.models import User

pytestmark = pytest.mark.django_db

LIST = "/w/acme/conversations/"
HOSTILE = "<script>alert(1)</script> {{ x }} \u202e\u0000 ../../etc"


def shown(user: User, path: str = LIST) -> str:
    response = browser_of(user).get(path)
    assert response.status_code == 200
    return response.content.decode()


def act(user: User, made: Conversation, verb: str, **fields: str) -> Any:
    return browser_of(user).post(f"{LIST}{made.pk}/{verb}/", fields)


# --- The list -----------------------------------------------------------------------------------


def test_editor_is_shown_their_own_and_a_viewer_everybodys(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    conversation(agent, cast.edith, "Of Edith")
    conversation(agent, cast.adam, "Of Adam")

    of_edith, of_victor = shown(cast.edith), shown(cast.victor)

    assert ("Of Edith" in of_edith, "Of Adam" in of_edith) == (True, False)
    assert ("Of Edith" in of_victor, "Of Adam" in of_victor) == (True, True)
    assert "Of Adam" in shown(cast.edith, f"{LIST}?whose=all")


def test_only_who_may_is_offered_to_delete(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith)
    path = f"{LIST}?whose=all"
    button = f"{LIST}{made.pk}/delete/"

    offered = {
        who: button in shown(getattr(cast, who), path) for who in ("olivia", "adam", "edith", "victor")
    }

    assert offered == {"olivia": True, "adam": True, "edith": True, "victor": False}


@pytest.mark.parametrize(
    "query", ["agent=nonsense", "before=nonsense", "whose=nonsense", "q=%ff%f0", f"q={'x' * 9000}"]
)
def test_address_that_nobody_meant_is_no_error(cast: Cast, query: str) -> None:
    conversation(make_agent(cast.acme), cast.edith)

    assert browser_of(cast.edith).get(f"{LIST}?{query}").status_code == 200


def test_agent_of_another_workspace_narrows_to_nothing_of_theirs(cast: Cast) -> None:
    foreign = make_agent(cast.globex, name="Gina's own")
    conversation(foreign, cast.gina, "Gina's question")

    page = shown(cast.olivia, f"{LIST}?whose=all&agent={foreign.pk}")

    assert "Gina" not in page


def test_texts_of_others_are_shown_as_text(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, HOSTILE.replace("\0", ""))
    act(cast.edith, made, "title", title=HOSTILE)

    for path in (LIST, f"{LIST}{made.pk}/", f"{LIST}?q={HOSTILE[:20]}"):
        assert "<script>alert" not in shown(cast.edith, path)


@pytest.mark.parametrize("query", ["whose=all", "whose=all&q=question"])
def test_list_asks_a_constant_number_of_queries(cast: Cast, query: str) -> None:
    agent = make_agent(cast.acme)
    browser, path = browser_of(cast.adam), f"{LIST}?{query}"
    conversations.pin(conversation(agent, cast.edith, "A question"), user_id=cast.adam.pk)
    conversations.delete(conversation(agent, cast.edith), request=request_of(cast.adam))
    few = queries_of(browser, path)
    for number in range(50):
        made = conversation(agent, cast.edith, f"A question {number}", "Another", minutes_ago=number)
        if number < 10:
            conversations.pin(made, user_id=cast.adam.pk)
    conversations.delete(conversation(agent, cast.edith), request=request_of(cast.adam))

    assert queries_of(browser, path) == few
    assert few <= 12


# --- One conversation ---------------------------------------------------------------------------


def test_viewer_reads_it_and_can_send_nothing(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, "What is it?")

    page = shown(cast.victor, f"{LIST}{made.pk}/")

    assert "What is it?" in page
    assert "It is <strong>this</strong>." in page
    assert "<textarea" not in page
    assert "/playground/" not in page


def test_reading_asks_a_constant_number_of_queries(cast: Cast) -> None:
    short, long = (conversation(make_agent(cast.acme), cast.edith, *["Q"] * turns) for turns in (1, 40))
    browser = browser_of(cast.victor)

    assert queries_of(browser, f"{LIST}{long.pk}/") == queries_of(browser, f"{LIST}{short.pk}/")


def test_conversation_of_another_workspace_is_not_there(cast: Cast) -> None:
    foreign = conversation(make_agent(cast.globex), cast.gina)
    browser = browser_of(cast.olivia)

    assert browser.get(f"{LIST}{foreign.pk}/").status_code == 404
    for verb in ("title", "pin", "unpin", "delete", "restore"):
        assert browser.post(f"{LIST}{foreign.pk}/{verb}/").status_code == 404
    assert not foreign.pins.exists()


# --- The acts -----------------------------------------------------------------------------------


def test_another_members_conversation_is_an_admins_to_change(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.adam, "Of Adam")

    refused = [
        act(cast.edith, made, verb, title="Mine now").status_code for verb in ("title", "delete", "restore")
    ]
    named = act(cast.olivia, made, "title", title="A better name").status_code

    made.refresh_from_db()
    assert (refused, named) == ([403, 403, 403], 302)
    assert (made.title, made.deleted_at) == ("A better name", None)


def test_link_into_the_playground_leads_a_viewer_to_where_they_read(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = conversation(agent, cast.adam)
    theirs = conversation(make_agent(cast.globex), cast.gina)
    reply = made.replies.get()
    victor, playground = browser_of(cast.victor), f"/w/acme/agents/{agent.pk}/playground/"

    to_reply = victor.get(f"{playground}?conversation={made.pk}&reply={reply.pk}")
    to_all = victor.get(f"{playground}?conversation={made.pk}&reply=nonsense")

    assert to_reply["location"] == f"{LIST}{made.pk}/?reply={reply.pk}#reply-{reply.pk}"
    assert to_all["location"] == f"{LIST}{made.pk}/"
    assert "Hello?" in victor.get(to_reply["location"]).content.decode()
    for nothing in ("", f"?conversation={theirs.pk}", "?conversation=nonsense"):
        assert victor.get(f"{playground}{nothing}").status_code == 403
    assert browser_of(cast.stranger).get(f"{playground}?conversation={made.pk}").status_code == 404


def test_playground_says_whose_conversation_it_is_to_others(cast: Cast) -> None:
    """Every editor chats, as the roles table has it, in anybody's conversation; what is replaced stays."""
    agent = make_agent(cast.acme)
    of_adam, of_nobody = conversation(agent, cast.adam), conversation(agent, None)

    def begun_by(user: User, made: Conversation) -> str:
        page = shown(user, f"/w/acme/agents/{agent.pk}/playground/?conversation={made.pk}")
        return page.partition("data-begun-by>")[2].partition(".")[0]

    assert begun_by(cast.edith, of_adam).startswith("Begun by adam@acme")
    assert begun_by(cast.adam, of_adam) == ""
    assert begun_by(cast.adam, of_nobody) == "Begun by a former member"


def test_deleted_one_is_offered_for_undo_and_comes_back_whole(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, "What is it?")
    browser = browser_of(cast.edith)

    page = browser.post(f"{LIST}{made.pk}/delete/", follow=True).content.decode()
    assert "“<bdi>What is it?</bdi>” is deleted" in page
    assert browser.get(f"{LIST}{made.pk}/").status_code == 404
    assert "What is it?" not in shown(cast.adam, f"{LIST}?whose=all")

    back = browser.post(f"{LIST}{made.pk}/restore/", follow=True).content.decode()
    assert "What is it?" in back
    assert "is deleted" not in shown(cast.edith)


@pytest.mark.parametrize("page", ["text/", "versions/", "correct/", "sources/1/"])
def test_words_of_a_deleted_one_are_at_no_address_of_its_replies(cast: Cast, page: str) -> None:
    made = conversation(make_agent(cast.acme), cast.edith)
    reply = make_reply(made.agent, made, sources=[{"title": "Hours", "heading": "", "text": "At nine."}])
    address = f"/w/acme/replies/{reply.pk}/{page}"
    assert browser_of(cast.adam).get(address).status_code == 200

    act(cast.edith, made, "delete")

    assert browser_of(cast.adam).get(address).status_code == 404
    assert browser_of(cast.adam).get(f"/w/acme/replies/{reply.pk}/").status_code == 200
    assert (
        browser_of(cast.adam).post(f"/w/acme/replies/{reply.pk}/rating/", {"value": "up"}).status_code == 302
    )
    assert not ReplyRating.objects.exists()


def test_after_ten_minutes_nothing_is_brought_back(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith)
    act(cast.edith, made, "delete")
    Conversation.objects.update(deleted_at=timezone.now() - timedelta(minutes=10, seconds=1))
    browser = browser_of(cast.edith)

    assert "is deleted" not in browser.get(LIST).content.decode()
    answer = browser.post(f"{LIST}{made.pk}/restore/", follow=True).content.decode()

    assert "can no longer be brought back" in answer
    made.refresh_from_db()
    assert made.deleted_at is not None


def test_deleted_one_is_not_in_the_playground(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = conversation(agent, cast.edith, "What is it?")
    act(cast.edith, made, "delete")

    page = shown(cast.edith, f"/w/acme/agents/{agent.pk}/playground/?conversation={made.pk}")

    assert "What is it?" not in page


def test_pressing_delete_twice_is_one_deletion(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith)

    assert [act(cast.edith, made, "delete").status_code for _ in range(2)] == [302, 404]
    assert cast.acme.audit_events.filter(action="conversation.deleted").count() == 1


# --- Files --------------------------------------------------------------------------------------


def read(parts: Any) -> str:
    async def whole() -> str:
        return "".join([part async for part in parts])

    return async_to_sync(whole)()


def opened(made: Conversation) -> Conversation:
    return conversations.opened(made.agent.workspace, made.pk)


def test_json_has_each_turn_with_asker_model_payer_price_and_time(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    made = conversation(
        make_agent(cast.acme), cast.edith, *[f"Question {number} \"'\\ \u2028" for number in range(5)]
    )
    all_asked_at_once()

    found = json.loads(read(exporting.as_json(opened(made), "A title")))

    assert sorted(turn["question"][:10] for turn in found["turns"]) == [
        f"Question {number}" for number in range(5)
    ]
    turn = found["turns"][0]
    assert (found["title"], found["agent"]["name"]) == ("A title", "Guide")
    assert (turn["asked_by"], turn["model"], turn["paid_by"]) == (
        cast.edith.email,
        "Bookbag Local",
        "Nobody: free",
    )
    assert (turn["price"], turn["charged"], turn["answer"]) == (0, 0, "It is **this**.")


def test_markdown_has_the_same_for_people_without_what_was_replaced(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = conversation(agent, cast.edith, "First?\n# no heading")
    replaced = make_reply(agent, made, question="Replaced?")
    Reply.objects.filter(pk=replaced.pk).update(superseded_by=made.replies.first())

    text = read(exporting.as_markdown(opened(made), "A title"))

    assert text.startswith("# A title\n")
    assert "> First?\n> # no heading\n\nIt is **this**.\n" in text
    assert f"## {cast.edith.email}" in text
    assert "*Bookbag Local · local, free · paid by: Nobody: free · Completed" in text or "Complete" in text
    assert "Replaced?" not in text


def test_markdown_says_what_its_marks_stand_for(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = conversation(agent, cast.edith)
    sources = [
        {"title": "Hours", "heading": "Weekdays", "text": "At nine."},
        {"title": "Dogs", "heading": "", "text": "No."},
    ]
    make_reply(agent, made, text="Nine [1], without dogs [2].", sources=sources)

    text = read(exporting.as_markdown(opened(made), "A title"))

    assert "Nine [1], without dogs [2].\n\n\\[1] Hours, Weekdays  \n\\[2] Dogs\n\n*" in text


def test_answer_that_is_still_written_is_said_to_be_unfinished(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = conversation(agent, cast.edith)
    running = {"state": Reply.State.STREAMING, "done_at": None, "text": "As far as [1]"}
    cited = [{"title": "Hours", "heading": "", "text": "At nine."}]
    make_reply(agent, made, sources=cited, billing="credits", price=5, **running)

    text = read(exporting.as_markdown(opened(made), "A title"))
    turn = json.loads(read(exporting.as_json(opened(made), "A title")))["turns"][-1]

    assert (
        f"As far as [1]\n\n**{exporting.UNFINISHED}**\n\n*Bookbag Local · 5 credits held · Answering" in text
    )
    assert text.count("paid by:") == 1  # of the turn before
    assert (turn["is_unfinished"], turn["answer"], turn["sources"]) == (True, "As far as [1]", [])


def test_failed_answer_cites_nothing(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = conversation(agent, cast.edith)
    make_reply(
        agent,
        made,
        state=Reply.State.FAILED,
        text="",
        sources=[{"title": "Hours", "heading": "", "text": ""}],
    )

    assert "Hours" not in read(exporting.as_markdown(opened(made), "A title"))


def test_mask_of_a_key_is_in_no_file(cast: Cast) -> None:
    made = conversation(make_agent(cast.acme), cast.edith)
    Reply.objects.update(
        billing="byo", credential_kind="workspace", credential_mask="sk-…a1B2", provider="openai"
    )

    for written in (exporting.as_markdown, exporting.as_json):
        assert "a1B2" not in read(written(opened(made), "A title"))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Refunds & returns", "refunds-returns"),
        ('../../etc/passwd"; x=\r\n', "etc-passwd-x"),
        ("漢字", "conversation"),
        ("Café Zürich", "cafe-zurich"),
    ],
)
def test_file_is_named_safely(cast: Cast, title: str, name: str) -> None:
    made = conversation(make_agent(cast.acme), cast.edith, title=title)

    response = browser_of(cast.victor).get(f"{LIST}{made.pk}/export.md")

    assert response["Content-Disposition"] == f'attachment; filename="{name}-{timezone.now():%Y-%m-%d}.md"'
