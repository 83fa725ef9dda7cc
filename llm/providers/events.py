"""The event stream of a reply: parsing bytes into events and events into text, and time limits for a silent peer."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from llm.providers import refusals, wire
from llm.providers.base import Fault, Limits, ProviderError, ResponseMetadata
from llm.providers.base import Finish as FinishReason

# A twin's function that reads one event: returns its text, or None once the stream is done.
TextOf = Callable[[bytes, ResponseMetadata], str | None]


# A longer event is treated as malformed: even a whole reply of the longest text fits into this many bytes.
EVENT_BYTES = 512 * 1024
# A decoder for text: json.loads on bytes would guess the encoding of each event, and events are always UTF-8.
_decode = json.JSONDecoder().decode

BOM = b"\xef\xbb\xbf"


class EventReader:
    """Parses server-sent events from chunks of bytes of any size; drops comments and fields that we do not use.

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
        """How many bytes of an incomplete event are buffered."""
        return len(self.rest) + self.data_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that is complete with `chunk`."""
        buffer = self.rest + chunk
        if not self.started:
            if BOM.startswith(buffer[:3]) and len(buffer) < 3:
                self.rest = buffer
                return []
            self.started = True
            buffer = buffer.removeprefix(BOM)
        if b"\r" in buffer:
            # A CR at the end may be the first half of CRLF: leave it for the next chunk.
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
        # The size is counted for each chunk, not each line, so it may include the end of the previous event.
        self.data_bytes = self.data_bytes + len(chunk) if data else 0
        return events

    def close(self) -> list[bytes]:
        """The data of an event that the end of the stream left without its closing blank line."""
        return self.feed(b"\n\n") if self.rest or self.data else []


def error_event(how: refusals.Refusals, event: Any, metadata: ResponseMetadata) -> ProviderError:
    """The error for an error event inside a stream."""
    answer = refusals.answer_of(how, None, event)
    if answer is None:
        return ProviderError(Fault.UNAVAILABLE, request_id=metadata.request_id, note=IN_THE_STREAM)
    error = wire.from_answer(how, answer, httpx2.Headers())
    error.request_id = error.request_id or metadata.request_id
    error.note = IN_THE_STREAM
    return error


IN_THE_STREAM = "error event in the stream"


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object of one event. Raises ProviderError MALFORMED for anything else."""
    try:
        event = _decode(data.decode())
    except (ValueError, RecursionError):  # UnicodeDecodeError included
        event = None
    if not isinstance(event, dict):
        raise ProviderError(Fault.MALFORMED, note="event is not a JSON object")
    return event


def count(value: object) -> int | None:
    """A provider's token count, or None for a value that cannot be one or cannot be stored."""
    return value if type(value) is int and 0 <= value < 2**31 else None


def _read(
    events: list[bytes], metadata: ResponseMetadata, text_of: TextOf
) -> tuple[str, bool, ProviderError | None]:
    """The text of `events`, whether the stream is done after them, and the error that came after that text, if any."""
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
    """Join the halves of surrogate pairs in `text`.

    Returns the text, and a first half at its end that may still be completed.

    JSON escapes write a character beyond U+FFFF as two halves, which a provider may send in two deltas. A half
    without a partner becomes U+FFFD.
    """
    if text.isascii() or not SURROGATE.search(text):
        return text, ""
    waiting = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
    whole = text[: len(text) - len(waiting)]
    return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), waiting


SURROGATE = re.compile("[\ud800-\udfff]")
# If a check runs later than this after its time, this process was paused or busy, so the provider may not have been
# silent.
PAUSED_SECONDS = 0.5


class Silence:
    """Cancels the task that made it once `due` has passed; None is no limit.

    Postponing `due` only sets an attribute and starts no timer. If this process was paused, text may have arrived
    and not been read yet, so a late check waits for one more check before it cancels.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.task = asyncio.current_task()
        self.due: float | None = None
        self.over = False
        self._timer: asyncio.TimerHandle | None = None

    def until(self, due: float) -> None:
        """Set `due` (in the loop's time), whether earlier or later than before."""
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
    """Text of a streamed reply, one piece per network read, until its finish marker.

    `text_of(data, metadata)`: the twin's function that reads one event; None means the stream is done. Ends early
    with Finish.CUT at `limits.wire_bytes`. Raises ProviderError: TIMED_OUT after a silence longer than `_put_off`
    allows, BROKEN_STREAM when the stream ends without a finish marker, MALFORMED.
    """
    # Looked up once: in Python 3.11 each lookup is a system call.
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
        # After the finish marker the reply is complete, so a later error is ignored.
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
    """Set the time at which silence ends the call.

    Before the first text there is no limit here: a model may think for as long as the reply may last. After the
    finish marker the token counts are awaited for `finish_seconds`, whatever else comes.
    """
    if metadata.finish is None:
        if has_text or silence.due is not None:
            silence.until(silence.loop.time() + limits.idle_seconds)
    elif not was_finished:
        silence.until(silence.loop.time() + limits.finish_seconds)


async def _next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next bytes of the response; None at its end."""
    try:
        return await anext(chunks, None)
    except (
        Exception
    ) as error:  # the transport below httpx raises errors of its own, above all for broken HTTP
        problem = wire.from_transport(error)
        if problem.fault is Fault.UNREACHABLE:
            problem = ProviderError(Fault.BROKEN_STREAM, note=problem.note)
    raise problem
