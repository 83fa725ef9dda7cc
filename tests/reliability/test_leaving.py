"""Clients who open a reply stream and vanish leave nothing behind: no thread, socket, session or hold.

And what they asked for is answered, stored and charged as if they had stayed.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest
from django.conf import settings
from django.db import transaction

from agents.models import Agent, Reply
from billing import ledger
from billing.models import Account, Hold
from bookbag import onboarding
from tests.factories import add_member, make_user
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import (
    EVENT_STREAM,
    bring_key,
    csrf,
    parse_events,
    platform_key,
    send,
    watch,
)
from tests.harness.crowd import CSRF, Press, press_by
from tests.harness.database import other_sessions
from tests.harness.figures import Figure
from tests.harness.live import Server, new_server
from tests.harness.visitor import Visit, session_cookie
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

MODEL, PRICE = "gpt-4o-mini", 1
TOKENS = [f"wörd{number} " for number in range(20)]
WHOLE = "".join(TOKENS)
GAP = 0.075
STREAM_SECONDS = GAP * len(TOKENS)
# Only a failing wait takes them.
SECONDS = 30.0
POOL = 20
# The pool's, and the one on which a process hears from others.
SESSIONS = POOL + 1
# How a message is sent: with the stream as its answer, with a second request for the stream, as a form.
ACCEPTS = (EVENT_STREAM, "application/json", "text/html")


@pytest.fixture(scope="module")
def counted_server(django_db_setup: None, double_process: Double, collected_static: None) -> Iterator[Server]:
    """The real server with a window through which the living are counted."""
    server = new_server("counted", double_process, {"DATABASE_POOL_SIZE": str(POOL)})
    server.application = "tests.reliability.counting_asgi.application"
    yield server.start()
    server.stop()


# --- Counting --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Census:
    """What a server has open: with clients, with the provider, with PostgreSQL, and inside."""

    clients: int
    upstream: int
    half_closed: int
    files: int
    sessions: int
    in_transaction: int
    threads: int
    runs: int
    tasks: dict[str, int]

    def leaks(self, before: "Census") -> dict[str, Any]:
        """What there is more of than `before`; pools may have shrunk, and the database's may have grown to its size."""
        more = {
            name: (was, now)
            for name, was, now in self._pairs(before)
            if now > (max(was, SESSIONS) if name == "sessions" else was)
        }
        tasks = Counter(self.tasks) - Counter(before.tasks)
        return more | ({"tasks": dict(tasks)} if tasks else {})

    def _pairs(self, before: "Census") -> Iterator[tuple[str, int, int]]:
        for name in self.__dataclass_fields__:
            if name != "tasks":
                yield name, getattr(before, name), getattr(self, name)


def census(server: Server, double: Double) -> Census:
    process = psutil.Process(server.pid)
    port, upstream = (int(url.rpartition(":")[2]) for url in (server.url, double.url))
    inside, own_port = _inside(server)
    # The server may still be closing the connection by which it was asked.
    assert eventually(lambda: own_port not in {one.raddr.port for one in _sockets(process)}, seconds=SECONDS)
    sockets = _sockets(process)
    sessions, in_transaction = other_sessions()
    return Census(
        clients=sum(one.laddr.port == port for one in sockets),
        upstream=sum(one.raddr.port == upstream for one in sockets),
        half_closed=sum(one.status not in ("ESTABLISHED", "TIME_WAIT") for one in sockets),
        files=process.num_fds() - len(_files_of_sqlite(process)) - sessions,
        sessions=sessions,
        in_transaction=in_transaction,
        threads=process.num_threads(),
        runs=inside["runs"],
        tasks=inside["tasks"],
    )


def _inside(server: Server) -> tuple[dict[str, Any], int]:
    """What the server says is alive in it, and the port that it was asked from."""
    client = httpx.Client(base_url=server.url, trust_env=False, timeout=30)
    with client, client.stream("GET", "/alive/") as response:
        own_port = response.extensions["network_stream"].get_extra_info("client_addr")[1]
        return json.loads(response.read()), own_port


def _files_of_sqlite(process: psutil.Process) -> list[Any]:
    """It keeps those of a closed connection for the next one: as many as there ever were at once, which is no leak."""
    return [file for file in process.open_files() if ".sqlite3" in file.path]


def _sockets(process: psutil.Process) -> list[Any]:
    return [one for one in process.net_connections("inet") if one.raddr]


# --- Leaving ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Guest:
    """Somebody who sends a message and leaves after so many seconds; None stays to the end."""

    press: Press
    accept: str
    leaves: float | None


async def come_and_go(client: httpx.AsyncClient, guest: Guest) -> None:
    """Leaving closes the socket, wherever the exchange happens to be."""
    with suppress(TimeoutError):
        async with asyncio.timeout(guest.leaves):
            await ask(client, guest)


async def ask(client: httpx.AsyncClient, guest: Guest) -> None:
    cookies = f"{settings.SESSION_COOKIE_NAME}={guest.press.session}; {settings.CSRF_COOKIE_NAME}={CSRF}"
    headers = {"accept": guest.accept, "x-csrftoken": CSRF, "cookie": cookies}
    form = {"text": guest.press.text, "idempotency_key": guest.press.key}
    async with client.stream("POST", guest.press.path, data=form, headers=headers) as response:
        body = await response.aread()
    if guest.accept == "application/json":
        headers["accept"] = EVENT_STREAM
        async with client.stream("GET", json.loads(body)["stream"], headers=headers) as response:
            body = await response.aread()
    if guest.accept == "text/html":
        assert response.status_code == 302, body
    else:
        assert list(parse_events(body.decode().split("\n")))[-1].data["text"] == WHOLE


def visited_by(server: Server, guests: list[Guest]) -> None:
    async def all_at_once() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=server.url, limits=limits, timeout=60, trust_env=False
        ) as client:
            await asyncio.gather(*(come_and_go(client, guest) for guest in guests))

    asyncio.run(all_at_once())


@dataclass(frozen=True)
class Party:
    cast: Cast
    server: Server
    double: Double
    agents: list[Agent]
    chance: random.Random


@pytest.fixture
def party(cast: Cast, counted_server: Server, provider_double: Double, chance: random.Random) -> Party:
    platform_key()
    bring = onboarding.create_workspace(name="Bring", owner=make_user(), slug="bring")
    add_member(bring, "editor", cast.edith)
    bring_key(bring)
    ledger.grant(
        cast.acme.account, amount=1000, kind="purchase", external_id="t", reason="a test", actor=None
    )
    provider_double.script("chunks", times=None, chunks=TOKENS, gap_ms=GAP * 1000)
    agents = [make_agent(cast.acme, MODEL), make_agent(bring, MODEL)]
    return Party(cast, counted_server, provider_double, agents, chance)


def guests(party: Party, number: int, *, patient: bool) -> list[Guest]:
    """A third leaves before the first byte, the others at any moment until after the last chunk."""
    session = session_cookie(party.cast.edith)
    moments = [
        party.chance.uniform(0, 0.25 if one % 3 == 0 else STREAM_SECONDS * 1.2) for one in range(number)
    ]
    return [
        Guest(
            press_by(session, party.agents[one % 2], f"Guest {one}"),
            ACCEPTS[one // 2 % 3],
            None if patient else moment,
        )
        for one, moment in enumerate(moments)
    ]


def leave_in_the_middle(party: Party, number: int, figure: Figure) -> None:
    # As many who stay fill the pools first.
    visited_by(party.server, guests(party, number, patient=True))
    assert eventually(lambda: quiet(party), seconds=SECONDS)
    before, earlier = census(party.server, party.double), Reply.objects.count()
    posted = ledger.balance(party.cast.acme).posted

    visited_by(party.server, guests(party, number, patient=False))

    assert eventually(lambda: party.double.stats()["open_streams"] == 0, seconds=SECONDS)
    began = time.monotonic()
    leaks = eventually(lambda: not census(party.server, party.double).leaks(before), seconds=SECONDS)
    assert leaks, census(party.server, party.double).leaks(before)
    assert eventually(lambda: quiet(party), seconds=SECONDS)
    took = time.monotonic() - began

    answered = Reply.objects.order_by("created_at")[earlier:]
    assert {(reply.state, reply.text) for reply in answered} == {("completed", WHOLE)}
    assert len(party.double.calls(bodies=False)) == earlier + len(answered)
    on_credits = [reply for reply in answered if reply.billing == "credits"]
    assert {(reply.billing, reply.charged) for reply in answered} == {("credits", PRICE), ("byo", 0)}
    assert ledger.balance(party.cast.acme) == ledger.Balance(posted - PRICE * len(on_credits), 0)
    figure(f"{number} clients who vanish, replies that were accepted and are whole", len(answered))
    figure(f"{number} clients who vanish, tasks, threads and sockets left over after {took:.1f} s", 0)


def quiet(party: Party) -> bool:
    """Every reply is settled, and no hold is open."""
    return not (
        Reply.objects.filter(state__in=Reply.RUNNING).exists() or Hold.objects.filter(state="held").exists()
    )


def test_clients_who_vanish_leave_nothing_behind(party: Party, visit: Visit, figure: Figure) -> None:
    leave_in_the_middle(party, 20, figure)

    visitor = visit(party.cast.edith, server=party.server)
    for reply in Reply.objects.select_related("workspace"):
        end = watch(visitor, f"/w/{reply.workspace.slug}/replies/{reply.pk}/stream/").end
        assert (end.kind, end.data["text"]) == ("done", WHOLE)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_hundred_clients_who_vanish_leave_nothing_behind(party: Party, figure: Figure) -> None:
    leave_in_the_middle(party, 100, figure)


@pytest.mark.parametrize("accept", ACCEPTS)
def test_sender_who_leaves_while_the_message_is_being_accepted_is_answered(
    party: Party, visit: Visit, accept: str
) -> None:
    visitor = visit(party.cast.edith, server=party.server)
    csrf(visitor)
    visitor.timeout = httpx.Timeout(0.5)
    with transaction.atomic():
        # Accepting waits for this account; on SQLite, for the whole database.
        Account.objects.select_for_update().get(workspace=party.cast.acme)
        with pytest.raises(httpx.ReadTimeout):
            send(visitor, party.agents[0], "I am off", accept=accept)
        time.sleep(0.2)

    assert eventually(Reply.objects.filter(state="completed").exists, seconds=SECONDS)
    reply = Reply.objects.get()
    assert (reply.question, reply.text, reply.charged) == ("I am off", WHOLE, PRICE)
