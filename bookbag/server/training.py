"""Training worker processes that a server starts, restarts if they die, and ends when it ends.

Each is `manage.py train_worker`. It holds the end of a pipe, its leash, and stops when the pipe closes, so that no
worker outlives the server, however the server ended. Another worker starts unfinished training again.
"""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# Seconds between a worker's death and the next start, so that workers that cannot start use little of the machine.
AGAIN_SECONDS = 5.0
STOP_SECONDS = 8.0


@contextmanager
def workers(count: int) -> Iterator[None]:
    """Run so many workers until the end of the block."""
    over = threading.Event()
    running = [_start() for _ in range(count)]
    watch = threading.Thread(target=_watch, args=(running, over), name="training-workers", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()
        _stop(running)


def _start() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 (this same program)
        [sys.executable, sys.argv[0], "train_worker", "--leashed"],
        stdin=subprocess.PIPE,
        # So that Ctrl-C in a terminal reaches only the server.
        start_new_session=True,
    )


def _watch(running: "list[subprocess.Popen[bytes]]", over: threading.Event) -> None:
    while running and not over.wait(LOOK_SECONDS):
        for place, worker in enumerate(running):
            code = worker.poll()
            if code is None:
                continue
            log.warning("training worker %d ended (%d); another one takes its place", worker.pid, code)
            if over.wait(AGAIN_SECONDS):
                return
            running[place] = _start()


def _stop(running: "list[subprocess.Popen[bytes]]") -> None:
    for worker in running:
        if worker.stdin:
            with suppress(OSError):
                worker.stdin.close()
    for worker in running:
        try:
            worker.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
