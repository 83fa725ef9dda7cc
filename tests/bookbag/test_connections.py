"""Deadlines and room of the server's connections, told by a clock of the test's own."""

import asyncio
import resource
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from bookbag import connections
from bookbag.connections import Connection

HEAD = b"POST /help/ HTTP/1.1\r\nHost: bookbag.test\r\nContent-Length: 10\r\n"
WHOLE = b"GET /help/ HTTP/1.1\r\nHost: bookbag.test\r\n\r\n"
PROBE = b"GET /readyz HTTP/1.1\r\nHost: bookbag.test\r\n\r\n"


class Wire(asyncio.Transport):
    """Where a connection writes, and whether it has been ended, politely or not."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.end = ""

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return bool(self.end)

    def close(self) -> None:
        self.end = self.end or "closed"

    def abort(self) -> None:
        self.end = "aborted"

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def think(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(3600)


class Door:
    """Lets connections in, at a time that the test sets."""

    def __init__(self, app: Any) -> None:
        self.now = 1_000.0
        self.config = uvicorn.Config(app, http=Connection, ws="none", log_config=None, lifespan="off")
        self.config.load()
        self.state = ServerState()

    def open(self, *sent: bytes) -> tuple[Connection, Wire]:
        connection, wire = Connection(self.config, self.state, {}, asyncio.get_running_loop()), Wire()
        connection.connection_made(wire)
        for data in sent:
            connection.data_received(data)
        return connection, wire

    def after(self, seconds: float) -> None:
        self.now += seconds
        connections.look_at_all(self.state.connections)


@pytest.fixture
def at_the_door(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`at_the_door(test, app)`: runs `test(door)` on a loop."""
    monkeypatch.setattr(Connection, "waiting", {})

    def run(test: Callable[[Door], Any], app: Any = think) -> None:
        async def on_a_loop() -> None:
            door = Door(app)
            monkeypatch.setattr(connections.time, "monotonic", lambda: door.now)
            try:
                await test(door)
            finally:
                for task in door.state.tasks:
                    task.cancel()

        asyncio.run(on_a_loop())

    return run


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        ([], 15),
        ([b"GET /help"], 15),
        ([HEAD], 15),
        ([HEAD, b"\r\n", b"half"], 20),
        ([HEAD + b"\r\nhalf"], 20),
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half a body at once"],
)
def test_what_waits_for_its_client_has_an_end(
    at_the_door: Callable[..., None], sent: list[bytes], seconds: float
) -> None:
    async def test(door: Door) -> None:
        _, wire = door.open(*sent)
        door.after(seconds - 1)
        assert wire.end == ""
        door.after(2)
        assert wire.end == "aborted"

    at_the_door(test)


def test_head_that_trickles_in_has_no_longer(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        connection, wire = door.open(HEAD)
        for _ in range(14):
            door.after(1)
            connection.data_received(b"X-More: 1\r\n")
        door.after(2)
        assert wire.end == "aborted"

    at_the_door(test)


def test_body_that_goes_on_coming_has_two_minutes(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        connection, wire = door.open(HEAD.replace(b"10", b"1000") + b"\r\n")
        for _ in range(11):
            door.after(10)
            connection.data_received(b"x")
        assert wire.end == ""
        for _ in range(2):
            connection.data_received(b"x")
            door.after(10)
        assert wire.end == "aborted"

    at_the_door(test)


def test_request_that_is_being_answered_has_no_deadline(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        _, wire = door.open(WHOLE)
        door.after(3600)
        assert wire.end == ""

    at_the_door(test)


def test_kept_connection_ends_when_nothing_comes(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        connection, wire = door.open(WHOLE)
        await asyncio.sleep(0.01)
        assert wire.written.endswith(b"ok")
        door.after(74)
        assert wire.end == ""
        connection.data_received(b"GET ")
        door.after(14)
        assert wire.end == ""
        door.after(2)
        assert wire.end == "aborted"

    at_the_door(test, answer)


def test_answer_that_nobody_takes_ends(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        slow, ended = door.open(WHOLE)
        quick, left = door.open(WHOLE)
        slow.pause_writing()
        quick.pause_writing()
        quick.resume_writing()
        door.after(61)
        assert (ended.end, left.end) == ("aborted", "")

    at_the_door(test)


def test_closing_that_does_not_end_is_ended(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        _, wire = door.open(WHOLE)
        wire.close()
        door.after(1)
        door.after(62)
        assert wire.end == "aborted"

    at_the_door(test)


def test_head_has_bounds(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        connection, long_value = door.open(HEAD + b"X-Long: ")
        for _ in range(5):
            connection.data_received(b"x" * 16_000)
        _, many = door.open(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 300 + b"\r\n")
        _, long_path = door.open(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert long_value.written.startswith(b"HTTP/1.1 431 ")
        assert (long_value.end, many.end, long_path.end) == ("closed",) * 3
        assert many.written.startswith(b"HTTP/1.1 400 ")
        assert long_path.written.startswith(b"HTTP/1.1 400 ")

    at_the_door(test)


def test_longest_silent_makes_room_and_the_busy_never_does(
    at_the_door: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "most", 4)

    async def test(door: Door) -> None:
        (_, busy), (first, silent), (_, idle), (_, half) = (
            door.open(WHOLE),
            door.open(),
            door.open(),
            door.open(HEAD),
        )
        first.data_received(b"GET ")  # which makes `idle` the longest silent
        _, newcomer = door.open()
        assert (busy.end, silent.end, idle.end, half.end, newcomer.end) == ("", "", "aborted", "", "")

    at_the_door(test)


def test_where_all_are_busy_the_next_is_told_so_and_probes_are_answered(
    at_the_door: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "most", 4)
    monkeypatch.setattr(connections, "TOLD", 2)

    async def test(door: Door) -> None:
        busy = [door.open(WHOLE)[1] for _ in range(5)]
        _, told = door.open(WHOLE)
        _, probe = door.open(PROBE)
        await asyncio.sleep(0.01)
        assert told.written.startswith(b"HTTP/1.1 503 ")
        assert probe.written == b""  # the application has it, and thinks
        door.open(WHOLE)
        assert door.open()[1].end == "aborted"
        assert {wire.end for wire in busy} == {""}

    at_the_door(test)


@pytest.mark.parametrize(
    ("descriptors", "room"),
    [(1_024, 448), (256, 64), (64, 16), (65_536, 10_000), (resource.RLIM_INFINITY, 10_000)],
)
def test_room_is_what_the_descriptors_are_enough_for(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, room: int
) -> None:
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (descriptors, descriptors))

    assert connections.room() == room


@pytest.mark.parametrize(
    ("soft", "hard", "taken"),
    [
        (1_024, 4_096, 4_096),
        (1_024, 1_048_576, 20_128),
        (1_024, resource.RLIM_INFINITY, 20_128),
        (4_096, 4_096, None),
    ],
)
def test_limit_on_descriptors_is_raised_as_far_as_it_is_of_use(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, taken: int | None
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(connections.resource, "setrlimit", lambda _, limits: set_to.append(limits))
    connections.raise_descriptor_limit()

    assert set_to == ([] if taken is None else [(taken, hard)])
