"""The pump of one answer: writes each step when it falls due, and steps that are due together in one write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .answers import Act, Answer

if TYPE_CHECKING:
    from .connection import Connection

# A timer may fire up to one clock tick early, so a step that falls due within this time is sent without waiting again.
EARLY = 0.001
BATCH_BYTES = 256 * 1024


class Pump:
    """Sends an answer's steps. It takes each step only when it sends it, so that an endless answer costs no memory, and
    stops writing while the client's side is full."""

    __slots__ = ("act", "answer", "connection", "due", "loop", "piece", "started", "timer")

    def __init__(self, connection: Connection, answer: Answer, loop: asyncio.AbstractEventLoop) -> None:
        self.connection = connection
        self.answer = answer
        self.loop = loop
        self.timer: asyncio.Handle | None = None
        self.act: Act | None = None
        self.started = 0.0

    def start(self) -> None:
        """Begin now, or after the answer's initial silence."""
        if self.answer.wait > 0:
            self.timer = self.loop.call_later(self.answer.wait, self.begin)
        else:
            self.begin()

    def begin(self) -> None:
        self.started = self.loop.time()
        if self.answer.steps is None:
            self.write(self.answer.first)
            self.connection.done(Act.END)
            return
        self.pull()
        self.tick(self.answer.first)

    def pull(self) -> None:
        assert self.answer.steps is not None
        self.due, self.piece = next(self.answer.steps)

    def tick(self, first: bytes = b"") -> None:
        """Write all that is due. Then wait for the next step or for room, or leave the connection as the Act says."""
        now = self.loop.time() - self.started + EARLY
        batch: list[bytes] = []
        size = 0
        while self.due <= now and size < BATCH_BYTES:
            piece = self.piece
            if isinstance(piece, Act):
                self.act = piece
                break
            if not isinstance(piece, bytes):
                piece = piece()
            batch.append(piece)
            size += len(piece)
            self.pull()
        self.flush(first, batch, size)
        if self.act:
            self.connection.done(self.act)
        elif not self.connection.full:
            self.timer = self.loop.call_at(self.started + self.due, self.tick)

    def flush(self, first: bytes, batch: list[bytes], size: int) -> None:
        """Write a batch, as one chunk if the body is chunked; at the end also what closes the body."""
        body = b"".join(batch)
        if self.answer.chunked:
            body = b"%x\r\n%b\r\n" % (size, body) if size else b""
            if self.act is Act.END:
                body += b"0\r\n\r\n"
        self.write(first + body)

    def write(self, data: bytes) -> None:
        if data and self.connection.transport is not None:
            self.connection.transport.write(data)

    def resume(self) -> None:
        """Go on, because the client's side has room again."""
        if self.act is None and self.started:
            self.tick()

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
