"""Two instances behind nginx, with the settings as shipped, that stop or are killed while twenty replies stream.

No text that was read is lost, except that of the last second before a process is killed. Nothing is charged wrongly, and
every reader gets a terminal event.
"""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest
from django.db import connection

from agents.models import Agent, Reply
from billing import ledger
from billing.models import Hold
from tests.agents.scenes import give_plenty
from tests.deploy.test_proxies import BEHIND, Arrive, arrive  # noqa: F401  (a fixture)
from tests.harness import cluster
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import EVENT_STREAM, Event, accepted, parse_events, platform_key, sse_lines
from tests.harness.live import Server, StartServer
from tests.harness.proxies import StartProxy
from tests.harness.visitor import Visitor
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [
    pytest.mark.soak,
    pytest.mark.money,
    pytest.mark.timeout(900),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="several instances need PostgreSQL"),
]

READERS = 20
TOKENS = [f"w{number} " for number in range(60)]  # a reply of twelve seconds
WHOLE = "".join(TOKENS)
PATIENT = 300.0
# Text is stored once a second; a busy machine may take as long again.
STORED_WITHIN = 2.5
# The settings that operators get by default, with no time shortened for the tests.
SHIPPED = BEHIND | {"DRAIN_NOTICE_SECONDS": "3", "DRAIN_SECONDS": "330"}


@dataclass
class Reader:
    """One member who reads a reply to its end and comes back whenever the stream is cut."""

    visitor: Visitor
    path: str
    text: str = ""
    end: Event | None = None
    cuts: int = 0
    last_id: str = ""
    # How many characters had been read at which time: (time, characters).
    read_by: list[tuple[float, int]] = field(default_factory=list)
    until: float = field(default_factory=lambda: time.monotonic() + PATIENT)

    def text_read_by(self, moment: float) -> str:
        return self.text[: max((length for when, length in self.read_by if when <= moment), default=0)]

    def read(self) -> None:
        while self.end is None and time.monotonic() < self.until:
            with contextlib.suppress(httpx.TransportError, KeyError):
                self._attach()
            if self.end is None:
                self.cuts += 1
                time.sleep(0.5)

    def _attach(self) -> None:
        headers = {"accept": EVENT_STREAM} | ({"last-event-id": self.last_id} if self.last_id else {})
        with self.visitor.stream("GET", self.path, headers=headers, timeout=60) as response:
            if response.headers.get("content-type") != EVENT_STREAM:
                return  # the proxy reached no instance, or the instance no database
            for event in parse_events(sse_lines(response)):
                self.last_id = event.id
                self.text += event.data.get("text", "") if event.kind == "text" else ""
                self.read_by.append((time.monotonic(), len(self.text)))
                if event.kind in ("done", "error"):
                    self.end = event
                    return


@dataclass
class House:
    """Both servers, and twenty readers of replies that have just begun."""

    servers: list[Server]
    readers: list[Reader]
    threads: list[threading.Thread]
    # When an instance was killed. Text is stored once a second, so what was read in the second before may be lost.
    killed_at: float | None = None

    def wait(self) -> None:
        for thread in self.threads:
            thread.join(PATIENT)


@pytest.fixture
def house(
    cast: Cast,
    start_server: StartServer,
    start_proxy: StartProxy,
    provider_double: Double,
    arrive: Arrive,  # noqa: F811
) -> House:
    platform_key()
    give_plenty(cast)
    servers = [start_server(**SHIPPED), start_server(**SHIPPED)]
    proxy = start_proxy("nginx", *servers)
    agent = make_agent(cast.acme, "gpt-4o")
    for _ in range(READERS):
        provider_double.script("chunks", chunks=TOKENS, gap_ms=200)
    with ThreadPoolExecutor(READERS) as pool:
        visitors = [arrive(proxy, cast.edith) for _ in range(READERS)]
        readers = list(pool.map(lambda visitor: _begin(visitor, agent), visitors))
    threads = [threading.Thread(target=reader.read, daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    assert eventually(lambda: all(reader.text for reader in readers), seconds=30)
    return House(servers, readers, threads)


def _begin(visitor: Visitor, agent: Agent) -> Reader:
    return Reader(visitor, accepted(visitor, agent)["stream"])


def nothing_runs() -> bool:
    running = Reply.objects.filter(state__in=Reply.RUNNING)
    return not running.exists() and not Hold.objects.filter(state="held").exists()


def assert_nothing_is_lost(house: House, cast: Cast, *, before: int) -> dict[str, int]:
    """Each reader got a terminal event, has read what is stored, and paid only for a whole reply. Returns the states."""
    assert eventually(nothing_runs, seconds=120)
    stored = {str(reply.pk): reply for reply in Reply.objects.all()}
    states: dict[str, int] = {}
    for reader in house.readers:
        reply = stored[reader.path.split("/")[-3]]
        states[reply.state] = states.get(reply.state, 0) + 1
        assert reader.end is not None, f"no end for a reply that is {reply.state}"
        if reply.state == "failed" and house.killed_at:
            assert reply.text.startswith(reader.text_read_by(house.killed_at - STORED_WITHIN))
        else:
            assert reply.text.startswith(reader.text)
        assert reply.charged == 0 or (reply.state, reply.text) == ("completed", WHOLE)
    charged = sum(reply.charged for reply in stored.values())
    assert ledger.balance(cast.acme) == ledger.Balance(before - charged, 0)
    return states


def posted(cast: Cast) -> int:
    """Acme's posted credits, which holds do not change."""
    return ledger.balance(cast.acme).posted


@pytest.mark.parametrize("number", [0, 1])
def test_either_is_killed(cast: Cast, house: House, number: int) -> None:
    before = posted(cast)
    house.killed_at = time.monotonic()
    house.servers[number].kill()
    time.sleep(3)
    house.servers[number].start()
    house.wait()

    states = assert_nothing_is_lost(house, cast, before=before)

    assert states.get("completed", 0) > 0  # the replies of the other instance
    assert states.get("completed", 0) + states.get("failed", 0) == READERS


@pytest.mark.parametrize("number", [0, 1])
def test_either_is_told_to_stop(cast: Cast, house: House, number: int) -> None:
    before = posted(cast)
    house.servers[number].process.terminate()  # type: ignore[union-attr]
    assert house.servers[number].process.wait(120) == 0  # type: ignore[union-attr]
    house.wait()

    assert assert_nothing_is_lost(house, cast, before=before) == {"completed": READERS}
    assert all(reader.text == WHOLE for reader in house.readers)
    assert sum(Reply.objects.values_list("charged", flat=True)) == READERS * 5


def test_frozen_database_of_twenty_seconds(cast: Cast, house: House) -> None:
    before = posted(cast)
    with cluster.frozen():
        time.sleep(20)
    house.wait()

    assert assert_nothing_is_lost(house, cast, before=before) == {"completed": READERS}
    assert all(reader.text == WHOLE for reader in house.readers)


def test_database_that_is_gone_for_two_minutes(cast: Cast, house: House) -> None:
    before = posted(cast)
    with cluster.stopped():
        time.sleep(120)
    house.wait()

    states = assert_nothing_is_lost(house, cast, before=before)

    assert states == {"completed": READERS}  # charged, or free if the sweep came first
    assert all(reply.text == WHOLE for reply in Reply.objects.all())
