"""A database that is locked, gone for a moment, or refuses to write: nothing is served unpaid, nothing paid is lost."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from agents.models import Agent, Reply
from billing import ledger
from tests.agents.scenes import nothing_happened
from tests.harness.cast import Cast
from tests.harness.chat import accepted, live_events, refusal, send, talk, watch
from tests.harness.crowd import press_all, press_by
from tests.harness.live import StartServer
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


@contextmanager
def database_locked() -> Iterator[None]:
    """Nobody else can write; on PostgreSQL nobody can even read a reply or a hold."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(
                    "LOCK TABLE agents_reply, billing_hold, billing_account IN ACCESS EXCLUSIVE MODE"
                )
        yield


@contextmanager
def writes_refused(table: str, event: str) -> Iterator[None]:
    """Each `event` on `table` fails, as on a full disk."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                f"CREATE TRIGGER full_disk BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        else:
            cursor.execute(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = 'disk_full'; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER full_disk BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()"
            )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("DROP TRIGGER full_disk")
            else:
                cursor.execute("DROP FUNCTION full_disk CASCADE")


def test_locked_database_delays_replies_and_loses_none(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=300)
    visitor = visit(cast.edith)
    running = accepted(visitor, openai_agent)
    stream = live_events(visitor, running["stream"])
    next(event for event in stream if event.kind == "text")

    others = [visit(cast.edith) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        with database_locked():
            sent = [threads.submit(talk, other, openai_agent) for other in others]
            time.sleep(3)
        ends = [one.result().end.data for one in sent]
    first = list(stream)[-1].data

    assert (first["text"], first["charged"]) == ("one two three", 5)
    assert [(end["state"], end["charged"]) for end in ends] == [("completed", 5)] * 4
    assert ledger.balance(cast.acme) == ledger.Balance(75, 0)


@pytest.mark.parametrize("pool", ["true", "false"])
def test_connections_that_die_midway_are_replaced(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, lend_server: LendServer, pool: str
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections to lose")
    server = lend_server(DATABASE_POOL=pool)
    visitor = visit(cast.edith, server=server)
    # First let many connections be opened, by the chat path and by pages alike.
    press_all(server, [press_by(visitor.cookies["session"], openai_agent, "Warm up")] * 8)
    for _ in range(4):
        visitor.get("/w/acme/")
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=400)
    stream = live_events(visit(cast.edith, server=server), accepted(visitor, openai_agent)["stream"])
    next(event for event in stream if event.kind == "text")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    end = list(stream)[-1].data
    pages = [visitor.get("/w/acme/").status_code for _ in range(4)]
    answers = press_all(
        server, [press_by(visitor.cookies["session"], openai_agent, f"After {n}") for n in range(8)]
    )

    assert (end["state"], end["text"], end["charged"]) == ("completed", "one two three", 5)
    assert [answer.watched.end.data["charged"] for answer in answers] == [5] * 8
    assert pages == [200] * 4


@pytest.mark.parametrize("table", ["billing_hold", "agents_reply"])
def test_hold_that_cannot_be_written_means_no_provider_call(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, table: str
) -> None:
    visitor = visit(cast.edith)

    with writes_refused(table, "INSERT"):
        status, code = refusal(send(visitor, openai_agent))

    # A full disk; SQLite's stand-in for it cannot be told from a broken rule.
    full = (503, "database_down") if connection.vendor == "postgresql" else (500, "internal")
    assert (status, code) == full
    assert nothing_happened(provider_double)
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    assert talk(visitor, openai_agent).end.data["charged"] == 5


@pytest.mark.parametrize("table", ["billing_hold", "agents_reply", "billing_account"])
def test_end_that_cannot_be_written_is_tried_until_it_can(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, table: str
) -> None:
    provider_double.script("chunks", chunks=["one ", "two"], gap_ms=300)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    stream = live_events(visitor, where["stream"])
    next(event for event in stream if event.kind == "text")

    with writes_refused(table, "UPDATE"):
        time.sleep(2)
        assert Reply.objects.get().is_running
    end = list(stream)[-1].data

    assert (end["state"], end["text"], end["charged"]) == ("completed", "one two", 5)
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)
    assert len(provider_double.calls()) == 1


@pytest.mark.soak
def test_end_outlives_a_long_outage(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, lend_server: LendServer
) -> None:
    """Longer than any retry of the database's own, and within the lease: it is stored whole and charged."""
    server = lend_server(name="patient")
    provider_double.script("chunks", chunks=["one ", "two"], gap_ms=300)
    visitor = visit(cast.edith, server=server)
    where = accepted(visitor, openai_agent)
    stream = live_events(visitor, where["stream"])
    next(event for event in stream if event.kind == "text")

    with writes_refused("billing_account", "UPDATE"):
        time.sleep(40)
    end = list(stream)[-1].data

    assert (end["state"], end["text"], end["charged"]) == ("completed", "one two", 5)


@pytest.mark.soak
def test_end_that_can_never_be_written_is_told_as_the_sweep_will_write_it(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, start_server: StartServer
) -> None:
    server = start_server(LEASE_SECONDS="5", SWEEP_SECONDS="1", SETTLE_SECONDS="10")
    provider_double.script("chunks", chunks=["one ", "two"], gap_ms=300)
    visitor = visit(cast.edith, server=server)
    where = accepted(visitor, openai_agent)

    with writes_refused("billing_account", "UPDATE"):
        told = watch(visitor, where["stream"]).end

    assert (told.kind, told.data["code"], told.data["charged"]) == ("error", "interrupted", 0)
    assert eventually(lambda: not Reply.objects.get().is_running, seconds=15)
    stored = watch(visitor, where["stream"]).end
    assert (stored.kind, stored.data["code"], stored.data["charged"]) == ("error", "interrupted", 0)
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
    assert "Traceback" not in server.output


def test_one_odd_reply_does_not_stop_the_heartbeat_of_the_others(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, start_server: StartServer
) -> None:
    server = start_server(LEASE_SECONDS="2", SWEEP_SECONDS="0.5")
    odd = "".join(map(chr, [0xD83D, 0, 0x202E, 0x1B]))
    provider_double.script("hang_mid_stream", chunks=[f"odd {odd} text ", "x"], after=1)
    provider_double.script("chunks", chunks=["a "] * 14, gap_ms=300)
    visitor = visit(cast.edith, server=server)
    strange = accepted(visitor, openai_agent)
    assert eventually(Reply.objects.filter(text__startswith="odd ").exists)

    # It outlives two leases, each renewed by the same heartbeat.
    end = talk(visitor, openai_agent).end.data

    assert (end["state"], end["text"], end["charged"]) == ("completed", "a " * 14, 5)
    assert Reply.objects.get(pk=strange["reply"]).is_running
