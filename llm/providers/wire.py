"""The wire under both twins: HTTP clients with caps, server-sent events, and errors made ours.

The official SDKs keep authentication, URLs, errors and connection pools. Their per-chunk objects
cost more than the rest of a reply, so the event stream is read raw from the SDK's own response
(docs/decisions/0006-raw-events.md).
"""

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import openai

from llm.providers.base import Fault, Limits, Outcome, ProviderError, RevealsSecret
from llm.providers.base import Finish as FinishReason

ERROR_BODY_BYTES = 64 * 1024
LIST_BYTES = 4 * 1024 * 1024
# An event this long is none: all the text that a reply may have would fit into it.
EVENT_BYTES = 512 * 1024
POOL = httpx2.Limits(max_connections=2000, max_keepalive_connections=200, keepalive_expiry=30)
# As json.loads, less its guessing at the encoding of each event: events are UTF-8.
_decode = json.JSONDecoder().decode
# Compression would let a few bytes on the wire become gigabytes here.
HEADERS = {"Accept-Encoding": "identity"}


def _refuse_compression(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("compressed response refused", request=response.request)


async def _guard(response: httpx2.Response) -> None:
    """Before a body is read: refuse a compressed one, and cap that of an error."""
    _refuse_compression(response)
    if response.is_error:
        response.stream = _Capped(response.stream, ERROR_BODY_BYTES)  # type: ignore[arg-type]


class _Capped(httpx2.AsyncByteStream):
    """At most `size` bytes of `inner`; what comes after is dropped unread."""

    def __init__(self, inner: httpx2.AsyncByteStream, size: int) -> None:
        self.inner, self.size = inner, size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self.size
        async for chunk in self.inner:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self.inner.aclose()


def bearer(secret: RevealsSecret) -> str:
    """The Authorization header's value. ProviderError REJECTED for a secret that fits no header.

    Header libraries quote an unfit value in their error, so none may get that far.
    """
    if not (secret.reveal().isascii() and secret.reveal().isprintable()):
        raise ProviderError(Fault.REJECTED, note="the secret fits no header")
    return f"Bearer {secret.reveal()}"


def async_client() -> httpx2.AsyncClient:
    """One pool for one provider and event loop: no redirects, no compression, capped error bodies."""
    return openai.DefaultAioHttpClient(
        limits=POOL,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [_guard]},
        trust_env=False,
    )


class _Bounded(httpx2.SyncByteStream):
    """At most `size` bytes of `inner`, until `deadline`: each byte in time is not the whole in time."""

    def __init__(self, inner: httpx2.SyncByteStream, size: int, deadline: float) -> None:
        self.inner, self.size, self.deadline = inner, size, deadline

    def __iter__(self) -> Iterator[bytes]:
        left = self.size
        for chunk in self.inner:
            left -= len(chunk)
            if left < 0 or time.monotonic() > self.deadline:
                raise httpx2.ReadTimeout("too much or too slow")
            yield chunk

    def close(self) -> None:
        self.inner.close()


def sync_client(seconds: float) -> httpx2.Client:
    """For the rare token-free checks from ordinary views and commands; nothing is pooled."""
    deadline = time.monotonic() + seconds

    def guard(response: httpx2.Response) -> None:
        _refuse_compression(response)
        response.stream = _Bounded(response.stream, LIST_BYTES, deadline)  # type: ignore[arg-type]

    return httpx2.Client(
        timeout=seconds,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [guard]},
        trust_env=False,
    )


def timeout(limits: Limits) -> httpx2.Timeout:
    return httpx2.Timeout(
        connect=limits.connect_seconds,
        read=limits.first_byte_seconds,
        write=limits.first_byte_seconds,
        pool=limits.connect_seconds,
    )


def retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds from a Retry-After header in either form; None for junk, absence or the past."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    seconds = moment.timestamp() - time.time()
    return seconds if seconds > 0 else None


BY_STATUS = {
    401: Fault.REJECTED,
    402: Fault.NO_FUNDS,
    403: Fault.REJECTED,
    404: Fault.MODEL_MISSING,
    408: Fault.UNAVAILABLE,
    413: Fault.TOO_LARGE,
    429: Fault.RATE_LIMITED,
}


def fault_of_status(status: int, code: str) -> Fault:
    """Our fault for an HTTP status; `code` is the provider's own error code, which tells quota from rate."""
    if code in {"insufficient_quota", "billing_error"}:
        return Fault.NO_FUNDS
    if code in {"context_length_exceeded", "request_too_large"}:
        return Fault.TOO_LARGE
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 300 <= status < 400:
        return Fault.REDIRECTED
    return Fault.UNAVAILABLE if status >= 500 else Fault.BAD_REQUEST


def from_status(response: httpx2.Response, code: str) -> ProviderError:
    status = response.status_code
    return ProviderError(
        fault_of_status(status, code), status=status, retry_after=retry_after(response.headers)
    )


def from_transport(error: BaseException) -> ProviderError:
    """Our error for whatever the transport raised; only class names are kept, texts may hold the key."""
    names = []
    link: BaseException | None = error
    while link is not None:
        names.append(type(link).__name__)
        link = link.__cause__
    if any("Decod" in name for name in names):
        return ProviderError(Fault.MALFORMED, note="compressed response")
    # The transport reports a peer that hung up as a time-out of connecting; its cause tells them apart.
    if any("Timeout" in name for name in names[-1:]) or isinstance(error, TimeoutError):
        return ProviderError(Fault.TIMED_OUT)
    return ProviderError(Fault.UNREACHABLE, note=names[-1])


class EventReader:
    """Server-sent events out of bytes, in whatever pieces they come; comments and field names we do not use are dropped."""

    def __init__(self) -> None:
        self.rest = b""
        self.data: list[bytes] = []
        self.data_bytes = 0

    @property
    def pending(self) -> int:
        """Bytes of the event that is not complete yet."""
        return len(self.rest) + self.data_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that `chunk` completes."""
        buffer = self.rest + chunk
        if b"\r" in buffer:
            # A lone CR at the end may be half of CRLF: leave it for the next chunk.
            tail = b"\r" if buffer.endswith(b"\r") else b""
            buffer = buffer[: len(buffer) - len(tail)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + tail
        lines = buffer.split(b"\n")
        self.rest = lines.pop()
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self.data.append(line[6:] if line[5:6] == b" " else line[5:])
                self.data_bytes += len(line)
            elif not line and self.data:
                events.append(self.data[0] if len(self.data) == 1 else b"\n".join(self.data))
                self.data, self.data_bytes = [], 0
        return events

    def close(self) -> list[bytes]:
        """The event that a stream ended in the middle of the blank line of, if any."""
        return self.feed(b"\n\n") if self.rest or self.data else []


def parse(data: bytes) -> dict[str, Any]:
    """One event's JSON object; ProviderError MALFORMED for anything else."""
    try:
        event = _decode(data.decode())
    except (ValueError, RecursionError):  # UnicodeDecodeError included
        event = None
    if not isinstance(event, dict):
        raise ProviderError(Fault.MALFORMED, note="event is not a JSON object")
    return event


def model_ids(body: bytes) -> list[str]:
    """The ids in a provider's list of models, sorted; ProviderError MALFORMED when it is none."""
    listed = parse(body).get("data")
    rows = listed if isinstance(listed, list) else [None]
    ids = [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]
    if len(ids) != len(rows):
        raise ProviderError(Fault.MALFORMED, note="no list of models")
    return sorted(ids)


def count(value: object) -> int | None:
    """A provider's token count, if it is one that can be stored."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def _read(
    events: list[bytes], outcome: Outcome, text_of: Callable[[bytes, Outcome], str | None]
) -> tuple[str, bool, ProviderError | None]:
    """The text of `events`, whether the stream is done with them, and what went wrong after that text."""
    pieces: list[str] = []
    problem = None
    try:
        for data in events:
            piece = text_of(data, outcome)
            if piece is None:
                return "".join(pieces), True, None
            if type(piece) is not str:
                raise TypeError
            pieces.append(piece)
    except ProviderError as error:
        problem = error
    except (AttributeError, IndexError, KeyError, TypeError):
        problem = ProviderError(Fault.MALFORMED, note="event of an unknown shape")
    return "".join(pieces), False, problem


async def read_events(
    response: httpx2.Response,
    limits: Limits,
    outcome: Outcome,
    text_of: Callable[[bytes, Outcome], str | None],
) -> AsyncIterator[str]:
    """Text pieces of a streamed reply, one per network read, until its finish marker.

    `text_of(data, outcome)` is the twin's reading of one event; None means the stream is done.
    Ends early with Finish.CUT at `limits.wire_bytes`. ProviderError: TIMED_OUT after
    `limits.idle_seconds` of silence, BROKEN_STREAM when the stream ends unfinished, MALFORMED.
    """
    reader = EventReader()
    wire_bytes = 0
    chunks = response.aiter_raw().__aiter__()
    # Asked once: in Python 3.11 each asking is a system call.
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(limits.idle_seconds) as silence:
            while True:
                chunk = await _next_chunk(chunks)
                _put_off(silence, now() + limits.idle_seconds, late=limits.idle_seconds / 10)
                wire_bytes += len(chunk or b"")
                events = reader.close() if chunk is None else reader.feed(chunk)
                text, done, problem = _read(events, outcome, text_of)
                if text:
                    yield text
                if problem:
                    raise problem
                if done:
                    return
                if chunk is None:
                    if outcome.finish is None:
                        raise ProviderError(Fault.BROKEN_STREAM, note="ended without a finish marker")
                    return
                if reader.pending > EVENT_BYTES:
                    raise ProviderError(Fault.MALFORMED, note="an event too long")
                if wire_bytes > limits.wire_bytes:
                    outcome.finish = FinishReason.CUT
                    return
    except TimeoutError:
        pass
    raise ProviderError(Fault.TIMED_OUT, note=f"silent for {limits.idle_seconds:g} s")


def _put_off(silence: asyncio.Timeout, due: float, *, late: float) -> None:
    """Let `silence` end at `due`, or up to `late` seconds (at most one) after it.

    A time-out around each read would cost more than reading what came; this costs a look at the clock.
    """
    at = silence.when()
    if at is not None and at < due:
        silence.reschedule(due + min(1.0, late))


async def _next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next bytes off the wire, or None at the end."""
    try:
        return await anext(chunks, None)
    except httpx2.HTTPError as error:
        problem = from_transport(error)
        if problem.fault is Fault.UNREACHABLE:
            problem = ProviderError(Fault.BROKEN_STREAM, note=problem.note)
    raise problem
