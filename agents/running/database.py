"""Database access of the chat path: a few threads of its own, each with a connection that it keeps.

All statements of a step run in one visit to a thread. No connection is in use while a reply streams.
"""

import asyncio
import select
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Barrier, BrokenBarrierError, Lock
from typing import ParamSpec, TypeVar

from django.db import connection, connections

P = ParamSpec("P")
T = TypeVar("T")


def _thread_count() -> int:
    """How many database threads to run. SQLite has one writer, so two threads would only wait for each other.

    On PostgreSQL a job mostly waits, above all for the commit to reach the disk: 12 threads ran half as many
    replies again as 4, and 24 no more than 12 (docs/performance.md). The rest of the connection pool is left
    for pages.
    """
    if connection.vendor == "sqlite":
        return 1
    pool = connection.settings_dict["OPTIONS"].get("pool")
    return max(1, pool["max_size"] * 3 // 5) if pool else 12


THREADS = _thread_count()
CLOSE_SECONDS = 10.0
# A thread pool uses its threads in turn. Under light load that keeps the processor's caches cold for the
# thread, its connection and its database process. So the first thread takes the job whenever it is free.
_first = ThreadPoolExecutor(1, thread_name_prefix="chat-db-first")
# A thread for jobs that must not wait when all other threads do (`run_apart`). It is an extra one where THREADS is
# at most 3.
_apart = ThreadPoolExecutor(1, thread_name_prefix="chat-db-apart")
_FEW = THREADS <= 3
_OTHERS = THREADS - 1 if _FEW else THREADS - 2
_others = ThreadPoolExecutor(_OTHERS, thread_name_prefix="chat-db") if _OTHERS else _first
_first_is_busy = Lock()


def _with_live_connection(job: Callable[[], T]) -> T:
    # The connection is kept for the next job, unlike that of a request; one that failed in an earlier job is
    # replaced.
    connection.close_at = None
    connection.close_if_unusable_or_obsolete()
    if _was_hung_up():
        connection.connection.close()  # so that a pool does not lend it out again
        connection.close()
    # Django's health check would be a query before each job; the look at the socket above costs none.
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        return job()
    finally:
        if connection.in_atomic_block or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()


def _was_hung_up() -> bool:
    """Whether the server ended this idle connection (a restart, a failover): then its socket has something to read."""
    raw = connection.connection
    if connection.vendor != "postgresql" or raw is None or raw.closed:
        return False
    socket = select.poll()
    socket.register(raw.fileno(), select.POLLIN)
    return bool(socket.poll(0))


async def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a database thread, with the caller's context, so that its log lines name the same reply."""
    job = partial(copy_context().run, _with_live_connection, partial(function, *args, **kwargs))
    if not _first_is_busy.acquire(blocking=False):
        return await asyncio.wrap_future(_others.submit(job))
    future = _first.submit(job)
    future.add_done_callback(lambda _: _first_is_busy.release())
    return await asyncio.wrap_future(future)


async def run_apart(function: Callable[[], T]) -> T:
    """Run `function` in a thread kept for short jobs that wait for no lock which a reply holds."""

    def job() -> T:
        try:
            return _with_live_connection(function)
        finally:
            if _FEW and connection.vendor == "postgresql":
                connection.close()  # a small pool has none to spare: leave it to the pages

    return await asyncio.wrap_future(_apart.submit(copy_context().run, job))


async def in_each_thread(job: Callable[[], None]) -> None:
    """Run `job` once in every thread.

    Raises BrokenBarrierError when a thread stays busy for CLOSE_SECONDS; all threads run the job even then.
    """
    # The threads wait for each other before they begin; otherwise one quick thread would run every job.
    pools = [_first, _apart, *[_others] * _OTHERS]
    meeting = Barrier(len(pools))

    def meet() -> None:
        try:
            meeting.wait(CLOSE_SECONDS)
        finally:
            job()

    await asyncio.gather(*(asyncio.wrap_future(pool.submit(meet)) for pool in pools))


async def close() -> None:
    """Give all connections back; for the end of the process."""
    with suppress(BrokenBarrierError):
        await in_each_thread(connections.close_all)
