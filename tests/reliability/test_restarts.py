"""A server that comes back, one that was paused, one that is told to stop: nothing asked is lost, nothing unserved is charged."""

import signal
import time

import pytest

from agents.models import Reply
from billing import ledger
from billing.models import Hold
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import (
    PLATFORM_SECRETS,
    accepted,
    live_events,
    platform_key,
    refusal,
    send,
    talk,
    watch,
)
from tests.harness.live import StartServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

LEASE = 2.0
SHORT_LEASE = {"LEASE_SECONDS": str(LEASE), "SWEEP_SECONDS": "0.5"}
# A lease that was just renewed, the sweep after it, and a busy machine.
SWEPT_WITHIN = LEASE + 6.0


INTERRUPTED = ("failed", "interrupted")


def nothing_runs() -> bool:
    open_holds = Hold.objects.filter(state="held")
    return not Reply.objects.filter(state__in=Reply.RUNNING).exists() and not open_holds.exists()


def test_killed_server_sweeps_its_own_when_it_comes_back(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    # The round is long: it is the sweep at start-up that must find it.
    server = start_server(LEASE_SECONDS="1", SWEEP_SECONDS="600")
    provider_double.script("hang_mid_stream", chunks=["kept ", "text ", "lost"], after=2)
    visitor, agent = visit(cast.edith, server=server), make_agent(cast.acme, "gpt-4o")
    where = accepted(visitor, agent, "Do not lose me")
    stored = Reply.objects.filter(text="kept text ")
    assert eventually(stored.exists)

    server.kill()
    assert ledger.balance(cast.acme) == ledger.Balance(100, 5)
    time.sleep(1.1)
    server.start()

    assert eventually(nothing_runs)
    reply = Reply.objects.get()
    assert (reply.state, reply.error_code, reply.charged) == ("failed", "interrupted", 0)
    assert (reply.question, reply.text) == ("Do not lose me", "kept text ")
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    end = watch(visitor, where["stream"]).end
    assert (end.kind, end.data["code"], end.data["text"]) == ("error", "interrupted", "kept text ")
    page = visitor.get(f"/w/acme/agents/{agent.pk}/playground/?conversation={where['conversation']}").text
    assert "Do not lose me" in page
    assert "the answer was interrupted" in page
    assert talk(visitor, agent).end.data["charged"] == 5


def test_credits_of_a_killed_reply_are_free_before_a_refusal(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    grant = cast.acme.account.transfers.get(kind="grant_plan")
    ledger.reverse(grant, amount=95, actor=cast.oscar, reason="a test")
    never_sweeping = {"LEASE_SECONDS": "3", "SWEEP_SECONDS": "600"}
    survivor, doomed = start_server(**never_sweeping), start_server(**never_sweeping)
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=survivor)
    provider_double.script("hang_mid_stream")
    accepted(visit(cast.edith, server=doomed), agent)
    assert eventually(provider_double.calls)
    doomed.kill()
    assert refusal(send(visitor, agent)) == (402, "credits_exhausted")

    time.sleep(3.1)

    assert talk(visitor, agent).end.data["charged"] == 5
    assert ledger.balance(cast.acme) == ledger.Balance(0, 0)


def test_paused_process_stores_its_text_free_of_charge(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    start_server(**SHORT_LEASE)  # which sweeps meanwhile
    paused = start_server(**SHORT_LEASE)
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=400)
    visitor, agent = visit(cast.edith, server=paused), make_agent(cast.acme, "gpt-4o")
    stream = live_events(visitor, accepted(visitor, agent)["stream"])
    next(event for event in stream if event.kind == "text")

    paused.pause()
    swept = eventually(nothing_runs, seconds=SWEPT_WITHIN)
    in_between = Reply.objects.values_list("state", "error_code").get()
    paused.go_on()
    end = list(stream)[-1]

    assert swept
    assert in_between == INTERRUPTED
    assert (end.data["state"], end.data["text"], end.data["charged"]) == ("completed", "one two three", 0)
    reply = Reply.objects.get()
    assert (reply.state, reply.text, reply.charged) == ("completed", "one two three", 0)
    assert Hold.objects.get().state == "expired"
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


def test_deploy_lets_running_replies_end(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    # It has longer than the test: it ends because its replies have ended.
    server = start_server(DRAIN_SECONDS="300")
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=server)
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=700, times=None)
    watched = [
        live_events(visit(cast.edith, server=server), accepted(visitor, agent)["stream"]) for _ in range(5)
    ]
    unwatched = [accepted(visitor, agent) for _ in range(5)]
    for stream in watched:
        next(stream)

    server.process.terminate()  # type: ignore[union-attr]
    ends = [list(stream)[-1].data for stream in watched]

    assert [(end["state"], end["text"], end["charged"]) for end in ends] == [
        ("completed", "one two three", 5)
    ] * 5
    assert server.process.wait(60) in (0, -signal.SIGTERM)  # type: ignore[union-attr]
    assert set(Reply.objects.values_list("state", "charged")) == {("completed", 5)}
    assert Reply.objects.count() == len(ends) + len(unwatched)
    assert ledger.balance(cast.acme) == ledger.Balance(50, 0)


@pytest.mark.soak
def test_deploy_ends_what_does_not_end_by_itself_uncharged(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    server = start_server()
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=server)
    provider_double.script("hang_mid_stream", chunks=["one ", "two"], after=1, times=None)
    stream = live_events(visitor, accepted(visit(cast.edith, server=server), agent)["stream"])
    next(event for event in stream if event.kind == "text")
    accepted(visit(cast.edith, server=server), agent)

    server.process.terminate()  # type: ignore[union-attr]
    assert server.process.wait(30) in (0, -signal.SIGTERM)  # type: ignore[union-attr]

    rows = set(Reply.objects.values_list("state", "error_code", "text", "charged"))
    assert rows == {("failed", "interrupted", "one ", 0)}
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    assert "Traceback" not in server.output
    assert PLATFORM_SECRETS["openai"] not in server.output
