"""One HTTP/1.1 connection, written by hand on asyncio's protocol, to be faster than what is measured with the double."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from .answers import JSON, Act, Answer, head
from .calls import Call, header_lines
from .pump import Pump

if TYPE_CHECKING:
    from .server import Double

HEAD_LIMIT = 256 * 1024
BODY_LIMIT = 32 * 1024 * 1024
# For how long bytes are still read from a client that was refused.
LINGER_SECONDS = 2.0
LINGER_ZERO = struct.pack("ii", 1, 0)


@lru_cache(maxsize=1024)
def headers_of(head: bytes) -> dict[str, str]:
    """The headers of a request head. Do not change them: they are cached, because clients send the same ones again."""
    return dict(header_lines(head))


class Request(NamedTuple):
    """A request as read: the target is the path with its query; header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    head: bytes
    body: bytes


class Connection(asyncio.Protocol):
    """Reads requests one after the other, and answers each before it reads the next."""

    __slots__ = ("buffer", "call", "double", "full", "gave_up", "keep", "needed", "pump", "transport")

    def __init__(self, double: Double) -> None:
        self.double = double
        self.transport: asyncio.Transport | None = None
        self.buffer: bytes | bytearray = b""
        self.needed = 0
        self.pump: Pump | None = None
        self.call: Call | None = None
        self.full = False
        self.gave_up = False
        self.keep = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, as uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.double.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the client has left or the double has closed. If a call is still open, the client aborted it."""
        self.transport = None
        self.double.connections.discard(self)
        if self.pump is not None:
            self.pump.cancel()
            self.pump = None
        if self.call is not None:
            self.double.record.end(self.call, "aborted")
            self.call = None

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        if self.pump is not None:
            self.pump.resume()

    def data_received(self, data: bytes) -> None:
        if self.gave_up:
            return
        if self.buffer:
            if isinstance(self.buffer, bytes):
                self.buffer = bytearray(self.buffer)
            self.buffer += data
        else:
            self.buffer = data
        if self.pump is None:
            self.read_on()

    def read_on(self) -> None:
        """Answer the requests in the buffer until one is incomplete, or its answer takes time."""
        while self.pump is None and self.transport is not None and len(self.buffer) > self.needed:
            request = self.next_request()
            if request is None:
                return
            answer, self.call = self.double.answer(request)
            self.send(answer)

    def next_request(self) -> Request | None:
        """The next whole request, or None until more bytes have come."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > HEAD_LIMIT:
                self.give_up(431)
            return None
        raw = bytes(self.buffer[:end])
        headers = headers_of(raw)
        line = raw[: raw.find(b"\r\n")] if b"\r\n" in raw else raw
        words = line.decode("latin-1").split(" ")
        length = headers.get("content-length", "0")
        if len(words) != 3 or not length.isdigit() or "transfer-encoding" in headers:
            self.give_up(411 if "transfer-encoding" in headers else 400)
            return None
        if int(length) > BODY_LIMIT:
            self.give_up(413)
            return None
        whole = end + 4 + int(length)
        if len(self.buffer) < whole:
            self.expect(headers, whole)
            return None
        body = bytes(self.buffer[end + 4 : whole])
        self.buffer = self.buffer[whole:]
        self.needed = 0
        self.keep = headers.get("connection", "").lower() != "close" and words[2] == "HTTP/1.1"
        return Request(words[0], words[1], headers, raw, body)

    def expect(self, headers: dict[str, str], whole: int) -> None:
        """Wait for the rest of a body without parsing it on every piece that arrives."""
        if not self.needed and headers.get("expect", "").lower() == "100-continue" and self.transport:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.needed = whole - 1

    def give_up(self, status: int) -> None:
        """Answer a request that cannot be read, and close once the other side has.

        Bytes that still arrive are read and dropped, because closing with unread bytes is a TCP reset, which would destroy
        the answer.
        """
        if self.transport is not None:
            self.transport.write(head(status, JSON, 0, b"connection: close\r\n"))
            self.transport.write_eof()
            self.gave_up = True
            self.double.loop.call_later(LINGER_SECONDS, self.transport.close)

    def send(self, answer: Answer) -> None:
        """Send an answer: at once where it is whole, else through a pump."""
        if self.call is not None:
            self.call.status = answer.status
        if answer.steps is None and not answer.wait and self.transport is not None:
            self.transport.write(answer.first)
            self.done(Act.END)
            return
        self.pump = Pump(self, answer, self.double.loop)
        self.pump.start()

    def done(self, act: Act) -> None:
        """The last step has been taken."""
        if act is Act.HANG:
            return
        self.pump = None
        if self.call is not None:
            self.double.record.end(self.call, "finished" if act is Act.END else "cut")
            self.call = None
        if self.transport is None:
            return
        if act is Act.RESET:
            self.reset()
        elif act is Act.CLOSE or not self.keep:
            self.transport.close()
        elif self.buffer:
            self.double.loop.call_soon(self.read_on)

    def reset(self) -> None:
        """Close with a TCP reset: no lingering, nothing more is delivered."""
        assert self.transport is not None
        own = self.transport.get_extra_info("socket")
        if own is not None:
            with contextlib.suppress(OSError), socket.socket(fileno=socket.dup(own.fileno())) as copy:
                copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self.transport.abort()
