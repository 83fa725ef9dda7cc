"""Limits on connections to the server: their number, their time, and the size of a request's head.

uvicorn waits for ever for a request that does not come or is not completed. Here a connection that waits for its
client has a deadline for each step, and when file descriptors run short, the longest silent one is closed. A
connection whose request is being answered is never closed.
"""

import resource
from asyncio import AbstractEventLoop, Transport
from time import monotonic
from typing import ClassVar, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bookbag.operations import health

# Seconds from the start of a connection, or from a request's first byte, to the end of the request's head.
HEAD_SECONDS = 15.0
# Seconds for a whole body, and between two pieces of it.
BODY_SECONDS = 120.0
SILENT_SECONDS = 20.0
# Seconds between two requests. Longer than proxies keep connections; otherwise one might send a request into a
# connection that is just closing.
KEEP_ALIVE_SECONDS = 75
# Seconds for a client that does not read its answer.
STALLED_SECONDS = 60.0
HEAD_BYTES = 64 * 1024
HEADERS = 200
# The most connections, even with more descriptors.
MOST_CONNECTIONS = 10_000
# Descriptors reserved for databases, logs and other files.
RESERVED_DESCRIPTORS = 128
# Connections accepted above the limit, to be answered 503; health probes are answered normally there, too.
TOLD = 32
LENGTHS = (b"content-length", b"transfer-encoding")
PROBES = tuple(path.encode() for path in health.PROBES)

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def raise_descriptor_limit() -> None:
    """Raise the process's limit of descriptors as far as the system allows, up to what the connections could use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS + RESERVED_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room() -> int:
    """How many connections the descriptors allow. A running reply needs a second one, to its provider."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(16, min(MOST_CONNECTIONS, (soft - RESERVED_DESCRIPTORS) // 2))


class HeadTooLarge(Exception):
    """Raised to end parsing; `send_400_response` answers."""


class BodyOfUpgrade(Exception):
    """The parser stops after the head of an upgrade request, and would read its body as the next request."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with deadlines. `until`: when it is closed if nothing happens."""

    # Connections that wait for their client, the longest silent first.
    waiting: "ClassVar[dict[Connection, None]]" = {}
    most: ClassVar[int] = MOST_CONNECTIONS

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.until = float("inf")
        self.body_until = float("inf")
        self.stalled_until = float("inf")
        self.unsent = 0
        self.url, self.headers = b"", []
        self.in_head = self.in_body = False
        # The size of the head: bytes read since the read in which it began, and its complete fields.
        self.head_bytes = self.field_bytes = 0

    # --- Called by the transport ---

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.in_head:
            self.head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.in_head:
            if self.head_bytes > HEAD_BYTES:
                self._refuse_head()
            self._heard(self.until)
        elif self.in_body:
            self._heard(min(self.body_until, monotonic() + SILENT_SECONDS))
        elif self.cycle is not None and not self.cycle.response_complete:
            self.waiting.pop(self, None)
            self.until = float("inf")

    def timeout_keep_alive_handler(self) -> None:
        """uvicorn's own timer does nothing here. `look` closes kept connections, after the loop has read what arrived."""

    def send_400_response(self, msg: str) -> None:
        if self.head_is_too_large:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def _refuse_head(self) -> None:
        self.transport.write(TOO_LARGE)
        self.transport.close()

    def pause_writing(self) -> None:
        self.stalled_until = monotonic() + STALLED_SECONDS
        super().pause_writing()

    def resume_writing(self) -> None:
        self.stalled_until = float("inf")
        super().resume_writing()

    @property
    def head_is_too_large(self) -> bool:
        return (
            len(self.url) > HEAD_BYTES // 4
            or len(self.headers) > HEADERS
            or len(self.url) + self.field_bytes > HEAD_BYTES
        )

    # --- Called by the parser ---

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head, self.head_bytes, self.field_bytes = True, 0, 0
        self.until = monotonic() + HEAD_SECONDS

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if self.head_is_too_large:
            raise HeadTooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers (fields after a chunked body) are dropped. uvicorn would add them to the headers, and a proxy
        # passes them on, so that a sender could add an X-Forwarded-For after the proxy's own.
        if self.in_head:
            super().on_header(name, value)
        # The size of the read counts as well, because one read can bring more than the limit.
        self.field_bytes += len(name) + len(value)
        if self.head_is_too_large:
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        upgrades = self.parser.should_upgrade()
        if upgrades and any(name in LENGTHS and value != b"0" for name, value in self.headers):
            raise BodyOfUpgrade
        self.in_head, self.in_body = False, True
        self.body_until = monotonic() + BODY_SECONDS
        # Health probes are answered even when the server is full, so that a busy process is not restarted as a dead
        # one.
        self.limit_concurrency = None if self.url.startswith(PROBES) else self.most + TOLD
        super().on_headers_complete()
        # Close after an upgrade, since the parser loses bytes that came with its head. Also close if the server is
        # stopping, and say so in the answer, so that a proxy does not use the connection again.
        if upgrades or health.draining.is_set():
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self.in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # If `cycle` is unfinished, the next request arrived before this answer was complete.
        if (
            not self.transport.is_closing()
            and not self.in_head
            and (self.in_body or self.cycle.response_complete)
        ):
            self._wait(SILENT_SECONDS if self.in_body else KEEP_ALIVE_SECONDS)

    # --- Waiting ---

    def _wait(self, seconds: float) -> None:
        self._heard(monotonic() + seconds)

    def _heard(self, until: float) -> None:
        """Something arrived: move the connection to the end of the queue, with a new deadline."""
        self.until = until
        self.waiting.pop(self, None)
        self.waiting[self] = None

    def _make_room(self) -> None:
        silent = next(iter(self.waiting))
        if silent is not self or len(self.connections) > self.most + 2 * TOLD:
            self.waiting.pop(silent)
            silent.transport.abort()

    def look(self, now: float) -> None:
        """Called about once a second: close the connection if it is overdue, by abort, since its client does not read."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self.unsent and self.stalled_until < float("inf"):
            # The client is slow, but it is reading.
            self.stalled_until = now + STALLED_SECONDS
        self.unsent = unsent
        if self.transport.is_closing():
            # Closing waits until the client has read the rest, which gets a deadline as well.
            self.stalled_until = min(self.stalled_until, now + STALLED_SECONDS)
        if now > self.until or now > self.stalled_until:
            self.transport.abort()


def look_at_all(connections: object, now: float) -> None:
    """Call `look` for each of the server's connections, with `now` as the time."""
    for connection in _ours(connections):
        connection.look(now)


def any_unanswered(connections: object) -> bool:
    """Whether any of them has sent a whole request and received nothing yet."""
    return any(
        connection.cycle is not None and not connection.cycle.response_started
        for connection in _ours(connections)
        if connection not in Connection.waiting
    )


def _ours(connections: object) -> "set[Connection]":
    return cast("set[Connection]", connections).copy()
