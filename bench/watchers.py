"""The cost of showing another process's replies: CPU beside the streams, and how long sends take meanwhile.

Replies run in one Bookbag. A thousand members watch them through a second one on the same database, which also takes
messages of its own.
"""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import uvloop

from bench import load, targets
from bench.machine import Meter
from bench.report import Table, spread
from bench.seeding import Seat
from bench.servers import Process
from bench.stage import REPLY, STREAM, Stage

REPLIES = 100
WATCHERS = (0, 200, 1000)
SEND_EVERY = 0.25
# A reply takes eight seconds. Its watchers arrive one after the other; measuring begins when all of them watch.
COMING_SECONDS = 2.0
SETTLING_SECONDS = 0.5
MEASURED_SECONDS = 4.0
SECONDS = 60.0


@dataclass
class Seen:
    """Shares of a core; milliseconds to the acceptance of a message sent meanwhile; watchers that saw the end."""

    cpu: list[float] = field(default_factory=list)
    sends: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def measure(stage: Stage) -> list[Table]:
    home, elsewhere = stage.server, stage.bookbag("chat")
    seen = {count: Seen() for count in WATCHERS}
    for _ in range(min(stage.rounds, 2)):
        for count in WATCHERS:
            uvloop.run(_round(stage.seats, home, elsewhere, count, seen[count]))
    table = Table(
        f"Watching the {REPLIES} running replies of another process, 20 tokens a second each",
        ["watchers", "CPU of a core, %", "a send meanwhile p50 (ms)", "slowest (ms)", "saw the end"],
    )
    for count, one in seen.items():
        whole = f"{100 * min(one.whole):.0f} %" if count else "–"
        table.rows.append([str(count), spread(one.cpu), spread(one.sends), spread(one.slowest), whole])
    table.notes.append("With 0 watchers: what the process spends on the messages that it is sent.")
    table.data = {f"x{count}": vars(one) for count, one in seen.items()}
    return [table]


async def _round(seats: list[Seat], home: Process, elsewhere: Process, count: int, seen: Seen) -> None:
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(trust_env=False, limits=limits, timeout=SECONDS) as client:
        streams = await asyncio.gather(
            *(_ask(client, home, seat, STREAM, f"message {n}") for n, seat in enumerate(seats[:REPLIES]))
        )
        watching = []
        for number in range(count):
            n = number % REPLIES
            watching.append(asyncio.create_task(_watch(elsewhere, seats[n], streams[n])))
            await asyncio.sleep(COMING_SECONDS / count)
        await asyncio.sleep(SETTLING_SECONDS)
        sending = asyncio.create_task(_send(client, elsewhere, seats[REPLIES : 2 * REPLIES]))
        with Meter([elsewhere.pid]) as meter:
            await asyncio.sleep(MEASURED_SECONDS)
        sending.cancel()
        times = sorted(await sending)
        endings = await asyncio.gather(*watching)
    seen.cpu.append(100 * meter.cpu / meter.wall)
    seen.sends.append(times[len(times) // 2])
    seen.slowest.append(times[-1])
    seen.whole.append(sum(endings) / count if count else 1.0)


async def _ask(client: httpx.AsyncClient, server: Process, seat: Seat, model: str, text: str) -> str:
    """Send a message; returns the path of the reply's stream."""
    agent, conversation = seat.agents[model]
    answer = await client.post(
        f"http://127.0.0.1:{server.port}/w/{seat.slug}/agents/{agent}/messages/",
        data={"text": text, "conversation": conversation, "idempotency_key": uuid4().hex},
        headers={
            "Accept": "application/json",
            "Cookie": f"session={seat.session}; csrftoken={targets.CSRF}",
            "X-CSRFToken": targets.CSRF,
        },
    )
    answer.raise_for_status()
    return str(answer.json()["stream"])


async def _watch(server: Process, seat: Seat, path: str) -> bool:
    """Whether the watcher received the end of the reply."""
    head = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: text/event-stream",
        f"Cookie: session={seat.session}",
    ]
    connection = load.Connection("127.0.0.1", server.port)
    try:
        request = ("\r\n".join(head) + "\r\n\r\n").encode()
        answer = await asyncio.wait_for(
            connection.ask(request, first=b"event: text", last=b"event: done"), SECONDS
        )
    except (OSError, EOFError, TimeoutError):
        return False
    finally:
        connection.close()
    return answer.whole


async def _send(client: httpx.AsyncClient, server: Process, seats: list[Seat]) -> list[float]:
    """Send a message every SEND_EVERY until cancelled; returns the milliseconds that each took to be accepted."""
    times: list[float] = []
    try:
        while True:
            began = time.perf_counter()
            await _ask(client, server, seats[len(times) % len(seats)], REPLY, "meanwhile")
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(SEND_EVERY)
    except asyncio.CancelledError:
        return times
