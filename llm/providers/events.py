"""The event stream of a reply: events out of bytes, text out of events, and an end for a peer that falls silent."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from llm.providers import refusals, wire
from llm.providers.base import Fault, Limits, ProviderError, ResponseMetadata
from llm.providers.base import Finish as FinishReason

# A twin's reading of one event: its text, or None once the stream is done.
TextOf = Callable[[bytes, ResponseMetadata], str | None]


# A longer event is malformed: all the text that a reply may have would fit into this many bytes.
EVENT_BYTES = 512 * 1024
# json.loads would guess the encoding of each event; events are UTF-8.
_decode = json.JSONDecoder().decode

BOM = b"\xef\xbb\xbf"


class EventReader:
    """Server-sent events out of bytes, however these are cut; comments and fields that we do not use are dropped.

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
        """The last event, when the stream ended before the blank line that completes it."""
        return self.feed(b"\n\n") if self.rest or self.data else []


def error_event(how: refusals.Refusals, event: Any, metadata: ResponseMetadata) -> ProviderError:
    """The error that an event inside a stream tells of."""
    answer = refusals.answer_of(how, None, event)
    if answer is None:
        return ProviderError(Fault.UNAVAILABLE, request_id=metadata.request_id, note=IN_THE_STREAM)
    error = wire.from_answer(how, answer, httpx2.Headers())
    error.request_id = error.request_id or metadata.request_id
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


def count(value: object) -> int | None:
    """A provider's token count, if it is one that can be stored."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def _read(
    events: list[bytes], metadata: ResponseMetadata, text_of: TextOf
) -> tuple[str, bool, ProviderError | None]:
    """The text of `events`, whether the stream is done with them, and what went wrong after that text."""
    pieces: list[str] = []
    problem = None
    try:
        for data in events:
            piece = text_of(data, metadata)
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
# A look that comes later than this shows that this process was paused or busy, not that the provider fell silent.
PAUSED_SECONDS = 0.5


class Silence:
    """Ends the task that made it, by cancelling it, once `due` has passed; None is no limit.

    Putting `due` off sets an attribute and starts no timer. When this process was paused, text may have arrived meanwhile
    and not been read: so a look that comes late waits for one more look before it decides.
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
    response: httpx2.Response, limits: Limits, metadata: ResponseMetadata, text_of: TextOf
) -> AsyncIterator[str]:
    """Text pieces of a streamed reply, one per network read, until its finish marker.

    `text_of(data, metadata)` is the twin's reading of one event; None means the stream is done. Ends early with
    Finish.CUT at `limits.wire_bytes`. ProviderError: TIMED_OUT after a silence that `_put_off` does not allow,
    BROKEN_STREAM when the stream ends unfinished, MALFORMED.
    """
    # Asked once: in Python 3.11 each asking is a system call.
    silence = Silence(asyncio.get_running_loop())
    reader = EventReader()
    chunks = response.aiter_raw().__aiter__()
    wire_bytes = 0
    half = ""
    try:
        while True:
            chunk = await _next_chunk(chunks)
            was_finished = metadata.finish is not None
            text, done, problem = _read(
                reader.close() if chunk is None else reader.feed(chunk), metadata, text_of
            )
            if text:
                text, half = joined(half + text)
                if text:
                    yield text
            if problem:
                raise problem
            if done or (chunk is None and metadata.finish is not None):
                return
            if chunk is None:
                raise ProviderError(Fault.BROKEN_STREAM, note="ended without a finish marker")
            if reader.pending > EVENT_BYTES:
                raise ProviderError(Fault.MALFORMED, note="an event too long")
            wire_bytes += len(chunk)
            if wire_bytes > limits.wire_bytes:
                metadata.finish = FinishReason.CUT
                return
            _put_off(silence, limits, metadata, has_text=bool(text), was_finished=was_finished)
    except ProviderError:
        # After the finish marker the reply is complete; a later error changes nothing.
        if metadata.finish is None:
            raise
        return
    except asyncio.CancelledError:
        if not silence.over:
            raise
        if silence.task is not None:
            silence.task.uncancel()
    finally:
        silence.close()
    if metadata.finish is None:
        raise ProviderError(Fault.TIMED_OUT, note=f"silent for {limits.idle_seconds:g} s")


def _put_off(
    silence: Silence, limits: Limits, metadata: ResponseMetadata, *, has_text: bool, was_finished: bool
) -> None:
    """Set when the silence is too long, from now on.

    Before the first text there is no limit here: a model may think as long as the reply may live. After the finish marker,
    usage is waited for `finish_seconds`, whatever else comes.
    """
    if metadata.finish is None:
        if has_text or silence.due is not None:
            silence.until(silence.loop.time() + limits.idle_seconds)
    elif not was_finished:
        silence.until(silence.loop.time() + limits.finish_seconds)


async def _next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next bytes off the wire, or None at the end."""
    try:
        return await anext(chunks, None)
    except Exception as error:  # the transport has errors of its own below httpx's, for broken HTTP above all
        problem = wire.from_transport(error)
        if problem.fault is Fault.UNREACHABLE:
            problem = ProviderError(Fault.BROKEN_STREAM, note=problem.note)
    raise problem
