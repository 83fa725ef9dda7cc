"""Long work on a text that a stranger wrote: in a process of its own, bounded in time, memory and number.

The interpreter that serves everybody runs one line of Python at a time; half a second spent on one text is half a
second in which no stream moves. So what may take more than 50 ms is done here.

    call(function, *arguments)      the result, for threads
    acall(function, *arguments)     the same, for coroutines

The function is one of a module's own, and needs neither Django nor the database; arguments and result are what JSON
holds. A worker starts with the first job, without our environment (the keys are in it), and ends with us.
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

# Characters of a text on which our slowest function takes less than 50 ms, and which is not worth the way.
SMALL = 32_000
# One core is left to those who serve.
WORKERS = max(1, min(4, (os.cpu_count() or 1) - 1))
MOST_WAITING = 32
JOB_SECONDS = 10.0
# A worker that hangs on something other than its own work is ended from outside, this much later.
GRACE_SECONDS = 5.0
# A worker is ended after so many jobs, with whatever memory they left behind.
JOBS_EACH = 200
MEMORY_BYTES = 1024**3
# One that still holds more than this after a job is ended too: the next could fail for want of memory.
KEPT_BYTES = MEMORY_BYTES // 2
ROOT = Path(__file__).resolve().parent.parent


class NotDone(Exception):
    """The work was given up: it took too long or too much, or it failed."""


class NotBegun(NotDone):
    """The text is not to blame: too much is waiting, or the workers were told to stop. Later it may be done."""


def call(function: Callable[..., Any], *arguments: Any, seconds: float = JOB_SECONDS) -> Any:
    """`function(*arguments)`, done by a worker; NotDone otherwise. `seconds` is how long it may take, waiting included."""
    return _submit(function, arguments, seconds).result()


async def acall(function: Callable[..., Any], *arguments: Any, seconds: float = JOB_SECONDS) -> Any:
    """As `call`, without holding up the event loop."""
    return await asyncio.wrap_future(_submit(function, arguments, seconds))


def close() -> None:
    """End all workers; what runs or waits is not done. The next job starts new ones."""
    global _closed
    # What waits is not begun any more: the interpreter would wait for it at its end.
    with _starting:
        _closed += 1
    for worker in list(_workers):
        worker.end()


# --- Our side: each thread of the pool has one worker ---------------------------------------------

_pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="text-worker")
_places = threading.BoundedSemaphore(WORKERS + MOST_WAITING)
_own = threading.local()
_workers: set["_Worker"] = set()
# How often they were all ended.
_closed = 0
# Held by a thread that starts a worker: `close` ends it with the others, or it is not started.
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
    """One process that does one job after the other."""

    def __init__(self) -> None:
        self.jobs = 0
        # A session of its own: Ctrl-C is for us, and we end it.
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
        """The worker's answer; NotBegun when somebody told it to stop, NotDone when the job ended it."""
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


# --- The worker's side -----------------------------------------------------------------------------


def work(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Do one job after the other until there are no more, or nobody is left to ask."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.nice(10)
    for line in jobs:
        name, arguments, seconds = json.loads(line)
        # The system ends us, whatever we hang in, and though nobody should be left to do it.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _do(name, arguments) | {"held_bytes": _held_bytes()}
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _do(name: str, arguments: list[Any]) -> dict[str, Any]:
    module, _, function = name.partition(":")
    try:
        return {"result": getattr(importlib.import_module(module), function)(*arguments)}
    except Exception as error:  # its words may repeat the text
        return {"error": type(error).__name__}


def _held_bytes() -> int:
    """What counts towards MEMORY_BYTES of this process; 0 where the system does not say, and does not limit it either.

    Not the most that it has had: Linux counts there what our parent had when it started us.
    """
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    _answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    work(sys.stdin.buffer, _answers)
