"""The one way Bookbag is served: uvicorn with every option said, and an end that takes as long as it says.

Told to stop, the server goes through these steps; a second signal skips to the last:

    unready     /readyz says so for DRAIN_NOTICE_SECONDS, so that a proxy sends nothing new; a kept connection ends with
                its answer, which says so
    closed      no connection is taken any more, and those on which nothing has come end
    draining    replies that run have DRAIN_SECONDS to end by themselves
    freed       what still runs is ended, kept as interrupted and not charged
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

# From the door's closing to that of connections on which nothing has come.
ARRIVING_SECONDS = 0.2
# When the replies are over, what is still being sent has this long.
CLOSE_SECONDS = 5
# Freeing, closing and leaving in all, whatever a database or a thread is waiting for; and after a second signal.
LAST_SECONDS = 15
AT_ONCE_SECONDS = 2
BACKLOG = 2048


class CannotListen(Exception):
    """The reason, in the system's words."""


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
    """Serve on `listener` until told to stop by a signal, or by the end of the pipe `leash`. Raises SystemExit if it cannot start."""
    # A warning of a library is a line like any other.
    logging.captureWarnings(True)
    connections.raise_descriptor_limit()
    connections.Connection.most = connections.room()
    server = Server(_config(access_log))
    if leash is not None:
        threading.Thread(target=_stop_at_the_end_of, args=(leash, server), name="leash", daemon=True).start()
    server.run(sockets=[listener])


def _stop_at_the_end_of(leash: int, server: "Server") -> None:
    # Not through a file object, whose lock this thread would hold when the interpreter ends.
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
        # bookbag/server/arrival.py decides what is believed of a proxy.
        proxy_headers=False,
        root_path="",
        # What is logged goes through our own handlers (bookbag/operations/logs.py).
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
        # Connections are counted by their own class, which knows the idle from the busy.
        limit_concurrency=None,
        limit_max_requests=None,
    )


class Server(uvicorn.Server):
    tick_before = -math.inf

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but an end that was asked for is not an end by a signal: the exit code is 0."""
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
        # Overdue means overdue at the tick before: what had arrived by then has been read since. A process that was
        # paused would otherwise take its own pause for a client's silence.
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
        # One turn of the loop takes in what waits at the door, which would be reset with it.
        await asyncio.sleep(0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from agents import running

        self._close_door(sockets or [])
        # A proxy does not send a message again that it has sent, so what is on its way is read before an idle connection ends.
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
        """Whether there is a request whose answer has not begun: it may still start a reply."""
        return connections.any_unanswered(self.server_state.connections)

    def _close_door(self, sockets: list[socket.socket]) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()

    async def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        """Until `done`, at most `seconds`, or until a second signal."""
        until, counter = monotonic() + seconds, 0
        # A signal's handler sets no event of the loop.
        while not done() and not self.force_exit and monotonic() < until:
            await self.on_tick(counter)
            counter += 1
            await asyncio.sleep(0.1)


def _tell_systemd(state: str) -> None:
    """For a unit of Type=notify (man sd_notify), whose start is over when we serve."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, contextlib.suppress(OSError):
            notify.sendto(state.encode(), path.replace("@", "\0", 1) if path.startswith("@") else path)


def _end_anyway(seconds: float) -> None:
    """End the process after `seconds`, whatever it may still be waiting for."""

    def end() -> None:
        log.warning("stopped while something still ran")
        logging.shutdown()
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
