"""The routing table (who runs, who pays), row by row, for both providers at the real server.

What ran on whose key is read from the provider double's record, what it cost from the ledger.
"""

import pytest

from agents.knowledge import training
from agents.models import Reply
from billing import ledger
from billing.models import Hold
from llm import byo
from llm.models import ChatModel, ProviderKey, UnsealCount
from llm.providers import roster
from tests.agents.scenes import agent_on, agent_on_custom_model, calls, spend_all, spoil, untouched
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import (
    ACME_SECRETS,
    MODELS,
    PLATFORM_SECRETS,
    PROVIDERS,
    accepted,
    bring_key,
    each_provider,
    live_events,
    platform_key,
    receipt,
    refusal,
    send,
    talk,
)
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double
from workspaces.models import AuditEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


@each_provider
@pytest.mark.parametrize("own_key", [False, True])
def test_row_1_byo_off_runs_on_the_platform_key_for_the_models_price(
    cast: Cast, visit: Visit, provider_double: Double, provider: str, own_key: bool
) -> None:
    platform_key(provider)
    if own_key:
        bring_key(cast.acme, provider)
        byo.set_byo(cast.acme, enabled=False, by=cast.adam)
    model_id, price = MODELS[provider]

    seen = talk(visit(cast.edith), agent_on(cast, provider))

    assert seen.end.data["billing"] == "credits"
    assert seen.end.data["charged"] == price
    mask = receipt(visit(cast.adam), "acme", str(Reply.objects.get().pk))["credential"]
    assert mask == {"kind": "platform", "mask": ""}
    assert calls(provider_double) == [(provider, PLATFORM_SECRETS[provider], model_id)]
    assert ledger.balance(cast.acme) == ledger.Balance(100 - price, 0)


@each_provider
def test_row_2_switched_off_workspace_key_is_never_borrowed(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    bring_key(cast.acme, provider)
    byo.set_byo(cast.acme, enabled=False, by=cast.adam)

    response = send(visit(cast.edith), agent_on(cast, provider))

    assert refusal(response) == (503, "platform_key_missing")
    assert roster.named(provider).label in response.json()["error"]["message"]
    assert untouched(cast, provider_double) == (0, 0, 0, 0, 0)


@each_provider
def test_row_2_unreadable_platform_key_is_refused_by_its_own_name(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    platform_key(provider)
    spoil(ProviderKey.objects.get(workspace=None))

    assert refusal(send(visit(cast.edith), agent_on(cast, provider))) == (503, "platform_key_unreadable")
    assert untouched(cast, provider_double) == (0, 0, 0, 0, 0)


@each_provider
@pytest.mark.parametrize("platform", [False, True])
def test_row_3_byo_on_runs_on_the_workspaces_key_for_nothing(
    cast: Cast, visit: Visit, provider_double: Double, provider: str, platform: bool
) -> None:
    if platform:
        platform_key(provider)
    bring_key(cast.acme, provider)
    visitor = visit(cast.adam)

    where = accepted(visitor, agent_on(cast, provider))
    end = list(live_events(visitor, where["stream"]))[-1].data

    assert (end["state"], end["billing"], end["charged"]) == ("completed", "byo", 0)
    assert calls(provider_double) == [(provider, ACME_SECRETS[provider], MODELS[provider][0])]
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    shown = receipt(visitor, "acme", where["reply"])
    secret = ACME_SECRETS[provider]
    prefix = roster.named(provider).key_prefix
    assert shown["credential"] == {"kind": "workspace", "mask": f"{prefix}…{secret[-4:]}"}
    assert (shown["price"], shown["why"]) == (0, "byo_on")


def test_row_3_runs_without_any_credits(cast: Cast, visit: Visit, provider_double: Double) -> None:
    bring_key(cast.acme)
    spend_all(cast)

    assert talk(visit(cast.edith), agent_on(cast, "openai")).end.data["state"] == "completed"


@each_provider
def test_row_4_missing_workspace_key_has_no_fallback(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    other = next(one for one in PROVIDERS if one != provider)
    platform_key(provider)
    bring_key(cast.acme, other)

    response = send(visit(cast.edith), agent_on(cast, provider))

    assert refusal(response) == (409, "byo_key_missing")
    assert response.json()["error"]["provider"] == provider
    assert roster.named(provider).label in response.json()["error"]["message"]
    assert untouched(cast, provider_double) == (0, 0, 0, 0, 0)


@each_provider
def test_row_5_unreadable_workspace_key_has_no_fallback(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    platform_key(provider)
    bring_key(cast.acme, provider)
    row = ProviderKey.objects.get(workspace=cast.acme)
    spoil(row)

    assert refusal(send(visit(cast.edith), agent_on(cast, provider))) == (409, "byo_key_unreadable")

    row.refresh_from_db()
    assert row.health == ProviderKey.Health.UNREADABLE
    assert AuditEvent.objects.filter(workspace=cast.acme, action="provider_key.unreadable").count() == 1
    assert untouched(cast, provider_double) == (0, 0, 0, 0, 0)


@each_provider
def test_row_6_rejected_workspace_key_fails_and_is_marked(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    platform_key(provider)
    bring_key(cast.acme, provider)
    provider_double.revoke(ACME_SECRETS[provider])

    end = talk(visit(cast.edith), agent_on(cast, provider)).end

    assert (end.kind, end.data["code"], end.data["charged"]) == ("error", "key_rejected", 0)
    assert calls(provider_double) == [(provider, ACME_SECRETS[provider], MODELS[provider][0])]
    # Written just after the member was told; the key stays in place, for an admin to judge.
    rejected = ProviderKey.objects.filter(workspace=cast.acme, health="rejected", state="active")
    assert eventually(rejected.exists)
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


@pytest.mark.parametrize("byo_enabled", [False, True])
def test_row_7_local_reads_no_key(
    cast: Cast, visit: Visit, provider_double: Double, byo_enabled: bool
) -> None:
    platform_key()
    bring_key(cast.acme)
    byo.set_byo(cast.acme, enabled=byo_enabled, by=cast.adam)
    spend_all(cast)
    agent = make_agent(cast.acme)
    training.add_text(agent, title="Hours", text="The shop opens at nine in the morning. Cats are welcome.")

    seen = talk(visit(cast.edith), agent, "When does the shop open?")

    assert (
        seen.text == seen.end.data["text"] == "The shop opens at nine in the morning. Cats are welcome. [1]"
    )
    assert (seen.end.data["billing"], seen.end.data["charged"]) == ("local", 0)
    assert provider_double.calls() == []
    assert not UnsealCount.objects.exists()
    reply = Reply.objects.get()
    assert (reply.credential_id, reply.credential_mask, reply.attempts) == (None, "", 0)


@each_provider
def test_row_8_custom_model_needs_byo(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    platform_key(provider)
    agent = agent_on_custom_model(cast, provider)

    response = send(visit(cast.edith), agent)

    assert refusal(response) == (409, "model_requires_byo")
    assert "Our fine-tuned one" in response.json()["error"]["message"]
    assert untouched(cast, provider_double) == (0, 0, 0, 0, 0)


@each_provider
def test_custom_model_runs_on_the_workspaces_key(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    bring_key(cast.acme, provider)

    end = talk(visit(cast.edith), agent_on_custom_model(cast, provider)).end

    assert (end.data["billing"], end.data["charged"]) == ("byo", 0)
    assert calls(provider_double) == [(provider, ACME_SECRETS[provider], "ft:our-own")]


def test_neighbours_key_is_never_used(cast: Cast, visit: Visit, provider_double: Double) -> None:
    # Globex has an OpenAI key and thousands of credits; Acme brings its own keys and has none.
    byo.set_byo(cast.globex, enabled=True, by=cast.gina)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)

    assert refusal(send(visit(cast.edith), agent_on(cast, "openai"))) == (409, "byo_key_missing")
    assert untouched(cast, provider_double) == (0, 0, 0, 0, 0)


@each_provider
def test_switch_decides_the_next_reply_each_time(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    platform_key(provider)
    bring_key(cast.acme, provider)
    visitor, agent, price = visit(cast.edith), agent_on(cast, provider), MODELS[provider][1]

    charged = []
    for enabled in (True, False, True, False):
        byo.set_byo(cast.acme, enabled=enabled, by=cast.adam)
        charged.append(talk(visitor, agent).end.data["charged"])

    assert charged == [0, price, 0, price]
    secrets = [ACME_SECRETS[provider], PLATFORM_SECRETS[provider]] * 2
    assert [secret for _, secret, _ in calls(provider_double)] == secrets


@pytest.mark.parametrize("change", [{"enabled": False}, {"retired_at": "2026-01-01T00:00:00Z"}])
@pytest.mark.parametrize("byo_enabled", [False, True])
def test_model_no_longer_offered_is_refused_by_name(
    cast: Cast, visit: Visit, provider_double: Double, change: dict[str, object], byo_enabled: bool
) -> None:
    platform_key()
    bring_key(cast.acme)
    byo.set_byo(cast.acme, enabled=byo_enabled, by=cast.adam)
    agent = agent_on(cast, "openai")
    ChatModel.objects.filter(model_id="gpt-4o").update(**change)

    response = send(visit(cast.edith), agent)

    assert refusal(response) == (409, "model_unavailable")
    assert "GPT-4o is no longer offered" in response.json()["error"]["message"]
    assert untouched(cast, provider_double) == (0, 0, 0, 0, 0)


def test_without_metering_nothing_is_held_or_refused(
    cast: Cast, visit: Visit, provider_double: Double, lend_server: LendServer
) -> None:
    server = lend_server(METERING_ENABLED="false")
    platform_key()
    spend_all(cast)

    end = talk(visit(cast.edith, server=server), agent_on(cast, "openai")).end

    assert (end.data["billing"], end.data["charged"]) == ("unmetered", 0)
    reply = Reply.objects.get()
    assert (reply.price, reply.credential_kind) == (0, "platform")
    assert (reply.input_tokens or 0) > 0
    assert (reply.output_tokens or 0) > 0
    assert Hold.objects.filter(reply_id=reply.pk).count() == 0


def test_stored_answer_is_given_word_for_word_and_free(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    agent = agent_on(cast, "openai")
    training.add_qa(agent, question="What are your hours?", answer="Nine to *five*,\n  weekdays.")

    seen = talk(visit(cast.edith), agent, "what are YOUR hours")

    assert seen.text == seen.end.data["text"] == "Nine to *five*,\n  weekdays."
    assert (seen.end.data["billing"], seen.end.data["charged"]) == ("local", 0)
    assert Reply.objects.get().why == "qa_match"
    assert provider_double.calls() == []


def test_the_same_question_again_is_a_new_reply_and_charged_again(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    visitor, agent = visit(cast.edith), agent_on(cast, "openai")
    first = accepted(visitor, agent, "Once more?")
    list(live_events(visitor, first["stream"]))

    second = accepted(visitor, agent, "Once more?", conversation=first["conversation"])
    list(live_events(visitor, second["stream"]))

    assert first["reply"] != second["reply"]
    assert first["conversation"] == second["conversation"]
    assert ledger.balance(cast.acme) == ledger.Balance(90, 0)
    sent = provider_double.calls()[-1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]


def test_no_credits_left_names_what_is_missing(cast: Cast, visit: Visit, provider_double: Double) -> None:
    platform_key()
    spend_all(cast, leaving=4)

    response = send(visit(cast.edith), agent_on(cast, "openai"))

    assert refusal(response) == (402, "credits_exhausted")
    assert (response.json()["error"]["price"], response.json()["error"]["available"]) == (5, 4)
    assert provider_double.calls() == []
    assert Reply.objects.count() == 0
    # What four credits still buy, they buy.
    platform_key("anthropic")
    assert talk(visit(cast.edith), agent_on(cast, "anthropic")).end.data["charged"] == 4
