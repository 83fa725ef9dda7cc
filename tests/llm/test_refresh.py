"""The daily refresh of the accounts' model lists: every key its turn, no tokens, and no harm where it fails."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from agents.models import Agent
from agents.running import duties
from llm import keys, listing, outlook, refresh
from llm.models import ChatModel, ListedModel, ProviderKey
from llm.vault import Secret
from tests.harness.cast import make_agent
from tests.harness.chat import ACME_SECRETS, PLATFORM_SECRETS, platform_key
from tests.harness.live import Server
from tests.harness.threads import at_once
from tests.harness.waiting import eventually
from tests.provider_double.client import Double
from workspaces.models import AuditEvent

pytestmark = pytest.mark.django_db

LAST = dt.date(2027, 1, 14)


def ours(cast, provider: str = "openai", secret: str = "") -> ProviderKey:
    """A key of Acme's that was entered two days ago, and never asked for its list."""
    plain = Secret(secret or ACME_SECRETS[provider])
    row = keys.replace(cast.acme, provider=provider, secret=plain, by=cast.adam)
    return entered(row, days_ago=2)


def entered(row: ProviderKey, *, days_ago: int) -> ProviderKey:
    row.added_at = timezone.now() - dt.timedelta(days_ago)
    row.save(update_fields=["added_at"])
    return row


def without_ginas() -> None:
    ProviderKey.objects.exclude(workspace__slug="acme").filter(workspace__isnull=False).delete()


def refresh_models() -> str:
    out = StringIO()
    call_command("refresh_models", stdout=out)
    return out.getvalue()


# --- The command ---------------------------------------------------------------------------------


def test_the_lists_of_every_account_are_stored_with_their_dates(cast, provider_double: Double) -> None:
    provider_double.today("2026-11-26")
    ours(cast, "anthropic")
    platform_key("openai")

    assert refresh_models() == "3 lists stored, 0 not to be had.\n"

    listed = ListedModel.objects.filter(provider_key__workspace=None)
    assert listed.get(model_id="gpt-4o").shuts_down_on == LAST
    assert listed.get(model_id="gpt-6-luna").shuts_down_on is None
    assert cast.acme.provider_keys.get().listed_models.get(model_id="claude-sonnet-5-5").lifecycle == "active"
    assert cast.globex.provider_keys.get().listed_models.exists()
    assert {call["path"] for call in provider_double.calls()} == {"/v1/models"}
    assert AuditEvent.objects.filter(action="provider_key.verified").count() == 0


def test_a_later_list_takes_the_place_of_the_earlier(cast, provider_double: Double) -> None:
    row = ours(cast)
    provider_double.model("gpt-7", like="gpt-6-luna")
    refresh.refresh(row)
    provider_double.clear()
    refresh.refresh(row)

    assert not row.listed_models.filter(model_id="gpt-7").exists()
    assert row.listed_models.filter(model_id="gpt-6-luna").count() == 1


def test_a_list_that_fails_stops_nothing_and_changes_no_health(cast, provider_double: Double) -> None:
    row = ours(cast)
    platform_key("openai")
    ProviderKey.objects.filter(pk=row.pk).update(health="valid")
    provider_double.script("503", times=None, match={"secret": ACME_SECRETS["openai"]})

    said = refresh_models()

    row.refresh_from_db()
    assert "acme  openai  " in said
    assert said.endswith("2 lists stored, 1 not to be had.\n")
    assert (row.health, row.listed_models.count()) == ("valid", 0)


def test_the_list_before_stays_when_a_later_one_fails(cast, provider_double: Double) -> None:
    row = ours(cast)
    refresh.refresh(row)
    provider_double.script("503", times=None)

    assert refresh.refresh(row) == "provider_unavailable"
    assert row.listed_models.filter(model_id="gpt-6-luna").exists()


def test_a_key_that_its_provider_calls_dead_is_marked_and_told(
    cast, provider_double: Double, mailoutbox
) -> None:
    row = ours(cast)
    provider_double.revoke(ACME_SECRETS["openai"])

    assert refresh.refresh(row) == "key_rejected"

    row.refresh_from_db()
    assert row.health == "rejected"
    assert AuditEvent.objects.filter(action="provider_key.rejected", workspace=cast.acme).count() == 1


def test_a_key_that_may_not_list_is_asked_once_and_then_left_alone(cast, provider_double: Double) -> None:
    without_ginas()
    row = ours(cast, secret="sk-proj-nolist-Xq9Zt5Vw2Rb7Yn4Hc8Jd6Fs1Gp0TuAe")

    assert "key_lacks_permission" in refresh_models()
    assert refresh_models() == "0 lists stored, 0 not to be had.\n"

    row.refresh_from_db()
    assert (row.may_list, row.health) == (False, "unverified")


def test_a_key_that_does_not_open_is_noted_and_the_next_is_asked(cast, provider_double: Double) -> None:
    row = ours(cast)
    ProviderKey.objects.filter(pk=row.pk).update(ciphertext=b"\0" * 40)

    assert "acme  openai" in refresh_models()
    assert cast.globex.provider_keys.get().listed_models.exists()


def test_a_superseded_key_is_not_asked(cast, provider_double: Double) -> None:
    ours(cast)
    ours(cast, secret=PLATFORM_SECRETS["openai"])
    refresh_models()

    assert ACME_SECRETS["openai"] not in {call["secret"] for call in provider_double.calls()}


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_a_provider_is_asked(cast, provider_double: Double, monkeypatch) -> None:
    row = ours(cast)
    own, check, seen = connections["default"], listing.check, []

    async def watch(models):
        seen.append(own.connection)
        return await check(models)

    monkeypatch.setattr(listing, "check", watch)

    assert refresh.refresh(row) == ""
    assert seen == [None]


# --- The server's rounds -------------------------------------------------------------------------


def test_a_round_asks_the_keys_whose_list_is_a_day_old(cast, provider_double: Double) -> None:
    without_ginas()
    row = ours(cast)
    platform_key("openai")  # entered now

    assert refresh.take_round() == 1
    assert refresh.take_round() == 0

    assert [call["secret"] for call in provider_double.calls()] == [ACME_SECRETS["openai"]]
    row.listed_at = timezone.now() - dt.timedelta(days=1, minutes=1)
    row.save(update_fields=["listed_at"])
    assert refresh.take_round() == 1


def test_a_key_that_fails_waits_for_its_next_day_too(cast, provider_double: Double) -> None:
    without_ginas()
    ours(cast)
    provider_double.script("503", times=None)

    assert [refresh.take_round(), refresh.take_round()] == [1, 0]


def test_a_round_takes_few_and_the_ones_that_waited_longest(
    cast, provider_double: Double, monkeypatch
) -> None:
    monkeypatch.setattr(refresh, "KEYS_A_ROUND", 1)
    without_ginas()
    ours(cast, "openai")
    entered(ours(cast, "anthropic"), days_ago=9)

    assert [refresh.take_round() for _ in range(3)] == [1, 1, 0]
    assert [call["secret"] for call in provider_double.calls()] == [
        ACME_SECRETS["anthropic"],
        ACME_SECRETS["openai"],
    ]


@pytest.mark.django_db(transaction=True)
def test_two_processes_at_once_ask_for_each_list_once(cast, provider_double: Double) -> None:
    without_ginas()
    ours(cast, "openai")
    ours(cast, "anthropic")

    ended = at_once(*[refresh.take_round] * 4)

    assert [one for one in ended if isinstance(one, Exception)] == []
    assert sum(ended) == 2
    assert sorted(call["secret"] for call in provider_double.calls()) == sorted(
        ACME_SECRETS[provider] for provider in ("openai", "anthropic")
    )


@pytest.mark.django_db(transaction=True)
def test_a_slow_provider_holds_up_neither_the_sweep_nor_a_second_round(
    cast, provider_double: Double, monkeypatch
) -> None:
    without_ginas()
    ours(cast)
    provider_double.script("ok", first_ms=1000)

    first = duties.begin_round()
    assert first is not None
    assert duties.begin_round() is None  # this process takes one at a time
    first.join(20)

    second = duties.begin_round()  # not this process's turn, so it asks nobody
    assert second is not None
    second.join(20)
    assert len(provider_double.calls()) == 1
    assert ListedModel.objects.filter(provider_key__workspace=cast.acme, model_id="gpt-6-luna").exists()


@pytest.mark.django_db(transaction=True)
def test_the_server_refreshes_and_writes_by_itself(
    cast, provider_double: Double, start_server, shared_server: list[Server]
) -> None:
    """With nobody asking: a list whose day has come is fetched, and the admins of a model that leaves are mailed."""
    without_ginas()
    row = ours(cast)
    agent = make_agent(cast.acme)
    chat_model = ChatModel.objects.create(
        workspace=cast.acme, name="Ours", provider="openai", model_id="o-ours", shuts_down_on=outlook.today()
    )
    Agent.objects.filter(pk=agent.pk).update(chat_model=chat_model)

    for other in shared_server:
        other.kill()  # it would take turns with this one
    subject = "Subject: Ours was shut down on"
    server = start_server(SWEEP_SECONDS="0.3", EMAIL_URL="consolemail://")

    assert eventually(row.listed_models.filter(model_id="gpt-6-luna").exists)
    assert eventually(lambda: server.output.count(subject) == 2)  # Olivia's and Adam's
    server.stop()
    assert [call["path"] for call in provider_double.calls()] == ["/v1/models"]
    assert server.output.count(subject) == 2
