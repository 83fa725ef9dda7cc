"""Running long work on texts of strangers in worker processes, with limits on time, memory and number.

The server's interpreter runs one thread of Python at a time, so half a second spent on one text stops all streams
for that time. Work that may take more than 50 ms is therefore done here.

    call(function, *arguments)      the result, for threads
    acall(function, *arguments)     the same, for coroutines

The function must be importable from a module, and need neither Django nor the database; arguments and result must be
JSON. A worker starts with the first job, without our environment variables (some are keys), and ends with this
process.
"""

import asyncio
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

# Characters of a text for which our slowest function takes less than 50 ms, so that a worker is not worth its
# overhead.
SMALL = 32_000
# One core is left for the server.
WORKERS = max(1, min(4, (os.cpu_count() or 1) - 1))
MOST_WAITING = 32
JOB_SECONDS = 10.0
# How much later than its own time limit a worker is killed from outside, in case the worker hangs.
GRACE_SECONDS = 5.0
# A worker is replaced after this many jobs, which frees memory that they leaked.
JOBS_EACH = 200
MEMORY_BYTES = 1024**3
# A worker that holds more memory than this after a job is replaced, too, because the next job could run out of
# memory.
KEPT_BYTES = MEMORY_BYTES // 2
ROOT = Path(__file__).resolve().parent.parent


class NotDone(Exception):
    """The work was not done: it took too much time or memory, or it failed."""


class NotBegun(NotDone):
    """The work was not started, because too many jobs wait or the workers were stopped. It may succeed later."""


def call(function: Callable[..., Any], *arguments: Any, seconds: float = JOB_SECONDS) -> Any:
    """Run `function(*arguments)` in a worker, within `seconds` including waiting. Raises NotDone."""
    return _submit(function, arguments, seconds).result()


async def acall(function: Callable[..., Any], *arguments: Any, seconds: float = JOB_SECONDS) -> Any:
    """Like `call`, without blocking the event loop."""
    return await asyncio.wrap_future(_submit(function, arguments, seconds))


def close() -> None:
    """End all workers; running and waiting jobs are not done. The next job starts new ones."""
    global _closed
    # Waiting jobs are dropped, because the interpreter would wait for them when it exits.
    with _starting:
        _closed += 1
    for worker in list(_workers):
        worker.end()


# --- In the server: each thread of the pool has one worker ----------------------------------------

_pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="text-worker")
_places = threading.BoundedSemaphore(WORKERS + MOST_WAITING)
_own = threading.local()
_workers: set["_Worker"] = set()
# How often `close` has ended all workers.
_closed = 0
# Held while a worker is started, so that `close` either ends it with the others or prevents its start.
_starting = threading.Lock()


def _submit(function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float) -> Future[Any]:
    if not _places.acquire(blocking=False):
        raise NotBegun("too much is waiting")
    name, until = f"{function.__module__}:{function.__name__}", time.monotonic() + seconds
    future = _pool.submit(_in_a_worker, name, arguments, until, _closed)
    future.add_done_callback(lambda _: _places.release())
    return future


def _in_a_worker(name: str, arguments: tuple[Any, ...], until: float, closed: int) -> Any:
    seconds = until - time.monotonic()
    with _starting:
        if closed != _closed or seconds <= 0:
            raise NotBegun("it waited too long, or the workers were told to stop")
        worker = _own_worker()
    return worker.do(name, arguments, seconds)


def _own_worker() -> "_Worker":
    worker: _Worker | None = getattr(_own, "worker", None)
    if worker is None or worker.process.poll() is not None or worker.jobs >= JOBS_EACH:
        if worker is not None:
            worker.end()
        worker = _own.worker = _Worker()
    return worker


class _Worker:
    """One process that runs one job after the other."""

    def __init__(self) -> None:
        self.jobs = 0
        # In a session of its own, so that Ctrl-C reaches only the server, which then ends the worker.
        self.process = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", __name__],
            cwd=ROOT, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.asks = cast(IO[bytes], self.process.stdin)
        self.answers = cast(IO[bytes], self.process.stdout)
        _workers.add(self)

    def do(self, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        self.jobs += 1
        job = json.dumps([name, arguments, seconds]).encode() + b"\n"
        end = threading.Timer(seconds + GRACE_SECONDS, self.process.kill)
        end.start()
        try:
            answer = self._ask(job)
        finally:
            end.cancel()
        if answer["held_bytes"] > KEPT_BYTES:
            self.end()
        if "result" not in answer:
            raise NotDone(answer["error"])
        return answer["result"]

    def _ask(self, job: bytes) -> dict[str, Any]:
        """The worker's answer. Raises NotBegun if it was told to stop, NotDone if the job ended it."""
        line = b""
        with suppress(OSError, ValueError):  # it has ended, or `close` ended it
            self.asks.write(job)
            self.asks.flush()
            line = self.answers.readline()
        if not line.endswith(b"\n"):
            was_told = self not in _workers or self.process.wait() == -signal.SIGTERM
            self.end()
            raise (
                NotBegun("the workers were told to stop")
                if was_told
                else NotDone("it took too long or too much")
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        _workers.discard(self)
        self.process.kill()
        self.process.wait()
        for pipe in (self.asks, self.answers):
            with suppress(OSError):
                pipe.close()


# --- In the worker -----------------------------------------------------------------------------


def work(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Run jobs until standard input ends, or the server is gone."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.nice(10)
    for line in jobs:
        name, arguments, seconds = json.loads(line)
        # The operating system then kills this process, wherever it hangs and even if the server is gone.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _do(name, arguments) | {"held_bytes": _held_bytes()}
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _do(name: str, arguments: list[Any]) -> dict[str, Any]:
    module, _, function = name.partition(":")
    try:
        return {"result": getattr(importlib.import_module(module), function)(*arguments)}
    except Exception as error:  # only the class: the message may contain the text
        return {"error": type(error).__name__}


def _held_bytes() -> int:
    """The memory of this process that counts towards MEMORY_BYTES; 0 on systems that neither report nor limit it.

    Not the peak, which on Linux includes the parent's memory at the time of the fork.
    """
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    _answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with answers
    work(sys.stdin.buffer, _answers)
