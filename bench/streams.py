"""Many open streams at once: how late each token is, measured by its text, which is the time it was sent at.

The provider double's `-m` models write microseconds of CLOCK_MONOTONIC as tokens; this machine's clock
is the same for all its processes, so delay = now − stamp.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.machine import unique_memory

# Seconds after the first stream was opened. By then the last one is open and none has ended.
MEMORY_AFTER = 4.0
STAMP = re.compile(rb"(\d{9,}) ")


@dataclass(slots=True)
class Streams:
    """What `count` streams saw; `delays` in milliseconds, a token each."""

    count: int
    tokens_expected: int
    delays: list[float] = field(default_factory=list)
    whole: int = 0
    errors: int = 0
    # Megabytes of the server's own (USS) while all streams were open.
    memory: float = 0.0

    def percentile(self, share: float) -> float:
        values = sorted(self.delays)
        return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


async def open_streams(
    host: str,
    port: int,
    request: Callable[[int], bytes],
    *,
    count: int,
    tokens: int,
    last: bytes,
    seconds: float,
    pid: int | None = None,
) -> Streams:
    """Open `count` streams within two seconds of each other and read each to its end, at most `seconds`.

    `pid` is the server's, to be weighed while all are open.
    """
    assert host in {"127.0.0.1", "localhost"}, "load goes to loopback only"
    seen = Streams(count, tokens)

    async def one(number: int) -> None:
        await asyncio.sleep(2 * number / count)
        try:
            async with asyncio.timeout(seconds):
                await _read_one(host, port, request(number), last, seen)
        except (OSError, EOFError, TimeoutError):
            seen.errors += 1

    async def weigh() -> None:
        await asyncio.sleep(MEMORY_AFTER)
        if pid:
            seen.memory = await asyncio.to_thread(unique_memory, pid)

    await asyncio.gather(weigh(), *(one(number) for number in range(count)))
    return seen


async def _read_one(host: str, port: int, request: bytes, last: bytes, seen: Streams) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=2**20)
    writer.write(request)
    rest, got, ended = b"", 0, False
    try:
        while not ended:
            data = await reader.read(65536)
            now = time.monotonic_ns() / 1000
            if not data:
                break
            rest += data
            # The terminal event repeats the whole text, so no token after the event's name is timed.
            text, marker, _ = rest.partition(last)
            ended = bool(marker)
            end = 0
            for match in STAMP.finditer(text):
                seen.delays.append((now - int(match[1])) / 1000)
                got += 1
                end = match.end()
            rest = rest[end:]
        seen.whole += ended and got == seen.tokens_expected
    finally:
        writer.close()
