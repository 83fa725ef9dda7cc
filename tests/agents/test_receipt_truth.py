"""No receipt contradicts itself: every billing with every state and ending, and what each line of it says."""

import datetime as dt
import itertools
from html import unescape
from typing import Any

import pytest

from agents import payers, receipts, wording
from agents.models import Conversation, Reply
from llm.routing import Billing, Credential, Why
from tests.agents.scenes import agent_on
from tests.agents.test_pages import make_reply
from tests.factories import browser_of
from tests.harness.cast import Cast
from workspaces.models import Role, Workspace

ACME = Workspace(name="Acme", slug="acme")
BEGAN = dt.datetime(2026, 11, 26, 1, 20, tzinfo=dt.UTC)
ROUTES: dict[str, dict[str, Any]] = {
    "credits": {"billing": Billing.CREDITS, "credential_kind": Credential.PLATFORM, "price": 5, "why": Why.BYO_OFF},
    "byo": {"billing": Billing.BYO, "credential_kind": Credential.WORKSPACE, "price": 0, "why": Why.BYO_ON},
    "local": {"billing": Billing.LOCAL, "credential_kind": Credential.NONE, "price": 0, "why": Why.LOCAL_MODEL},
    "stored": {"billing": Billing.LOCAL, "credential_kind": Credential.NONE, "price": 0, "why": Why.QA_MATCH},
    "unmetered": {
        "billing": Billing.UNMETERED, "credential_kind": Credential.PLATFORM, "price": 0, "why": Why.METERING_OFF,
    },
}  # fmt: skip
# State and ending as they occur together, with whether text came.
ENDS = [
    ("reserved", "", False), ("streaming", "", True), ("completed", "complete", True), ("completed", "cut_model", True),
    ("completed", "declined", True), ("stopped", "stopped", True), ("stopped", "stopped", False),
    ("cut", "cut_ours", True), ("failed", "failed", True), ("failed", "failed", False), ("failed", "declined", False),
    ("failed", "thinking_spent", False),
]  # fmt: skip
EVERY = [
    (route, end, charged, tokens)
    for route, end, charged, tokens in itertools.product(ROUTES, ENDS, (True, False), (None, 74))
    # Charged is only what was delivered on credits.
    if not charged or (route == "credits" and end[2] and end[0] in ("completed", "stopped", "cut"))
]


def reply_of(
    route: str, end: tuple[str, str, bool], charged: bool, tokens: int | None, **facts: Any
) -> Reply:
    state, ending, has_text = end
    is_local = ROUTES[route]["billing"] == Billing.LOCAL
    return Reply(**{
        "workspace": ACME,
        "provider": "local" if is_local else "openai",
        "model_name": "Bookbag Local" if is_local else "GPT-6 Luna",
        "state": state,
        "ending": ending,
        "error_code": "rate_limited" if ending == "failed" else ending if state == "failed" else "",
        "text": "Some text." if has_text else "",
        "first_text_at": BEGAN if has_text else None,
        "charged": 5 if charged else 0,
        "attempts": 0 if is_local else 1,
        "output_tokens": None if is_local else tokens,
        "estimated_cost": None if is_local or tokens is None else 1_200,
        "created_at": BEGAN,
        **ROUTES[route],
        **facts,
    })  # fmt: skip


@pytest.mark.parametrize(("route", "end", "charged", "tokens"), EVERY)
def test_summary_payer_and_charge_agree(
    route: str, end: tuple[str, str, bool], charged: bool, tokens: int | None
) -> None:
    reply = reply_of(route, end, charged, tokens)
    told = receipts.describe(reply, role=Role.ADMIN)
    nobody = told.payer.words.startswith("Nobody")

    assert (told.summary == "5 credits, from Acme's credits.") == bool(reply.charged)
    assert told.summary.startswith("Still running.") == reply.is_running
    if told.summary.startswith("Nothing was charged."):
        assert nobody
        assert reply.charged == 0
    if reply.charged:
        assert told.payer.words == "Credits"
    if told.summary.startswith("Billed by"):
        assert (route, nobody) == ("byo", False)
        assert told.cost
    if not reply.is_running and route != "byo":
        assert nobody == (reply.charged == 0)
    assert told.cost == "" or route in ("byo", "unmetered")
    # A list, a turn and a comparison have the badge.
    badge = payers.badge(reply)
    assert (badge.words == "not charged") == (nobody and route in ("credits", "byo"))
    assert badge.kind == told.payer.kind
    assert "  " not in told.summary
    assert "{" not in told.summary


@pytest.mark.parametrize(
    ("facts", "summary"),
    [
        (("credits", ENDS[2], True, 74), "5 credits, from Acme's credits."),
        (("credits", ENDS[5], True, None), "5 credits, from Acme's credits."),
        (("credits", ENDS[6], False, None), "Nothing was charged. It was stopped before any text had appeared."),
        (("credits", ENDS[9], False, None), "Nothing was charged. OpenAI was limiting requests."),
        (("credits", ENDS[2], False, 74), "Nothing was charged. The answer came too late to be charged."),
        (
            ("credits", ENDS[1], False, None),
            "Still running. 5 credits are held from Acme's credits, and taken only for an answer.",
        ),
        (("byo", ENDS[2], False, 74), "Billed by OpenAI, about $0.0012, on the workspace's own key."),
        (("byo", ENDS[2], False, None), "Billed by OpenAI, how much is not known, on the workspace's own key."),
        (
            ("byo", ENDS[6], False, None),
            "Nothing was charged. It was stopped before any text had appeared. OpenAI may bill what it had begun.",
        ),
        (
            ("byo", ENDS[11], False, 74),
            "Nothing was charged. GPT-6 Luna used its whole output allowance for thinking. "
            "OpenAI may bill what it wrote, about $0.0012.",
        ),
        (("local", ENDS[2], False, None), "Nothing was charged. Bookbag Local is free."),
        (("stored", ENDS[2], False, None), "Nothing was charged. A stored answer was given, free."),
        (("unmetered", ENDS[2], False, 74), "Nothing was charged. Replies are not metered here."),
    ],
)  # fmt: skip
def test_summary_in_words(facts: Any, summary: str) -> None:
    assert receipts.summary(reply_of(*facts)) == summary


def test_summary_counts_the_tries_and_names_the_key_to_those_who_may_see_it() -> None:
    failed = reply_of(
        "credits", ENDS[9], False, None, provider="anthropic", attempts=3, error_code="provider_unavailable"
    )
    billed = reply_of("byo", ENDS[2], False, 74, credential_mask="sk-…Lm3Z")

    assert receipts.summary(failed) == "Nothing was charged. Anthropic failed after 3 tries."
    assert receipts.summary(billed) == "Billed by OpenAI, about $0.0012, on your key sk-…Lm3Z."


def test_each_failure_has_a_clause() -> None:
    assert set(wording.BRIEFLY) == set(wording.FAILURES)
    for code in wording.FAILURES:
        told = wording.briefly(reply_of("byo", ENDS[9], False, None, error_code=code))
        assert told.endswith(".")
        assert "{" not in told


@pytest.mark.django_db
class TestPage:
    def stored(self, cast: Cast, **facts: Any) -> Reply:
        agent = agent_on(cast, "openai")
        conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
        return make_reply(agent, conversation, **facts)

    def test_question_and_answer_are_there_and_the_id_is_last(self, cast: Cast) -> None:
        reply = self.stored(cast)
        page = unescape(browser_of(cast.victor).get(f"/w/acme/replies/{reply.pk}/").content.decode())

        assert "What is it?" in page
        assert "<p>It is <strong>this</strong>.</p>" in page
        slip = page.partition('<dl class="kv">')[2].partition("</dl>")[0]
        assert f'id="reply-id">{reply.pk}' in slip.rpartition("<dt>")[2]
        assert 'data-copy="reply-id"' in slip
        # No time with its fractions of a second.
        assert ".000000" not in page

    def test_what_was_deleted_with_its_conversation_is_not_on_the_receipt(self, cast: Cast) -> None:
        reply = self.stored(cast)
        Conversation.objects.update(deleted_at=BEGAN)
        page = browser_of(cast.victor).get(f"/w/acme/replies/{reply.pk}/").content.decode()

        assert "What is it?" not in page
        assert "<strong>this</strong>" not in page
        assert "The receipt stays." in page

    def test_stored_answer_names_no_chat_model(self, cast: Cast) -> None:
        # As they were stored before: with the agent's model.
        reply = self.stored(cast, why="qa_match", provider="openai", model_name="GPT-4o", model_id="gpt-4o")
        page = unescape(browser_of(cast.victor).get(f"/w/acme/replies/{reply.pk}/").content.decode())
        json = (
            browser_of(cast.victor)
            .get(f"/w/acme/replies/{reply.pk}/", headers={"accept": "application/json"})
            .json()
        )

        assert "none: a stored answer" in page
        assert "gpt-4o" not in page.lower()
        assert (json["model"], json["model_id"], json["is_stored_answer"]) == ("", "", True)

    def test_operators_see_receipts_without_question_and_answer(self, cast: Cast) -> None:
        reply = self.stored(
            cast,
            **ROUTES["byo"],
            provider="openai",
            credential_mask="sk-…a1B2",
            question="Secret?",
            text="Hush.",
        )
        desk = browser_of(cast.oscar)
        listed = desk.get("/admin/agents/reply/", {"q": str(reply.pk)}).content.decode()
        page = unescape(desk.get(f"/admin/agents/reply/{reply.pk}/change/").content.decode())

        assert str(reply.pk) in listed
        assert "Billed by OpenAI" in page
        assert "Your provider account" in page
        for hidden in ("Secret?", "Hush.", "It is <strong>", "a1B2"):
            assert hidden not in page
            assert hidden not in listed
        assert desk.post(f"/admin/agents/reply/{reply.pk}/change/", {"state": "failed"}).status_code == 403
        assert browser_of(cast.olivia).get(f"/admin/agents/reply/{reply.pk}/change/").status_code == 404
