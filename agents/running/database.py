"""Where the chat path meets the database: a few threads of its own, each with a lasting connection.

One hop takes all the statements of a step. No connection is held while a reply streams.
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
    """SQLite has one writer: two threads would only wait for each other.

    On PostgreSQL a job is mostly waiting, for the commit to reach the disk above all: 12 threads did half
    as many replies again as 4, and 24 no more (docs/performance.md). The rest of the pool is the pages'.
    """
    if connection.vendor == "sqlite":
        return 1
    pool = connection.settings_dict["OPTIONS"].get("pool")
    return max(1, pool["max_size"] * 3 // 5) if pool else 12


THREADS = _thread_count()
CLOSE_SECONDS = 10.0
# A pool takes its threads in turn, so that with little to do each job meets a thread, a connection and a database
# process that the processor's caches have long forgotten. The first thread has the job whenever it is free.
_first = ThreadPoolExecutor(1, thread_name_prefix="chat-db-first")
# One of the threads, or one more where they are few, for jobs that must not wait while all others do (`run_apart`).
_apart = ThreadPoolExecutor(1, thread_name_prefix="chat-db-apart")
_FEW = THREADS <= 3
_OTHERS = THREADS - 1 if _FEW else THREADS - 2
_others = ThreadPoolExecutor(_OTHERS, thread_name_prefix="chat-db") if _OTHERS else _first
_first_is_busy = Lock()


def _with_live_connection(job: Callable[[], T]) -> T:
    # Kept for the next job, unlike a request's; one that failed under an earlier job is replaced.
    connection.close_at = None
    connection.close_if_unusable_or_obsolete()
    if _was_hung_up():
        connection.connection.close()  # so that a pool does not lend it out again
        connection.close()
    # Django would ask the database before each job what the socket tells for nothing.
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        return job()
    finally:
        if connection.in_atomic_block or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()


def _was_hung_up() -> bool:
    """Whether the server ended this idle connection (a restart, a failover): then there is something to read."""
    raw = connection.connection
    if connection.vendor != "postgresql" or raw is None or raw.closed:
        return False
    socket = select.poll()
    socket.register(raw.fileno(), select.POLLIN)
    return bool(socket.poll(0))


async def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function` in a database thread, where log lines know what they belong to."""
    job = partial(copy_context().run, _with_live_connection, partial(function, *args, **kwargs))
    if not _first_is_busy.acquire(blocking=False):
        return await asyncio.wrap_future(_others.submit(job))
    future = _first.submit(job)
    future.add_done_callback(lambda _: _first_is_busy.release())
    return await asyncio.wrap_future(future)


async def run_apart(function: Callable[[], T]) -> T:
    """`function` in the thread that only such jobs use: short ones, which wait for no lock of a reply's."""

    def job() -> T:
        try:
            return _with_live_connection(function)
        finally:
            if _FEW and connection.vendor == "postgresql":
                connection.close()  # the pages' share of a small pool is small enough

    return await asyncio.wrap_future(_apart.submit(copy_context().run, job))


async def in_each_thread(job: Callable[[], None]) -> None:
    """`job` once in every thread. Raises BrokenBarrierError when one stays busy for CLOSE_SECONDS; the others do it."""
    # They meet before they begin, else one quick thread would do the work of all.
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
