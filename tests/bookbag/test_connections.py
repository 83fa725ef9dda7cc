"""Deadlines and limits of the server's connections, tested with a clock of the test's own."""

import asyncio
import resource
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from bookbag.server import connections, serving
from bookbag.server.connections import Connection

HEAD = b"POST /help/ HTTP/1.1\r\nHost: bookbag.test\r\nContent-Length: 10\r\n"
WHOLE = b"GET /help/ HTTP/1.1\r\nHost: bookbag.test\r\n\r\n"
PROBE = b"GET /readyz HTTP/1.1\r\nHost: bookbag.test\r\n\r\n"


class Wire(asyncio.Transport):
    """Where a connection writes, and whether it has been ended, politely or not."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.end = ""

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return bool(self.end)

    def close(self) -> None:
        self.end = self.end or "closed"

    def abort(self) -> None:
        self.end = "aborted"

    def get_write_buffer_size(self) -> int:
        return self.unsent

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
        connections.look_at_all(self.state.connections, self.now)


@pytest.fixture
def at_the_door(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`at_the_door(test, app)`: runs `test(door)` on a loop."""
    monkeypatch.setattr(Connection, "waiting", {})

    def run(test: Callable[[Door], Any], app: Any = think) -> None:
        async def on_a_loop() -> None:
            door = Door(app)
            monkeypatch.setattr(connections, "monotonic", lambda: door.now)
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


def test_request_that_came_with_the_one_before_has_no_deadline_either(
    at_the_door: Callable[..., None],
) -> None:
    asked: list[str] = []

    async def think_the_second_time(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await (answer if len(asked) == 1 else think)(scope, receive, send)

    async def test(door: Door) -> None:
        _, wire = door.open(WHOLE + WHOLE)
        await asyncio.sleep(0.01)
        assert len(asked) == 2
        assert not Connection.waiting
        door.after(3600)
        assert wire.end == ""

    at_the_door(test, think_the_second_time)


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


def test_answer_that_is_taken_slowly_does_not_end(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        connection, wire = door.open(WHOLE)
        connection.pause_writing()
        for wire.unsent in range(500_000, 100_000, -100_000):
            door.after(50)
            assert wire.end == ""
        door.after(59)
        assert wire.end == ""
        door.after(2)
        assert wire.end == "aborted"

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
        _, whole = door.open(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n")
        _, in_parts = door.open(b"GET / HTTP/1.1\r\n" + (b"X-A: " + b"x" * 1_000 + b"\r\n") * 70 + b"\r\n")
        refused = (long_value, many, long_path, whole, in_parts)
        assert [wire.written[:13] for wire in refused] == [b"HTTP/1.1 431 "] * 5
        assert [wire.end for wire in refused] == ["closed"] * 5
        assert door.state.tasks == set()

    at_the_door(test)


def test_head_within_the_bounds_is_taken_however_it_arrives(at_the_door: Callable[..., None]) -> None:
    head = b"GET / HTTP/1.1\r\n" + (b"X-A: " + b"x" * 1_000 + b"\r\n") * 60 + b"\r\n"

    async def test(door: Door) -> None:
        # The second of them begins in the same read in which a long body ends.
        long_body = HEAD.replace(b"10", b"60000") + b"\r\n" + b"x" * 59_000
        wires = [
            door.open(head)[1],
            door.open(head[:100], head[100:])[1],
            door.open(long_body, b"x" * 1_000 + head[:60_000], head[60_000:])[1],
        ]
        await asyncio.sleep(0.01)
        assert [wire.written.count(b"HTTP/1.1 200 ") for wire in wires] == [1, 1, 2]

    at_the_door(test, answer)


def test_fields_after_the_body_are_none_of_the_head(at_the_door: Callable[..., None]) -> None:
    given: list[list[tuple[bytes, bytes]]] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        given.append(scope["headers"])
        await answer(scope, receive, send)

    head = b"POST / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    forged = b"4\r\nbody\r\n0\r\nX-Forwarded-For: 192.0.2.66\r\nCookie: a=b\r\n\r\n"

    async def test(door: Door) -> None:
        _, wire = door.open(head + forged + WHOLE)
        await asyncio.sleep(0.01)
        assert wire.written.count(b"HTTP/1.1 200 ") == 2
        _, flood = door.open(head + b"0\r\n" + b"X-A: b\r\n" * 20_000)
        assert flood.end == "closed"
        names = [name for name, _ in given[0]]
        assert names == [b"x-forwarded-for", b"transfer-encoding"]
        assert dict(given[0])[b"x-forwarded-for"] == b"192.0.2.1"

    at_the_door(test, note)


UPGRADE = b" / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n"


@pytest.mark.parametrize("length", [b"Content-Length: %d" % len(WHOLE), b"Transfer-Encoding: chunked"])
def test_body_behind_an_upgrade_is_never_read_as_a_request(
    at_the_door: Callable[..., None], length: bytes
) -> None:
    async def test(door: Door) -> None:
        connection, wire = door.open(b"POST" + UPGRADE + length + b"\r\n\r\n")
        await asyncio.sleep(0.01)
        if not wire.end:
            connection.data_received(WHOLE)
            await asyncio.sleep(0.01)
        assert wire.written.count(b"HTTP/1.1 ") == 1
        assert wire.written.startswith(b"HTTP/1.1 400 ")
        assert wire.end == "closed"

    at_the_door(test, answer)


def test_upgrade_that_we_do_not_know_is_passed_over_and_ends_the_connection(
    at_the_door: Callable[..., None],
) -> None:
    async def test(door: Door) -> None:
        _, wire = door.open(b"GET" + UPGRADE + b"\r\n")
        await asyncio.sleep(0.01)
        assert wire.written.startswith(b"HTTP/1.1 200 ")
        assert wire.end == "closed"

    at_the_door(test, answer)


def test_what_is_no_http_is_answered_as_such(at_the_door: Callable[..., None]) -> None:
    async def test(door: Door) -> None:
        _, wire = door.open(b"\x16\x03\x01 hello")
        assert wire.written.startswith(b"HTTP/1.1 400 ")
        assert wire.end == "closed"

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


def test_process_that_was_paused_reads_before_it_decides(
    at_the_door: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(door: Door) -> None:
        server = serving.Server(door.config)
        server.server_state = door.state
        monkeypatch.setattr(serving, "monotonic", lambda: door.now)

        async def tick(counter: int, seconds: float = 0.1) -> None:
            door.now += seconds
            await server.on_tick(counter)

        connection, wire = door.open(HEAD, b"\r\n", b"half")
        _, silent = door.open(HEAD, b"\r\n", b"half")
        await tick(9)
        await tick(10, seconds=600)
        assert (wire.end, silent.end) == ("", "")
        # What the loop reads now had arrived long ago.
        connection.data_received(b"half..")
        await tick(19)
        await tick(20)
        assert (wire.end, silent.end) == ("", "aborted")

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
