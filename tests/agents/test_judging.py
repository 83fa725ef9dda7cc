"""Members' ratings and corrections, suggested questions, and the agent's activity page that shows them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents import activity, correcting, payers, rating, suggestions
from agents.activity import ActivitySearch
from agents.knowledge import index, training
from agents.models import Agent, Conversation, QAPair, Reply, ReplyRating
from billing import ledger
from tests.agents.test_conversations import all_asked_at_once, conversation
from tests.agents.test_pages import make_reply
from tests.billing import moves
from tests.factories import browser_of, queries_of
from tests.harness.cast import Cast, make_agent
from workspaces.models import User

pytestmark = pytest.mark.django_db


def reply_of(agent: Agent, user: User, **fields: Any) -> Reply:
    made = Conversation.objects.create(agent=agent, started_by=user)
    return make_reply(agent, made, **fields)


def post_rating(user: User, reply: Reply, **fields: str) -> Any:
    return browser_of(user).post(f"/w/acme/replies/{reply.pk}/rating/", fields)


# --- Rating -------------------------------------------------------------------------------------


def test_rating_can_be_changed_and_taken_back(cast: Cast) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith)
    kept: list[Any] = []
    for fields in (
        {"value": "up"},
        {"value": "down", "reason": "wrong", "note": "It is\nnot so"},
        {"value": ""},
    ):
        assert post_rating(cast.edith, reply, **fields).status_code == 302
        kept.append(list(ReplyRating.objects.values_list("value", "reason", "note")))

    assert kept == [[("up", "", "")], [("down", "wrong", "It is not so")], []]


def test_one_rating_for_each_member_and_reply(cast: Cast) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith)
    post_rating(cast.edith, reply, value="up")
    post_rating(cast.adam, reply, value="down")
    post_rating(cast.adam, reply, value="down")

    assert sorted(ReplyRating.objects.values_list("member__email", "value")) == [
        (cast.adam.email, "down"),
        (cast.edith.email, "up"),
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        ReplyRating.objects.create(reply=reply, member=cast.adam, value="up")


def test_reason_belongs_to_a_bad_answer(cast: Cast) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith)

    post_rating(cast.edith, reply, value="up", reason="wrong", note="Short and right")

    assert list(ReplyRating.objects.values_list("value", "reason", "note")) == [("up", "", "Short and right")]


@pytest.mark.parametrize(
    "fields", [{"value": "sideways"}, {"value": "up", "note": "x" * 501}, {"value": "down", "reason": "x"}]
)
def test_what_is_no_rating_is_refused_with_a_sentence(cast: Cast, fields: dict[str, str]) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith)
    answer = browser_of(cast.edith).post(
        f"/w/acme/replies/{reply.pk}/rating/", fields, headers={"Accept": "application/json"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    assert not ReplyRating.objects.exists()


@pytest.mark.parametrize("fields", [{"state": "streaming"}, {"erased_at": timezone.now()}])
def test_nothing_to_rate_is_said(cast: Cast, fields: dict[str, Any]) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith, **fields)
    answer = browser_of(cast.edith).post(
        f"/w/acme/replies/{reply.pk}/rating/", {"value": "up"}, headers={"Accept": "application/json"}
    )

    assert answer.status_code == 409
    assert not ReplyRating.objects.exists()


def test_script_is_given_the_buttons_as_they_are_now(cast: Cast) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith)
    answer = browser_of(cast.edith).post(
        f"/w/acme/replies/{reply.pk}/rating/", {"value": "down"}, headers={"Accept": "application/json"}
    )

    assert answer.json()["value"] == "down"
    assert answer.json()["html"].count('aria-pressed="true"') == 1
    assert "What is wrong with it" in answer.json()["html"]


def test_reply_of_another_workspace_is_rated_by_nobody_here(cast: Cast) -> None:
    foreign = reply_of(make_agent(cast.globex), cast.gina)

    assert post_rating(cast.olivia, foreign, value="up").status_code == 404
    assert rating.own([foreign], cast.olivia.pk) == {}


# --- Correcting ---------------------------------------------------------------------------------


def test_correction_becomes_the_agents_answer(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    reply = reply_of(agent, cast.edith, question="When do you open?", text="At nine, maybe.")
    browser, path = browser_of(cast.edith), f"/w/acme/replies/{reply.pk}/correct/"

    form = browser.get(path).content.decode()
    assert ('value="When do you open?"' in form, "At nine, maybe." in form) == (True, True)
    page = browser.post(path, {"question": "When do you open?", "answer": "At seven."}, follow=True)

    assert "Ask it again" in page.content.decode()
    assert index.search(agent.pk, "when do you OPEN").answer == "At seven."


def test_answer_that_is_there_is_shown_before_it_is_replaced(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    training.add_qa(agent, question="When do you open?", answer="At eight.")
    reply = reply_of(agent, cast.edith, question="When do you OPEN", text="At nine, maybe.")
    browser, path = browser_of(cast.edith), f"/w/acme/replies/{reply.pk}/correct/"
    fields = {"question": "When do you OPEN", "answer": "At seven."}

    unseen = browser.post(path, fields)
    assert (unseen.status_code, "At eight." in unseen.content.decode()) == (409, True)
    assert index.search(agent.pk, "When do you open?").answer == "At eight."

    shown = unseen.context["form"].initial["shown"]
    assert browser.get(path).context["form"].initial["shown"] == shown
    assert browser.post(path, {**fields, "shown": shown}).status_code == 302
    assert list(agent.qa_pairs.values_list("question", "answer")) == [("When do you OPEN", "At seven.")]


def test_answer_that_changed_meanwhile_is_not_overwritten_unseen(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    pair = training.add_qa(agent, question="When?", answer="At eight.")
    shown = correcting.seen(pair)
    QAPair.objects.update(answer="At ten.")

    with pytest.raises(correcting.WouldReplace) as refusal:
        correcting.correct(agent, question="When?", answer="At seven.", shown=shown)

    assert refusal.value.pair == pair
    assert agent.qa_pairs.get().answer == "At ten."


def test_correction_keeps_to_the_plans_limit(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    for number in range(10):
        training.add_qa(agent, question=f"Question {number}", answer="Yes.")
    reply = reply_of(agent, cast.edith)
    path = f"/w/acme/replies/{reply.pk}/correct/"

    answer = browser_of(cast.edith).post(path, {"question": "Another?", "answer": "My long work"})

    assert answer.status_code == 400
    assert "The plan allows 10 sources" in answer.content.decode()
    assert "My long work" in answer.content.decode()
    pair = agent.qa_pairs.get(question="Question 3")
    fields = {"question": "Question 3", "answer": "No.", "shown": correcting.seen(pair)}
    assert browser_of(cast.edith).post(path, fields).status_code == 302


def test_question_of_marks_alone_is_refused(cast: Cast) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith, question="???")

    answer = browser_of(cast.edith).post(
        f"/w/acme/replies/{reply.pk}/correct/", {"question": "???", "answer": "What?"}
    )

    assert (answer.status_code, "at least one word" in answer.content.decode()) == (400, True)


def test_long_turn_fills_in_its_beginning_and_says_so(cast: Cast) -> None:
    reply = reply_of(make_agent(cast.acme), cast.edith, question="why " * 1_000, text="y" * 30_000)

    page = browser_of(cast.edith).get(f"/w/acme/replies/{reply.pk}/correct/")

    assert "only its beginning is filled in" in page.content.decode()
    assert len(page.context["form"].initial["question"]) == QAPair.QUESTION_CHARACTERS


def test_pair_of_another_agent_is_not_offered_to_be_asked(cast: Cast) -> None:
    other = training.add_qa(make_agent(cast.acme, name="Other"), question="When?", answer="Now.")

    path = f"/w/acme/agents/{make_agent(cast.acme).pk}/questions/{other.pk}/"

    assert browser_of(cast.edith).get(path).status_code == 404


# --- Suggested questions ------------------------------------------------------------------------


def test_own_questions_come_before_drawn_ones(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    training.add_qa(agent, question="A stored question?", answer="Yes.")
    training.add_text(
        agent,
        title="Hours",
        text="# Opening hours\n\nAt seven.\n\nAnd more.\n\n# Prices\n\nTen.\n\n# Parking\n\nNone.",
    )

    drawn = suggestions.of(agent)
    agent.suggested_questions = "First?\nSecond?"

    assert drawn == ["A stored question?", "Opening hours", "Prices"]
    assert suggestions.of(agent) == ["First?", "Second?"]


def test_agent_without_anything_suggests_nothing(cast: Cast) -> None:
    assert suggestions.of(make_agent(cast.acme)) == []


def agent_form(agent: Agent, **fields: str) -> dict[str, Any]:
    return {
        "name": agent.name, "chat_model": agent.chat_model_id, "temperature": "0.2", "status": "active",
        "fallback_text": "No.", **fields,
    }  # fmt: skip


def test_questions_are_edited_with_the_agent(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    typed = " First?  \r\n\r\nSecond   one?\r\nFirst?"

    answer = browser_of(cast.edith).post(
        f"/w/acme/agents/{agent.pk}/", agent_form(agent, suggested_questions=typed)
    )
    agent.refresh_from_db()

    assert (answer.status_code, agent.suggested_questions) == (302, "First?\nSecond one?")


@pytest.mark.parametrize("typed", ["\n".join("abcdefg"), "x" * 201])
def test_too_many_or_too_long_questions_are_told(cast: Cast, typed: str) -> None:
    agent = make_agent(cast.acme)

    answer = browser_of(cast.edith).post(
        f"/w/acme/agents/{agent.pk}/", agent_form(agent, suggested_questions=typed)
    )

    assert (answer.status_code, "At most" in answer.content.decode()) == (400, True)


# --- Activity -----------------------------------------------------------------------------------


def test_each_filter_finds_its_replies(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    noon = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    plain = reply_of(agent, cast.edith, created_at=noon)
    other = reply_of(
        agent, cast.adam, created_at=noon + timedelta(days=1), model_name="GPT-4o", billing="byo", ending="stopped",
        credential_kind="workspace",
    )  # fmt: skip
    reply_of(make_agent(cast.acme, name="Another"), cast.edith)
    rating.rate(plain, member=cast.edith, value="up")

    found = {
        name: {row.reply for row in activity.page(agent, ActivitySearch(**{name: value})).rows}
        for name, value in dict[str, Any]({
            "since": (noon + timedelta(days=1)).date(), "until": noon.date(), "member_id": cast.adam.pk,
            "chat_model": "GPT-4o", "payer": "byo", "ending": "stopped", "rating": "up",
        }).items()
    }  # fmt: skip

    assert found == {
        "since": {other}, "until": {plain}, "member_id": {other}, "chat_model": {other}, "payer": {other},
        "ending": {other}, "rating": {plain},
    }  # fmt: skip
    assert {row.reply for row in activity.page(agent, ActivitySearch(rating="none")).rows} == {other}
    assert {row.reply for row in activity.page(agent, ActivitySearch()).rows} == {plain, other}


@pytest.mark.parametrize("billing", ["credits", "byo"])
def test_filter_by_payer_finds_what_the_receipt_says_of_the_payer(cast: Cast, billing: str) -> None:
    agent, now = make_agent(cast.acme), timezone.now()
    made = [
        reply_of(
            agent,
            cast.edith,
            billing=billing,
            state=state,
            charged=charged,
            output_tokens=tokens,
            first_text_at=first,
            price=price,
            credential_kind=key,
        )
        for state in Reply.State.values
        for charged in ([0, 5] if billing == "credits" else [0])
        for tokens in (None, 7)
        for first in (None, now)
        for price, key in [(5, "platform") if billing == "credits" else (0, "workspace")]
    ]
    nobody = {reply for reply in made if payers.payer(reply).words.startswith("Nobody")}

    found = set(activity._narrowed(agent, ActivitySearch(payer=billing)))

    assert found == set(made) - nobody
    assert nobody


@pytest.mark.money
def test_filter_by_payer_knows_what_was_given_back(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    whole, part, kept = (
        reply_of(agent, cast.edith, id=charge.reply_id, billing="credits", price=5, charged=5)
        for charge in (moves.charge(cast.acme.account, 5) for _ in range(3))
    )
    for reply, amount in ((whole, None), (part, 2)):
        charge = cast.acme.account.transfers.get(reply_id=reply.pk)
        ledger.reverse(charge, actor=None, reason="a test", amount=amount)
    ledger.reverse(cast.acme.account.transfers.get(kind="grant_plan"), actor=None, reason="a test")

    found = {row.reply: row.badge.words for row in activity.page(agent, ActivitySearch(payer="credits")).rows}

    assert found == {part: "5 credits, 2 given back", kept: "5 credits"}
    assert whole in {row.reply for row in activity.page(agent, ActivitySearch()).rows}


def test_activity_of_one_member_is_asked_for_by_what_names_the_membership(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    mine, other = reply_of(agent, cast.edith), reply_of(agent, cast.adam)
    codes = {one.user_id: str(one.code) for one in cast.acme.memberships.all()}
    page = browser_of(cast.victor).get(
        f"/w/acme/agents/{agent.pk}/activity/", {"member": codes[cast.edith.pk]}
    )

    assert [row.reply for row in page.context["page"].rows] == [mine]
    assert f'value="{codes[cast.adam.pk]}"' in page.content.decode()
    assert f'value="{other.member_id}"' not in page.content.decode()


def test_pages_of_activity_follow_each_other(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "PER_PAGE", 2)
    agent = make_agent(cast.acme)
    made = [reply_of(agent, cast.edith) for _ in range(5)]
    all_asked_at_once()  # so that the ids decide

    seen, before = [], None
    for _ in range(3):
        page = activity.page(agent, ActivitySearch(before=before))
        seen += [row.reply for row in page.rows]
        before = page.older

    assert seen == sorted(made, key=lambda one: one.pk, reverse=True)
    assert before is None


def test_activity_shows_ratings_and_leads_to_receipt_and_conversation(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    reply = reply_of(agent, cast.edith, question="<b>When?</b>")
    rating.rate(reply, member=cast.adam, value="down", reason="wrong", note="<i>No</i>")

    page = browser_of(cast.victor).get(f"/w/acme/agents/{agent.pk}/activity/").content.decode()

    assert f"/w/acme/replies/{reply.pk}/" in page
    assert f"/w/acme/conversations/{reply.conversation_id}/?reply={reply.pk}" in page
    assert ("Not true" in page, cast.adam.email in page) == (True, True)
    assert ("<b>When" in page, "<i>No" in page) == (False, False)


def test_words_of_a_deleted_conversation_are_not_in_the_activity(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    made = conversation(agent, cast.edith, "A secret plan")
    Conversation.objects.filter(pk=made.pk).update(deleted_at=timezone.now())

    page = browser_of(cast.olivia).get(f"/w/acme/agents/{agent.pk}/activity/").content.decode()

    assert "A secret plan" not in page
    assert "Its text was deleted" in page


@pytest.mark.parametrize(
    "query", ["since=x&until=2026-99-99", "member=1&chat_model=x&payer=x&rating=x&ending=x", "before=x"]
)
def test_filter_that_nobody_meant_is_no_error(cast: Cast, query: str) -> None:
    agent = make_agent(cast.acme)

    assert browser_of(cast.victor).get(f"/w/acme/agents/{agent.pk}/activity/?{query}").status_code == 200


def test_activity_asks_a_constant_number_of_queries(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    browser, path = browser_of(cast.victor), f"/w/acme/agents/{agent.pk}/activity/"
    rating.rate(reply_of(agent, cast.edith), member=cast.edith, value="up")
    few = queries_of(browser, path)
    for _ in range(50):
        rating.rate(reply_of(agent, cast.edith), member=cast.edith, value="up")

    assert queries_of(browser, path) == few
    assert few <= 12
