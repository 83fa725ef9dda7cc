"""A load generator: one asyncio process, hand-read HTTP/1.1, closed loop, keep-alive, loopback only.

A *shot* is one request and what counts as its end. Latencies in milliseconds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

LINE_END = b"\r\n"


@dataclass(slots=True)
class Answer:
    """One answered request: status, seconds to the first text and to the end, tokens seen, error if any."""

    status: int
    first_text: float
    total: float
    text_events: int
    whole: bool


@dataclass(slots=True)
class Run:
    """The results of a closed loop of `connections` over `seconds`."""

    connections: int
    seconds: float
    answers: list[Answer] = field(default_factory=list)
    errors: int = 0

    @property
    def rate(self) -> float:
        return len(self.answers) / self.seconds

    def percentile(self, share: float, of: str = "total") -> float:
        values = sorted(getattr(answer, of) * 1000 for answer in self.answers)
        return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


class Connection:
    """One keep-alive connection to a loopback server."""

    def __init__(self, host: str, port: int) -> None:
        assert host in {"127.0.0.1", "localhost"}, "load goes to loopback only"
        self.host, self.port = host, port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes, *, first: bytes, last: bytes) -> Answer:
        """Send one request; `first` marks the first text in the body, `last` a whole ending."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=2**20)
        assert self.reader is not None
        started = time.perf_counter()
        self.writer.write(request)
        status, length, chunked = await self._head()
        body, first_at = bytearray(), 0.0
        async for piece in self._body(length, chunked):
            body += piece
            if not first_at and first in body:
                first_at = time.perf_counter()
        ended = time.perf_counter()
        return Answer(status, (first_at or ended) - started, ended - started, body.count(first), last in body)

    async def _head(self) -> tuple[int, int, bool]:
        assert self.reader is not None
        head = await self.reader.readuntil(LINE_END * 2)
        lines = head.lower().split(LINE_END)
        fields = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
        return (
            int(lines[0].split(b" ")[1]),
            int(fields.get(b"content-length", b"0")),
            fields.get(b"transfer-encoding") == b"chunked",
        )

    async def _body(self, length: int, chunked: bool) -> AsyncIterator[bytes]:
        assert self.reader is not None
        if not chunked:
            if length:
                yield await self.reader.readexactly(length)
            return
        while True:
            size = int((await self.reader.readuntil(LINE_END))[:-2], 16)
            piece = await self.reader.readexactly(size + 2)
            if not size:
                return
            yield piece[:-2]

    def close(self) -> None:
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None


async def closed_loop(
    host: str,
    port: int,
    request: Callable[[int], bytes],
    *,
    connections: int,
    seconds: float,
    first: bytes,
    last: bytes,
) -> Run:
    """`connections` workers, each sending its next request when the last is answered."""
    run = Run(connections, seconds)
    deadline = time.perf_counter() + seconds
    counter = 0

    async def worker() -> None:
        nonlocal counter
        connection = Connection(host, port)
        while time.perf_counter() < deadline:
            counter += 1
            try:
                answer = await connection.ask(request(counter), first=first, last=last)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                run.errors += 1
                connection.close()
                continue
            if answer.status == 200 and answer.whole:
                run.answers.append(answer)
            else:
                run.errors += 1
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(connections)))
    run.seconds = time.perf_counter() - started
    return run
