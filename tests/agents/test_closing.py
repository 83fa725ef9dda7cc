"""A workspace is deleted or suspended, also while a reply runs: it ends uncharged, and what is left names nobody."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.db.models import F

from agents import closing
from agents.models import Agent, Conversation, Reply, Source
from agents.running import duties, end_all_of
from billing import ledger
from billing.models import Account, Hold, Transfer
from llm import keys
from llm.models import ChatModel, LLMSettings, ProviderKey
from llm.vault import Secret
from tests.factories import browser_of
from tests.harness.cast import Cast
from tests.harness.chat import accepted, live_events, refusal, send
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double
from tests.test_access_table import things_in
from workspaces import standing
from workspaces.models import Membership, PastAddress, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.money]
DELETE = "/w/globex/settings/delete/"


def test_owner_deletes_it_by_typing_its_address(cast: Cast) -> None:
    things_in(cast.globex, cast.gina)
    gina = browser_of(cast.gina)
    before = list(Transfer.objects.filter(account__workspace=cast.globex).values())
    assert "Type globex to delete this workspace" in gina.post(DELETE, {"confirm": "Globex"}).content.decode()
    assert gina.get("/w/globex/").status_code == 200
    response = gina.post(DELETE, {"confirm": "globex"})

    assert response["Location"] == "/"
    assert gina.get("/w/globex/").status_code == 404
    assert gina.post(DELETE, {"confirm": "globex"}).status_code == 404
    globex = Workspace.objects.get(pk=cast.globex.pk)
    assert (globex.name, globex.slug[:8], globex.created_by) == ("Deleted workspace", "deleted-", None)
    assert globex.closed_at is not None
    for rows in (Agent, Membership, LLMSettings):
        assert not rows.objects.filter(workspace=globex).exists()
    assert not Source.objects.exists()
    assert not Conversation.objects.exists()
    assert not ChatModel.objects.filter(workspace=globex).exists()
    assert not globex.invitations.exists()
    # The ledger is as it was, and receipts have neither words nor a member.
    assert list(Transfer.objects.filter(account__workspace=globex).values()) == before
    reply = Reply.objects.get(workspace=globex)
    assert (reply.member, reply.agent) == (None, None)
    closing.take_round()
    duties.take_round()
    reply.refresh_from_db()
    assert (reply.question, reply.text) == ("", "")
    assert {one.to[0] for one in mail.outbox} >= {cast.gina.email}


def test_its_keys_are_destroyed(cast: Cast) -> None:
    key = "sk-GINASSECONDKEYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5aVu9eXoRiWtCq"
    keys.replace(cast.globex, provider="openai", secret=Secret(key), by=cast.gina)
    browser_of(cast.gina).post(DELETE, {"confirm": "globex"})
    rows = ProviderKey.objects.filter(workspace=cast.globex)

    assert rows.count() == 2
    assert {(row.kek_id, bytes(row.ciphertext), bytes(row.wrapped_dek), row.added_by) for row in rows} == {
        ("", b"", b"", None)
    }
    assert not rows.filter(state="active").exists()


def test_its_address_is_nobodys_afterwards(cast: Cast) -> None:
    browser_of(cast.gina).post(DELETE, {"confirm": "globex"})

    assert PastAddress.objects.get(slug="globex").workspace == cast.globex
    assert not standing.is_free("globex")


def test_it_gets_no_more_credits(cast: Cast) -> None:
    browser_of(cast.gina).post(DELETE, {"confirm": "globex"})
    account = Account.objects.get(workspace=cast.globex)
    posted = account.posted
    Account.objects.filter(pk=account.pk).update(
        next_event_at=F("created_at"), created_at=F("created_at") - timedelta(days=70)
    )
    call_command("run_billing_cycle")

    account.refresh_from_db()
    assert account.posted == posted


@pytest.mark.parametrize("who", ["adam", "edith", "victor"])
def test_others_cannot_delete_it(cast: Cast, who: str) -> None:
    assert (
        browser_of(getattr(cast, who)).post("/w/acme/settings/delete/", {"confirm": "acme"}).status_code
        == 403
    )
    assert Workspace.objects.get(pk=cast.acme.pk).closing_at is None


def test_it_waits_for_what_runs(cast: Cast) -> None:
    things = things_in(cast.globex, cast.gina)
    Reply.objects.filter(pk=things["reply_id"]).update(state="streaming")
    browser_of(cast.gina).post(DELETE, {"confirm": "globex"})
    globex = Workspace.objects.get(pk=cast.globex.pk)
    assert (globex.slug, globex.closed_at) == ("globex", None)
    assert Reply.objects.get(pk=things["reply_id"]).stop_requested
    assert closing.take_round() == 0

    Reply.objects.update(state="stopped")
    assert closing.take_round() == 1
    assert closing.take_round() == 0


def test_what_slips_in_beside_a_suspension_is_ended_by_the_next_round(cast: Cast) -> None:
    things = things_in(cast.acme, cast.edith)
    standing.suspend(cast.acme, "Spam.")
    Reply.objects.filter(pk=things["reply_id"]).update(state="streaming")
    duties.ending.end_where_none_may_run()

    assert Reply.objects.get(pk=things["reply_id"]).stop_requested


def test_nothing_runs_nothing_is_ended(cast: Cast) -> None:
    end_all_of(cast.acme)

    assert not Hold.objects.exists()


# --- On a server, while a reply runs ------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ["suspended", "deleted"])
def test_reply_that_runs_ends_uncharged_and_no_other_begins(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, end: str
) -> None:
    provider_double.script("hang_mid_stream", chunks=["one ", "two ", "three ", "four"], after=3)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    stream = live_events(visitor, where["stream"])
    next(event for event in stream if event.kind == "text")
    if end == "suspended":
        standing.suspend(cast.acme, "Spam was sent.")
    else:
        standing.begin_closing(cast.acme.memberships.get(user=cast.olivia))
    last = list(stream)[-1]

    assert last.data["charged"] == 0
    assert eventually(lambda: not Reply.objects.get().is_running)
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    answer = send(visitor, openai_agent, "And now?")
    if end == "suspended":
        assert refusal(answer) == (403, "workspace_suspended")
        assert "Spam was sent." in answer.json()["error"]["message"]
        assert visitor.get(where["stream"]).status_code == 200
    else:
        assert refusal(answer) == (404, "not_found")
        assert visitor.get(where["stream"]).status_code == 404
        assert closing.take_round() == 1


@pytest.mark.django_db(transaction=True)
def test_page_that_is_open_while_the_address_changes_goes_on_talking(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    standing.move(cast.acme, "acme-of-today")
    where = accepted(visitor, openai_agent)

    assert where["stream"].startswith("/w/acme-of-today/replies/")
    assert visitor.get(where["stream"].replace("acme-of-today", "acme")).status_code == 200
    # A member of another workspace finds nothing there.
    assert refusal(send(visit(cast.gina), openai_agent, "Hello?")) == (404, "not_found")
