"""A server process that dies or is paused, as its neighbour sees it.

The leases here are of an hour: what ends sooner was ended by the neighbour's look, however long a busy machine takes for
it. Ten seconds are promised; how many it took is printed with the run.
"""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from agents.models import Instance, Reply
from agents.running import database, instances, pulse
from billing import ledger
from billing.models import Hold
from tests.agents.scenes import spend_all
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import (
    Watched,
    accepted,
    bring_key,
    live_events,
    platform_key,
    refusal,
    send,
    talk,
    watch,
)
from tests.harness.figures import Figure
from tests.harness.live import Server, StartServer
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

LEASE = {"LEASE_SECONDS": "3600"}
NOTICED_WITHIN = 120.0
Two = tuple[Server, Server]


@pytest.fixture
def two(lend_server: LendServer, start_server: StartServer, provider_double: Double) -> Two:
    """A server that lives on, and one that is about to die."""
    platform_key()
    return lend_server(**LEASE), start_server(**LEASE)


def test_watchers_of_a_dead_process_are_told_of_its_end(
    cast: Cast, visit: Visit, two: Two, provider_double: Double, figure: Figure
) -> None:
    survivor, doomed = two
    provider_double.script("hang_mid_stream", chunks=["read ", "by somebody ", "never"], after=2)
    where = accepted(visit(cast.edith, server=doomed), make_agent(cast.acme, "gpt-4o"))
    stream = live_events(visit(cast.edith, server=survivor), where["stream"])
    seen = [next(event for event in stream if event.kind == "text")]
    assert eventually(Reply.objects.filter(text="read by somebody ").exists)

    doomed.kill()
    killed_at = time.monotonic()
    seen += list(stream)
    figure("a process that was killed is noticed after", f"{time.monotonic() - killed_at:.1f} s")

    end = seen[-1]
    assert (end.kind, end.data["code"], end.data["charged"]) == ("error", "interrupted", 0)
    assert end.data["text"] == "read by somebody " == Watched(seen).text
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    assert Hold.objects.get().state == "expired"
    assert talk(visit(cast.edith, server=survivor), make_agent(cast.acme, "gpt-4o")).end.data["charged"] == 5


def test_reply_on_an_own_key_ends_with_its_process_too(
    cast: Cast, visit: Visit, two: Two, provider_double: Double
) -> None:
    survivor, doomed = two
    bring_key(cast.acme, "openai")
    provider_double.script("hang_mid_stream", chunks=["own ", "never"], after=1)
    where = accepted(visit(cast.edith, server=doomed), make_agent(cast.acme, "gpt-4o"))
    assert eventually(Reply.objects.filter(text="own ").exists)

    doomed.kill()

    assert eventually(lambda: not Reply.objects.get().is_running, seconds=NOTICED_WITHIN)
    end = watch(visit(cast.edith, server=survivor), where["stream"]).end
    assert (end.data["code"], end.data["charged"], end.data["text"]) == ("interrupted", 0, "own ")


def test_process_that_lives_is_left_alone(
    cast: Cast, visit: Visit, two: Two, provider_double: Double
) -> None:
    """A reply that takes longer than another process may be silent, and says nothing for a while."""
    _, other = two
    provider_double.script("chunks", chunks=["slow ", "but ", "sure"], gap_ms=5000)

    end = talk(visit(cast.edith, server=other), make_agent(cast.acme, "gpt-4o")).end.data

    assert (end["state"], end["text"], end["charged"]) == ("completed", "slow but sure", 5)


def hold_up_writers(seconds: float) -> None:
    """For so long nobody's sign of life is written, though everybody may look."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE agents_instance IN SHARE MODE")
        time.sleep(seconds)


def test_process_that_waits_for_a_lock_is_left_alone(
    cast: Cast, visit: Visit, two: Two, provider_double: Double
) -> None:
    _, other = two
    provider_double.script("chunks", chunks=["slow ", "but ", "sure"], gap_ms=6000)
    where = accepted(visit(cast.edith, server=other), make_agent(cast.acme, "gpt-4o"))
    assert eventually(Reply.objects.filter(text="slow ").exists)

    hold_up_writers(9)

    end = watch(visit(cast.edith, server=other), where["stream"]).end.data
    assert (end["state"], end["text"], end["charged"]) == ("completed", "slow but sure", 5)


def test_paused_process_stores_what_it_read_free_of_charge(
    cast: Cast, visit: Visit, two: Two, provider_double: Double
) -> None:
    _, paused = two
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=600)
    where = accepted(visit(cast.edith, server=paused), make_agent(cast.acme, "gpt-4o"))
    assert eventually(Reply.objects.filter(text__startswith="one ").exists)

    paused.pause()
    swept = eventually(lambda: not Reply.objects.get().is_running, seconds=NOTICED_WITHIN)
    paused.go_on()

    assert swept
    assert eventually(Reply.objects.filter(state="completed", text="one two three", charged=0).exists)
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    assert watch(visit(cast.edith, server=paused), where["stream"]).end.data["charged"] == 0


def test_process_that_ends_properly_leaves_no_trace(
    cast: Cast, visit: Visit, two: Two, provider_double: Double
) -> None:
    _, leaving = two
    talk(visit(cast.edith, server=leaving), make_agent(cast.acme, "gpt-4o"))
    before = Instance.objects.count()

    assert leaving.stop() == 0

    assert Instance.objects.count() == before - 1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def orphan(cast: Cast, visit: Visit, two: Two, provider_double: Double) -> Reply:
    """A reply whose process has been silent for long; the survivor may not sweep it, so there is none."""
    survivor, doomed = two
    survivor.kill()
    provider_double.script("hang_mid_stream", chunks=["a ", "b"], after=1)
    accepted(visit(cast.edith, server=doomed), make_agent(cast.acme, "gpt-4o"))
    assert eventually(Reply.objects.filter(text="a ").exists)
    doomed.kill()
    long_ago = "2026-01-01T00:00:00Z"
    Instance.objects.update(seen_at=long_ago)
    Reply.objects.update(renewed_at=long_ago)
    return Reply.objects.get()


def test_nobody_is_judged_by_a_process_that_could_not_look_itself(
    orphan: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(instances, "time", clock)
    monkeypatch.setattr(instances, "_looked_at", 0.0)

    found = []
    for gap in (0, 1, 1, 1, 1, 30, 1, 1, 1, 1, 1):  # seconds between two looks: an outage in the middle
        clock.now += gap
        found.append(instances.end_leases_of_the_silent())

    assert found == [0] * 10 + [1]


def test_nobody_is_judged_before_three_looks_have_found_the_same(
    orphan: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock of the database's that was set makes everybody silent, until they beat again."""
    clock = Clock()
    monkeypatch.setattr(instances, "time", clock)
    monkeypatch.setattr(instances, "_looked_at", 0.0)
    Instance.objects.update(seen_at=timezone.now() + timedelta(days=1))

    found = []
    for look in range(16):
        clock.now += 1
        if look in (10, 13):
            Instance.objects.update(seen_at="2026-01-01T00:00:00Z")
        if look == 12:
            Instance.objects.update(seen_at=timezone.now() + timedelta(days=1))
        found.append(instances.end_leases_of_the_silent())

    assert found == [0] * 15 + [1]


def test_sign_of_life_waits_for_no_other_thread(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(instances, "_mine", None)
    before = Instance.objects.count()

    async def scene() -> bool:
        stuck = [asyncio.create_task(database.run(go.wait)) for _ in range(2 * database.THREADS)]
        living = asyncio.create_task(pulse.show_life_forever())
        try:
            return await asyncio.to_thread(eventually, lambda: _count_in_thread() == before + 1)
        finally:
            go.set()
            living.cancel()
            await asyncio.gather(*stuck)
            await database.close()

    assert asyncio.run(scene())


def _count_in_thread() -> int:
    try:
        return Instance.objects.count()
    finally:
        connection.close()


def test_refused_for_want_of_credits_is_nobody_whose_process_died(
    cast: Cast, visit: Visit, two: Two, provider_double: Double
) -> None:
    survivor, doomed = two
    spend_all(cast, leaving=5)
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=survivor)
    provider_double.script("hang_mid_stream")
    accepted(visit(cast.edith, server=doomed), agent)
    assert eventually(provider_double.calls)
    doomed.kill()
    assert refusal(send(visitor, agent)) == (402, "credits_exhausted")

    assert eventually(lambda: not Reply.objects.get().is_running, seconds=NOTICED_WITHIN)

    assert talk(visitor, agent).end.data["charged"] == 5
