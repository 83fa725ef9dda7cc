"""Serving Bookbag: uvicorn with explicit options, and a shutdown of bounded time. There is no other way to serve it.

Told to stop, the server goes through these steps; a second signal skips to the last:

    unready     /readyz says so for DRAIN_NOTICE_SECONDS, so that a proxy sends nothing new; a kept connection ends with
                its answer, which says so
    closed      no new connection is accepted, and those on which nothing has arrived are closed
    draining    running replies have DRAIN_SECONDS to end by themselves
    freed       replies that still run are ended, stored as interrupted and not charged
"""

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import uvicorn
from django.conf import settings

from bookbag.operations import health
from bookbag.server import connections

log = logging.getLogger(__name__)

# Seconds from closing the listening socket to closing connections on which nothing has arrived.
ARRIVING_SECONDS = 0.2
# Seconds for sending the rest after the replies have ended.
CLOSE_SECONDS = 5
# Seconds for all remaining steps, whatever a database or a thread waits for; also the limit after a second signal.
LAST_SECONDS = 15
AT_ONCE_SECONDS = 2
BACKLOG = 2048


class CannotListen(Exception):
    """The server cannot listen; the message is the operating system's."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on `host`; port 0 is any. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise CannotListen(getattr(error, "strerror", None) or str(error)) from error
    return listener


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(listener: socket.socket, *, access_log: bool = False, leash: int | None = None) -> None:
    """Serve on `listener` until a signal, or the end of the pipe `leash`. Raises SystemExit if it cannot start."""
    # Log libraries' warnings in the usual format.
    logging.captureWarnings(True)
    connections.raise_descriptor_limit()
    connections.Connection.most = connections.room()
    server = Server(_config(access_log))
    if leash is not None:
        threading.Thread(target=_stop_at_the_end_of, args=(leash, server), name="leash", daemon=True).start()
    server.run(sockets=[listener])


def _stop_at_the_end_of(leash: int, server: "Server") -> None:
    # Read without a file object, because this thread would hold its lock when the interpreter ends.
    os.read(leash, 1)
    server.stop()


def _config(access_log: bool) -> uvicorn.Config:
    module, _, name = settings.ASGI_APPLICATION.rpartition(".")
    return uvicorn.Config(
        f"{module}:{name}",
        interface="asgi3",
        lifespan="on",
        loop="uvloop" if os.name == "posix" else "asyncio",
        http=connections.Connection,
        ws="none",
        # uvicorn must not read proxies' headers; bookbag/server/arrival.py does.
        proxy_headers=False,
        root_path="",
        # Logging uses our own handlers (bookbag/operations/logs.py).
        log_config=None,
        log_level=None,
        access_log=access_log,
        server_header=False,
        date_header=True,
        workers=1,
        reload=False,
        backlog=BACKLOG,
        timeout_keep_alive=connections.KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        # The class of connections limits their number, since it can tell idle ones from busy ones.
        limit_concurrency=None,
        limit_max_requests=None,
    )


class Server(uvicorn.Server):
    tick_before = -math.inf

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Like uvicorn's, but does not raise the signal again, so that a requested shutdown has exit code 0."""
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: object) -> None:
        if self.should_exit:
            self.force_exit = True
            _end_anyway(AT_ONCE_SECONDS)
        self.stop()

    def stop(self) -> None:
        """Begin to stop. A second call changes nothing; a second signal skips the waiting."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            log.info("serving at %s", address(listener))
        _tell_systemd("READY=1")

    async def on_tick(self, counter: int) -> bool:
        # Judged by the time of the previous tick, because what had arrived by then has been read since. Otherwise a
        # process that was paused would take its own pause for a client's silence.
        if counter % 10 == 0:
            connections.look_at_all(self.server_state.connections, self.tick_before)
        self.tick_before = monotonic()
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        await super().main_loop()
        health.draining.set()
        _tell_systemd("STOPPING=1")
        _end_anyway(settings.DRAIN_NOTICE_SECONDS + settings.DRAIN_SECONDS + LAST_SECONDS)
        log.info("stopping: not ready for new requests; a second signal ends it at once")
        await self._wait(lambda: False, settings.DRAIN_NOTICE_SECONDS)
        # One turn of the event loop accepts pending connections, which closing the socket would reset.
        await asyncio.sleep(0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from agents import running

        self._close_door(sockets or [])
        # A proxy does not repeat a request that it has sent, so requests on their way are read before idle
        # connections are closed.
        await asyncio.sleep(ARRIVING_SECONDS)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if running.count():
            log.info(
                "draining: %d replies have %g s to end by themselves", running.count(), settings.DRAIN_SECONDS
            )
        await self._wait(lambda: not running.count() and not self._is_asked(), settings.DRAIN_SECONDS)
        if running.count():
            log.info("freeing %d replies that did not end; they are not charged", running.count())
        await running.end_all()
        await super().shutdown(sockets)
        log.info("stopped")

    def _is_asked(self) -> bool:
        """Whether there is a request whose answer has not begun, since it may still start a reply."""
        return connections.any_unanswered(self.server_state.connections)

    def _close_door(self, sockets: list[socket.socket]) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()

    async def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until `done`, for at most `seconds`, or until a second signal."""
        until, counter = monotonic() + seconds, 0
        # Polls, because a signal handler cannot set an asyncio event.
        while not done() and not self.force_exit and monotonic() < until:
            await self.on_tick(counter)
            counter += 1
            await asyncio.sleep(0.1)


def _tell_systemd(state: str) -> None:
    """Tell systemd that the start is complete, for a unit of Type=notify (man sd_notify)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, contextlib.suppress(OSError):
            notify.sendto(state.encode(), path.replace("@", "\0", 1) if path.startswith("@") else path)


def _end_anyway(seconds: float) -> None:
    """End the process after `seconds`, whatever it still waits for."""

    def end() -> None:
        log.warning("stopped while something still ran")
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
