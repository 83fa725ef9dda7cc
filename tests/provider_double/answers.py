"""What goes onto the wire: an answer is a first piece and then steps, each due at an offset from the start."""

import http
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from .calls import Call
from .refusals import Refusal, masked


class Act(Enum):
    """The last step of every answer: how the connection is left."""

    END = "end"  # a whole answer; the connection stays open for the next request
    CLOSE = "close"  # the socket is closed before the body is complete
    RESET = "reset"  # the same with a TCP reset
    HANG = "hang"  # nothing more is ever sent


# A callable is called when it is sent, so that a token can contain its own send time.
Step = tuple[float, bytes | Act | Callable[[], bytes]]

JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"
HTML = b"text/html"

REASONS = {status.value: status.phrase.encode() for status in http.HTTPStatus} | {529: b"Site is overloaded"}


class Answer(NamedTuple):
    """One answer: `first` is written at once (after `wait` seconds), `steps` when they fall due.

    Without steps, `first` is the whole answer. With `chunked`, each written batch becomes one HTTP chunk.
    """

    status: int
    first: bytes
    steps: Iterator[Step] | None = None
    chunked: bool = False
    wait: float = 0.0


def head(status: int, content_type: bytes, length: int | None, extra: bytes = b"") -> bytes:
    """The response head; no length means a chunked body. `extra` holds whole header lines."""
    framing = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
    reason = REASONS.get(status, b"Unknown")
    return b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\n%s\r\n%s\r\n" % (
        status,
        reason,
        content_type,
        framing,
        extra,
    )


def whole(
    call: Call | None,
    body: bytes,
    *,
    status: int = 200,
    wait: float = 0.0,
    content_type: bytes = JSON,
    headers: dict[str, str] | None = None,
) -> Answer:
    """An answer whose whole body is sent at once, `wait` seconds from now."""
    extra = call.wire.headers(call) if call else b""
    for name, value in (headers or {}).items():
        extra += f"{name}: {value}\r\n".encode()
    return Answer(status, head(status, content_type, len(body), extra) + body, None, False, wait)


def events(call: Call, steps: Iterable[Step], wait: float = 0.0) -> Answer:
    """A server-sent event stream, chunked; the steps must close with an Act."""
    first = head(200, EVENTS, None, call.wire.headers(call) + b"cache-control: no-cache\r\n")
    return Answer(200, first, iter(steps), True, wait)


def parts(call: Call, steps: Iterable[Step], *, length: int | None, wait: float = 0.0) -> Answer:
    """A JSON body sent in several steps; `length` is the length it claims, None for a chunked body."""
    first = head(200, JSON, length, call.wire.headers(call))
    return Answer(200, first, iter(steps), length is None, wait)


def refusal_of(call: Call, kind: str, detail: str = "") -> Refusal:
    """The refusal of this kind from the provider's error table, with its template filled in."""
    row = call.wire.ERRORS[kind]
    said = row.message.format(model=call.model, masked=masked(call.secret), secret=call.secret, detail=detail)
    return row._replace(message=said)


def refuse(
    call: Call, refusal: Refusal, *, wait: float = 0.0, headers: dict[str, str] | None = None
) -> Answer:
    """A refusal in the provider's own shape."""
    body = call.wire.error_body(call, refusal).encode("utf-8", "replace")
    return whole(call, body, status=refusal.status, wait=wait, headers=headers)


def error(
    call: Call,
    kind: str,
    *,
    detail: str = "",
    status: int | None = None,
    wait: float = 0.0,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One of the provider's errors in the provider's own shape; `kind` is a key of its error table."""
    refusal = refusal_of(call, kind, detail)
    return refuse(call, refusal._replace(status=status or refusal.status), wait=wait, headers=headers)


def error_event(call: Call, kind: str) -> bytes:
    """The same inside a stream that began with 200."""
    return call.wire.error_event(call, refusal_of(call, kind))
