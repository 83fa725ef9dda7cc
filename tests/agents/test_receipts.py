"""The receipt: how it ended, what it cost whom, what was left out; and what only admins are shown."""

import datetime as dt
import json
from html import unescape
from typing import Any

import pytest

from agents import payers, receipts, wording
from agents.models import Conversation, Reply
from agents.views import playground
from billing import ledger
from tests.agents.scenes import agent_on
from tests.agents.test_pages import make_reply
from tests.billing import moves
from tests.factories import browser_of
from tests.harness.cast import Cast
from tests.harness.chat import accepted, platform_key, receipt, turn_of, watch
from tests.harness.visitor import Visit
from tests.provider_double.client import Double
from workspaces.models import Role, User, Workspace

BEGAN = dt.datetime(2026, 11, 26, 1, 20, tzinfo=dt.UTC)
ACME = Workspace(name="Acme", slug="acme")
OWN: dict[str, Any] = {
    "provider": "openai",
    "model_name": "GPT-6 Luna",
    "model_id": "gpt-6-luna",
    "credential_kind": "workspace",
    "billing": "byo",
    "why": "byo_on",
}
ON_CREDITS = OWN | {"credential_kind": "platform", "billing": "credits", "price": 5, "why": "byo_off"}
FAILED = {"state": "failed", "ending": "failed", "text": "", "error_code": "rate_limited", "charged": 0}


def lines(**facts: Any) -> receipts.Receipt:
    return receipts.describe(
        Reply(
            **{
                "workspace": ACME,
                "state": "completed",
                "ending": "complete",
                "created_at": BEGAN,
                **OWN,
                **facts,
            }
        ),
        role=Role.EDITOR,
    )


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "not reported"),
        ({"input_tokens": 12, "output_tokens": 3}, "12 in, 3 out"),
        ({"input_tokens": 12}, "12 in, ? out"),
        ({"input_tokens": 12, "output_tokens": 3, "cached_tokens": 0, "thinking_tokens": 0}, "12 in, 3 out"),
        (
            {"input_tokens": 1591, "output_tokens": 74, "cached_tokens": 984, "thinking_tokens": 62},
            "1,591 in (984 from the provider's cache), 74 out (62 thinking)",
        ),
        (
            {"input_tokens": 9, "output_tokens": 1, "cached_tokens": 4, "cache_write_tokens": 5},
            "9 in (4 from the provider's cache, 5 stored in the provider's cache), 1 out",
        ),
    ],
)
def test_tokens_in_words(facts: dict[str, int], told: str) -> None:
    assert lines(**facts).tokens == told


def test_cost_is_at_most_where_a_price_is_unknown_and_the_saving_is_told() -> None:
    assert lines(estimated_cost=1_200).cost == "$0.0012"
    assert lines(estimated_cost=1_200, cost_is_at_most=True).cost == "at most $0.0012"
    assert lines(cache_saved=900).saved == "saved about $0.0009 by the provider's prompt cache"
    assert [lines(cache_saved=amount).saved for amount in (None, 0, -5)] == ["", "", ""]


def test_what_the_platform_pays_its_providers_is_no_customers_line() -> None:
    told = lines(**ON_CREDITS, charged=5, estimated_cost=1_200, cache_saved=900)

    assert (told.cost, told.saved) == ("", "")


def test_left_out_names_the_parameters_and_who_refused_them() -> None:
    assert lines(left_out="temperature").left_out == "temperature, because gpt-6-luna refused it"
    both = lines(left_out="temperature reasoning_effort").left_out
    assert both == "temperature, reasoning_effort, because gpt-6-luna refused them"
    assert lines().left_out == ""


STORED = {"billing": "local", "credential_kind": "none", "why": "qa_match"}
RUNNING = {"state": "streaming", "ending": ""}


@pytest.mark.parametrize(
    ("facts", "kind", "told"),
    [
        (ON_CREDITS | {"charged": 5}, "credits", "5 credits"),
        (ON_CREDITS | {"price": 1, "charged": 1}, "credits", "1 credit"),
        (ON_CREDITS | RUNNING, "credits", "5 credits held"),
        (ON_CREDITS | FAILED, "neutral", "not charged"),
        ({}, "byo", "your OpenAI key"),
        (RUNNING, "byo", "your OpenAI key"),
        (FAILED, "neutral", "not charged"),
        # The provider may bill what it wrote; nobody is said to have paid for an answer.
        (FAILED | {"output_tokens": 74}, "neutral", "not charged"),
        ({"state": "stopped", "ending": "stopped"}, "neutral", "not charged"),
        ({"state": "stopped", "ending": "stopped", "first_text_at": BEGAN}, "byo", "your OpenAI key"),
        ({"billing": "local", "why": "local_model"}, "local", "local, free"),
        ({"billing": "unmetered"}, "unmetered", "not metered"),
        (STORED, "local", "stored answer, free"),
        (STORED | {"why": "qa_closest"}, "local", "closest stored answer, free"),
    ],
)
def test_badge_says_what_it_cost_and_who_paid(facts: dict[str, Any], kind: str, told: str) -> None:
    reply = Reply(**{"workspace": ACME, "state": "completed", "ending": "complete", **OWN, **facts})

    assert payers.badge(reply) == payers.Badge(kind, told)


@pytest.mark.django_db
def test_failure_on_an_own_key_was_paid_by_nobody_wherever_it_is_told(cast: Cast) -> None:
    agent = agent_on(cast, "openai")
    talk = Conversation.objects.create(agent=agent, started_by=cast.edith)
    reply = make_reply(agent, talk, **OWN, **FAILED)
    edith = browser_of(cast.edith)

    playground = f"agents/{agent.pk}/playground/?conversation={talk.pk}"
    for page in (f"conversations/{talk.pk}/", f"agents/{agent.pk}/activity/", playground):
        shown = edith.get(f"/w/acme/{page}").content.decode()
        assert 'aria-label="not charged: open the receipt"' in shown, page
        assert "your OpenAI key: open the receipt" not in shown, page
    assert receipts.as_json(reply, role=Role.EDITOR)["paid_by"] == "Nobody here"


def test_durations_count_from_the_acceptance() -> None:
    first, done = (BEGAN + dt.timedelta(milliseconds=ms) for ms in (812, 3_600))

    assert lines(first_text_at=first, done_at=done).took == "first text after 0.8 s, done after 3.6 s"
    assert lines(done_at=done).took == "done after 3.6 s"
    assert lines(done_at=BEGAN - dt.timedelta(milliseconds=3)).took == "done within 0.1 s"
    assert lines().took == ""


@pytest.mark.parametrize(
    ("facts", "payer"),
    [
        (ON_CREDITS | {"charged": 5}, "Credits"),
        (ON_CREDITS | FAILED, "Nobody: not charged"),
        # Its hold had lapsed: the text is there, and free.
        (ON_CREDITS | {"charged": 0}, "Nobody: not charged"),
        (ON_CREDITS | {"state": "streaming", "ending": ""}, "5 credits held"),
        ({}, "Your provider account"),
        (FAILED, "Nobody here"),
        (FAILED | {"output_tokens": 4096}, "Nobody here; the provider may bill what it wrote"),
        (FAILED | {"first_text_at": BEGAN}, "Nobody here; the provider may bill what it wrote"),
        ({"billing": "local"}, "Nobody: free"),
        ({"billing": "unmetered"}, "Nobody: replies are not metered here"),
    ],
)
def test_who_paid(facts: dict[str, Any], payer: str) -> None:
    assert lines(**facts).payer.words == payer


@pytest.mark.parametrize("ending", list(Reply.Ending))
def test_ending_in_words(ending: Reply.Ending) -> None:
    assert lines(ending=ending).ended == ending.label


def test_reply_from_before_endings_shows_its_state() -> None:
    assert lines(ending="").ended == "Complete"


@pytest.mark.django_db
class TestPage:
    FACTS = (
        OWN
        | FAILED
        | {
            "credential_mask": "sk-…a1B2",
            "provider_status": 429,
            "provider_code": "rate_limit_exceeded",
            "provider_param": "messages",
            "request_id": "req_77",
            "retry_after": 90_000,
            "left_out": "temperature",
            "done_at": BEGAN,
        }
    )

    def stored(self, cast: Cast, **facts: Any) -> Reply:
        agent = agent_on(cast, "openai")
        return make_reply(agent, Conversation.objects.create(agent=agent, started_by=cast.edith), **facts)

    def page(self, person: User, reply: Reply) -> str:
        return unescape(browser_of(person).get(f"/w/acme/replies/{reply.pk}/").content.decode())

    def json(self, person: User, reply: Reply) -> dict[str, Any]:
        found: dict[str, Any] = (
            browser_of(person)
            .get(f"/w/acme/replies/{reply.pk}/", headers={"accept": "application/json"})
            .json()
        )
        return found

    def test_admins_see_what_the_provider_answered_and_others_do_not(self, cast: Cast) -> None:
        reply = self.stored(cast, **self.FACTS)
        admin, member = self.page(cast.adam, reply), self.page(cast.edith, reply)

        for fact in ("req_77", "rate_limit_exceeded", "HTTP 429", "parameter messages", "a1B2"):
            assert fact in admin
            assert fact not in member
        for fact in (
            "temperature, because gpt-6-luna refused it",
            "25 hours, after 02:20 UTC on 27 November",
        ):
            assert fact in admin
            assert fact in member

    def test_json_says_the_same(self, cast: Cast) -> None:
        reply = self.stored(cast, **self.FACTS)
        admin, member = self.json(cast.adam, reply), self.json(cast.edith, reply)
        answer = ("request_id", "provider_status", "provider_code", "provider_param")

        assert [admin[name] for name in answer] == ["req_77", 429, "rate_limit_exceeded", "messages"]
        assert [member[name] for name in answer] == [None] * 4
        assert (member["left_out"], member["retry_after"]) == (["temperature"], 90_000)
        assert member["paid_by"] == "Nobody here"
        assert [link["label"] for link in member["error"]["actions"]] == ["Change the model"]
        assert "a1B2" not in str(member)

    def test_request_id_of_a_whole_answer_is_for_admins_too(self, cast: Cast) -> None:
        reply = self.stored(cast, **OWN, ending="complete", request_id="req_78")

        assert "req_78" in self.page(cast.adam, reply)
        assert "req_78" not in self.page(cast.edith, reply)

    def test_receipt_of_an_uncharged_reply_does_not_say_that_it_cost_its_price(self, cast: Cast) -> None:
        page = self.page(cast.victor, self.stored(cast, **(ON_CREDITS | FAILED)))

        assert "Nobody: not charged" in page
        assert "<span>0 credits</span>" in page
        assert "and cost" not in page

    @pytest.mark.parametrize("kind", ["workspace", "platform"])
    def test_every_failure_is_one_plain_sentence_to_members(self, cast: Cast, kind: str) -> None:
        agent = agent_on(cast, "openai")
        conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
        facts = self.FACTS | {
            "credential_kind": kind,
            "billing": "byo" if kind == "workspace" else "unmetered",
        }
        replies = [
            make_reply(agent, conversation, **facts | {"error_code": code}) for code in wording.FAILURES
        ]

        page = browser_of(cast.edith).get(
            f"/w/acme/agents/{agent.pk}/playground/", {"conversation": str(conversation.pk)}
        )
        shown = unescape(page.content.decode())

        for reply in replies:
            assert wording.failure(reply, for_admin=False) in shown, reply.error_code
        for hidden in ("HTTP 429", "rate_limit_exceeded", "req_77", "a1B2", "parameter "):
            assert hidden not in shown


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
class TestLive:
    @pytest.mark.parametrize("seconds", [40, 900, 7_200, 200_000])
    def test_the_wait_reads_the_same_live_and_after_a_reload(
        self, cast: Cast, visit: Visit, provider_double: Double, seconds: int
    ) -> None:
        platform_key()
        provider_double.script("429", retry_after=seconds)
        agent = agent_on(cast, "openai")
        visitor = visit(cast.edith)
        where = accepted(visitor, agent)

        live = watch(visitor, where["stream"]).end.data["message"]
        turn = unescape(turn_of(visitor, where["stream"]))

        assert live == wording.failure(Reply.objects.get(), for_admin=False)
        assert live in turn

    def test_an_answer_cut_at_the_models_limit_has_its_ending_on_the_receipt(
        self, cast: Cast, visit: Visit, provider_double: Double
    ) -> None:
        platform_key()
        provider_double.script("finish_length")
        visitor = visit(cast.edith)
        where = accepted(visitor, agent_on(cast, "openai"))
        watch(visitor, where["stream"])

        shown = receipt(visitor, "acme", where["reply"])

        assert (shown["state"], shown["ending"], shown["charged"]) == ("completed", "cut_model", 5)
        assert 0 <= shown["durations"]["first_text_ms"] <= shown["durations"]["done_ms"]
        assert "Cut at the model's limit" in unescape(visitor.get(f"/w/acme/replies/{where['reply']}/").text)


@pytest.mark.money
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("amount", "summary", "payer", "badge"),
    [
        (
            None,
            "5 credits, from Acme's credits. Given back since: 5 credits.",
            "Nobody: given back",
            "5 credits, given back",
        ),
        (
            2,
            "5 credits, from Acme's credits. Given back since: 2 credits.",
            "Credits",
            "5 credits, 2 given back",
        ),
    ],
)
def test_what_an_operator_gave_back_is_said_wherever_the_reply_is(
    cast: Cast, amount: int | None, summary: str, payer: str, badge: str
) -> None:
    agent = agent_on(cast, "openai")
    talk = Conversation.objects.create(agent=agent, started_by=cast.edith)
    newest, edited = charged_reply(talk), charged_reply(talk)
    Reply.objects.filter(pk=edited.pk).update(superseded_by=newest)
    Reply.objects.filter(pk=newest.pk).update(done_at=BEGAN)  # a stream that is attached again long after
    for charge in cast.acme.account.transfers.filter(kind="capture"):
        ledger.reverse(charge, actor=None, reason="It was about another customer.", amount=amount)
    victor, edith = browser_of(cast.victor), browser_of(cast.edith)
    receipt_page = f"/w/acme/replies/{newest.pk}/"

    shown = victor.get(receipt_page, headers={"accept": "application/json"}).json()
    html = unescape(victor.get(receipt_page).content.decode())
    export = json.loads(b"".join(victor.get(f"/w/acme/conversations/{talk.pk}/export.json")))
    pages = {
        path: edith.get(f"/w/acme/{path}").content.decode()
        for path in (
            f"conversations/{talk.pk}/",
            f"agents/{agent.pk}/activity/",
            f"agents/{agent.pk}/playground/?conversation={talk.pk}",
            f"agents/{agent.pk}/compare/?reply={newest.pk}",
            f"replies/{newest.pk}/versions/",
        )
    }
    settled = playground.ended(newest.pk, Role.EDITOR)["turn"]

    assert (shown["charged"], shown["given_back"], shown["paid_by"]) == (5, amount or 5, payer)
    assert [(one["paid_by"], one["given_back"]) for one in export["turns"]] == [(payer, amount or 5)]
    assert summary in html
    assert "Given back</span>" in html
    for path, page in {**pages, "the end of a stream": settled}.items():
        assert f'aria-label="{badge}: open the receipt"' in page, path
        assert 'aria-label="5 credits: open the receipt"' not in page, path


def charged_reply(talk: Conversation, **fields: Any) -> Reply:
    charge = moves.charge(talk.agent.workspace.account, 5)
    paid = {"charged": 5, "price": 5, "billing": "credits", "why": "byo_off"}
    return make_reply(talk.agent, talk, id=charge.reply_id, **paid, **fields)
