"""The wire under both twins: HTTP clients with caps, server-sent events, and errors made ours.

The official SDKs keep authentication, URLs, errors and connection pools. Their per-chunk objects
cost more than the rest of a reply, so the event stream is read raw from the SDK's own response
(docs/decisions/0006-raw-events.md).
"""

import asyncio
import datetime as dt
import email.utils
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2
import openai

from llm.providers import egress, refusals
from llm.providers.base import SAFE_REQUEST_ID, Fault, Limits, Listing, Outcome, ProviderError, RevealsSecret
from llm.providers.base import Finish as FinishReason

# A twin's reading of one event: its text, or None once the stream is done.
TextOf = Callable[[bytes, Outcome], str | None]

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


async def _guard_list(response: httpx2.Response) -> None:
    """The same for a list of models, which is read whole by the SDK."""
    _refuse_compression(response)
    response.stream = _Capped(response.stream, LIST_BYTES)  # type: ignore[arg-type]


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
        **egress.options(),
    )


def once_client(seconds: float) -> httpx2.AsyncClient:
    """For the rare token-free calls, which pool nothing. Give the SDK `seconds` as well: it takes this very
    time-out, where it is httpx's default, for "not set" and uses ten minutes instead."""
    return httpx2.AsyncClient(
        timeout=seconds,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [_guard_list]},
        **egress.options(),
    )


def timeout(limits: Limits) -> httpx2.Timeout:
    """What the transport itself limits. Reading is limited by whoever reads: a model may think in silence for longer
    than its first byte may take."""
    return httpx2.Timeout(
        connect=limits.connect_seconds,
        read=None,
        write=limits.first_byte_seconds,
        pool=limits.connect_seconds,
    )


def retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds from `retry-after-ms` or either form of Retry-After; None for junk, absence or the past."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name, "").strip()
        if NUMBER.fullmatch(value):
            return min(float(value) / unit, refusals.LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        seconds = moment.timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, refusals.LONGEST_WAIT) if seconds > 0 else None


NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,9})?", re.ASCII)
REQUEST_ID_HEADERS = ("x-request-id", "request-id")
NOT_THEIRS = "the answer is not in the provider's shape: a proxy, or a wrong base URL"


def request_id(headers: httpx2.Headers) -> str:
    """What the provider's support asks for first; empty when the answer has none that is safe to keep."""
    found = next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), "")
    return found if SAFE_REQUEST_ID.fullmatch(found) else ""


def headroom(headers: httpx2.Headers, names: Mapping[bytes, str]) -> dict[str, int] | None:
    """What the headers say is left of the account's rate limits; `names`: their names, in lower case, to ours."""
    found = {
        names[name]: int(left)
        for raw, left in headers.raw
        if (name := raw.lower()) in names and LEFT.fullmatch(left)
    }
    return found or None


# Digits enough for any account, and few enough to be read at once.
LEFT = re.compile(rb"[0-9]{1,15}")


async def body_of(response: httpx2.Response) -> bytes:
    """The first ERROR_BODY_BYTES of a body that is no stream; what comes after is dropped unread."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= ERROR_BODY_BYTES:
            break
    return body[:ERROR_BODY_BYTES]


def read_body(response: httpx2.Response) -> bytes:
    """The body of an error, as far as the SDK has read it."""
    try:
        return response.content
    except httpx2.ResponseNotRead:
        return b""


def refusal(
    provider: str, response: httpx2.Response, body: bytes, sent: frozenset[str] = frozenset()
) -> ProviderError:
    """The error for an HTTP answer that is no reply: a status, or a 200 that is not an event stream.

    `sent`: the parameters of the request that it may do without.
    """
    status = response.status_code
    if 300 <= status < 400:
        return ProviderError(Fault.REDIRECTED, status=status)
    answer = refusals.answer_of(provider, status, refusals.parsed(body))
    asked = retry_after(response.headers)
    if answer is None:
        retryable = status >= 500 or status in (408, 429)
        return ProviderError(
            Fault.NOT_THE_PROVIDER, status=status, retry_after=asked, retryable=retryable, note=NOT_THEIRS
        )
    should_not = response.headers.get("x-should-retry") == "false"
    problem = from_answer(provider, answer, response.headers, retryable=False if should_not else None)
    if problem.fault is Fault.BAD_REQUEST:
        problem.names = refusals.refused_parameter(answer, sent)
        # A value that a model refuses is left out this once; no model takes back all temperatures but one.
        problem.is_lasting = problem.names == "temperature" or refusals.is_unsupported(answer)
    return problem


def from_answer(
    provider: str, answer: refusals.Answer, headers: httpx2.Headers, *, retryable: bool | None = None
) -> ProviderError:
    """The error for a refusal in the provider's own shape, as an answer or as an event inside a stream."""
    fault = refusals.fault_of(provider, answer)
    wait = retry_after(headers)
    return ProviderError(
        fault,
        status=answer.status,
        code=answer.code or answer.kind,
        param=answer.param,
        request_id=request_id(headers),
        retry_after=refusals.told_wait(answer) if wait is None else wait,
        retryable=retryable,
    )


def from_transport(error: BaseException) -> ProviderError:
    """Our error for whatever the transport raised; only class names are kept, texts may hold the key."""
    names = []
    link: BaseException | None = error
    while link is not None and not isinstance(link, asyncio.CancelledError):
        names.append(type(link).__name__)
        link = link.__cause__
    if any("Decod" in name for name in names):
        return ProviderError(Fault.MALFORMED, note="compressed response")
    # The transport reports a peer that hung up as a time-out of connecting; its cause tells them apart.
    if any("Timeout" in name for name in names[-1:]) or isinstance(error, TimeoutError):
        return ProviderError(Fault.TIMED_OUT)
    return ProviderError(Fault.UNREACHABLE, note=names[-1])


BOM = b"\xef\xbb\xbf"


class EventReader:
    """Server-sent events out of bytes, in whatever pieces they come; comments and field names we do not use are dropped.

    Source: the HTML standard's "event stream interpretation": a byte order mark may come first, lines end in LF, CR or
    CRLF, one blank after the colon belongs to the field's name, a name without a colon has an empty value.
    """

    def __init__(self) -> None:
        self.started = False
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
        if not self.started:
            if BOM.startswith(buffer[:3]) and len(buffer) < 3:
                self.rest = buffer
                return []
            self.started = True
            buffer = buffer.removeprefix(BOM)
        if b"\r" in buffer:
            # A lone CR at the end may be half of CRLF: leave it for the next chunk.
            tail = b"\r" if buffer.endswith(b"\r") else b""
            buffer = buffer[: len(buffer) - len(tail)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + tail
        lines = buffer.split(b"\n")
        self.rest = lines.pop()
        events = []
        data = self.data
        for line in lines:
            if line[:6] == b"data: ":
                data.append(line[6:])
            elif not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
            elif line[:5] == b"data:":
                data.append(line[5:])
            elif line == b"data":
                data.append(b"")
        # Counted for each chunk and not for each line; the end of the event before it is in it.
        self.data_bytes = self.data_bytes + len(chunk) if data else 0
        return events

    def close(self) -> list[bytes]:
        """The event that a stream ended in the middle of the blank line of, if any."""
        return self.feed(b"\n\n") if self.rest or self.data else []


def error_event(provider: str, event: Any, outcome: Outcome) -> ProviderError:
    """The error that an event inside a stream tells of."""
    answer = refusals.answer_of(provider, None, event)
    if answer is None:
        return ProviderError(Fault.UNAVAILABLE, request_id=outcome.request_id, note=IN_THE_STREAM)
    error = from_answer(provider, answer, httpx2.Headers())
    error.request_id = error.request_id or outcome.request_id
    error.note = IN_THE_STREAM
    return error


IN_THE_STREAM = "error event in the stream"


def parse(data: bytes) -> dict[str, Any]:
    """One event's JSON object; ProviderError MALFORMED for anything else."""
    try:
        event = _decode(data.decode())
    except (ValueError, RecursionError):  # UnicodeDecodeError included
        event = None
    if not isinstance(event, dict):
        raise ProviderError(Fault.MALFORMED, note="event is not a JSON object")
    return event


def listings(body: bytes, row_of: Callable[[dict[str, Any]], Listing]) -> tuple[list[Listing], bool]:
    """The models of one page of a list, and whether there are more; ProviderError when it is none."""
    page = refusals.parsed(body)
    rows = page.get("data") if isinstance(page, dict) else None
    if not isinstance(rows, list):
        raise ProviderError(Fault.NOT_THE_PROVIDER, status=200, note=NOT_THEIRS)
    if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise ProviderError(Fault.MALFORMED, note="no list of models")
    found = [row_of(row) for row in rows if MODEL_ID.fullmatch(row["id"])]
    return found, page.get("has_more") is True


# An id of another shape could be neither entered nor stored.
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,99}")


def a_day(value: object) -> dt.date | None:
    """A date as the providers write them, alone or with a time; None for anything else."""
    try:
        return dt.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def count(value: object) -> int | None:
    """A provider's token count, if it is one that can be stored."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def _read(events: list[bytes], outcome: Outcome, text_of: TextOf) -> tuple[str, bool, ProviderError | None]:
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


def joined(text: str) -> tuple[str, str]:
    """`text` with the halves of surrogate pairs put together, and a first half at its end that waits for the other.

    JSON escapes write a character beyond U+FFFF as two halves, which a provider may send in two deltas. A half that
    stays alone becomes U+FFFD.
    """
    if text.isascii() or not SURROGATE.search(text):
        return text, ""
    waiting = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
    whole = text[: len(text) - len(waiting)]
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), waiting


SURROGATE = re.compile("[\ud800-\udfff]")
# Seconds. Later than this, it was not the provider that fell silent: this process was paused or busy.
PAUSED_SECONDS = 0.5


class Silence:
    """Ends the task that made it, by cancelling it, once `due` has passed; no due is no limit.

    Putting `due` off costs an assignment, not a timer. A process that comes back from a pause first reads what has
    arrived meanwhile: a look that comes late looks once more before it decides.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.task = asyncio.current_task()
        self.due: float | None = None
        self.over = False
        self._timer: asyncio.TimerHandle | None = None

    def until(self, due: float) -> None:
        """Set `due` (the loop's time), earlier or later than before."""
        self.due = due
        if self._timer is None or due < self._timer.when():
            self.close()
            self._timer = self.loop.call_at(due, self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        late = self.loop.time() - (self._timer.when() if self._timer else 0)
        self._timer = None
        if self.due is None:
            return
        if self.due > self.loop.time():
            self._timer = self.loop.call_at(self.due, self._look)
        elif late > PAUSED_SECONDS:
            self._timer = self.loop.call_later(PAUSED_SECONDS, self._look)
        elif self.task is not None:
            self.over = True
            self.task.cancel()


async def read_events(
    response: httpx2.Response, limits: Limits, outcome: Outcome, text_of: TextOf
) -> AsyncIterator[str]:
    """Text pieces of a streamed reply, one per network read, until its finish marker.

    `text_of(data, outcome)` is the twin's reading of one event; None means the stream is done. Before the first text
    there is no limit here: a model may think as long as the reply may live. After the finish marker, usage is waited
    for `limits.finish_seconds`, whatever else comes. Ends early with Finish.CUT at `limits.wire_bytes`. ProviderError:
    TIMED_OUT after `limits.idle_seconds` of silence, BROKEN_STREAM when the stream ends unfinished, MALFORMED.
    """
    # Asked once: in Python 3.11 each asking is a system call.
    silence = Silence(asyncio.get_running_loop())
    now = silence.loop.time
    reader = EventReader()
    chunks = response.aiter_raw().__aiter__()
    wire_bytes = 0
    half = ""
    try:
        while True:
            chunk = await _next_chunk(chunks)
            finished = outcome.finish is not None
            text, done, problem = _read(
                reader.close() if chunk is None else reader.feed(chunk), outcome, text_of
            )
            if text:
                text, half = joined(half + text)
                if text:
                    yield text
            if problem:
                raise problem
            if done or (chunk is None and outcome.finish is not None):
                return
            if chunk is None:
                raise ProviderError(Fault.BROKEN_STREAM, note="ended without a finish marker")
            if reader.pending > EVENT_BYTES:
                raise ProviderError(Fault.MALFORMED, note="an event too long")
            wire_bytes += len(chunk)
            if wire_bytes > limits.wire_bytes:
                outcome.finish = FinishReason.CUT
                return
            if outcome.finish is None:
                if text or silence.due is not None:
                    silence.until(now() + limits.idle_seconds)
            elif not finished:
                silence.until(now() + limits.finish_seconds)
    except ProviderError:
        # What comes after the finish marker takes nothing back.
        if outcome.finish is None:
            raise
        return
    except asyncio.CancelledError:
        if not silence.over:
            raise
        if silence.task is not None:
            silence.task.uncancel()
    finally:
        silence.close()
    if outcome.finish is None:
        raise ProviderError(Fault.TIMED_OUT, note=f"silent for {limits.idle_seconds:g} s")


async def _next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next bytes off the wire, or None at the end."""
    try:
        return await anext(chunks, None)
    except Exception as error:  # the transport has errors of its own below httpx's, for broken HTTP above all
        problem = from_transport(error)
        if problem.fault is Fault.UNREACHABLE:
            problem = ProviderError(Fault.BROKEN_STREAM, note=problem.note)
    raise problem
