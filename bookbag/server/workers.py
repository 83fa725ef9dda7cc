"""Several server processes that share one socket: starting, restarting and stopping them.

Each is `manage.py serve` of its own. It holds the end of a pipe, its leash, and stops when the pipe closes, so that
no process outlives the one that started it, and a signal to the whole group is not counted twice.
"""

import logging
import signal
import socket
import subprocess
import sys
import time

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
# Seconds between a process's death and the next start, so that one that dies at once is not restarted in a tight
# loop.
AGAIN_SECONDS = 1.0
# A process that ends with an error within this time could not start, and the next one could not either.
START_SECONDS = 60.0


class Workers:
    def __init__(self, listener: socket.socket, count: int, options: list[str]) -> None:
        self.listener = listener
        self.count = count
        self.options = options
        self.signals = 0
        self.running: list[subprocess.Popen[bytes]] = []
        self.begun: dict[int, float] = {}

    def run(self) -> int:
        """Run until a signal, or until one of the processes cannot start; returns the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)
        self.running = [self._start() for _ in range(self.count)]
        code = 0
        while not self.signals and not code:
            time.sleep(LOOK_SECONDS)
            code = self._replace_the_dead()
        self._stop()
        return code

    def _heard(self, number: int, frame: object) -> None:
        self.signals += 1

    def _start(self) -> subprocess.Popen[bytes]:
        descriptor = self.listener.fileno()
        worker = subprocess.Popen(  # noqa: S603 (this same command)
            [sys.executable, sys.argv[0], "serve", "--fd", str(descriptor), *self.options],
            stdin=subprocess.PIPE,
            pass_fds=[descriptor],
            # So that Ctrl-C in a terminal reaches only the first process.
            start_new_session=True,
        )
        self.begun[worker.pid] = time.monotonic()
        return worker

    def _replace_the_dead(self) -> int:
        """Restart dead processes. Returns the exit code of one that could not start, else 0."""
        for place, worker in enumerate(self.running):
            code = worker.poll()
            if code is None:
                continue
            if code > 0 and time.monotonic() - self.begun[worker.pid] < START_SECONDS:
                return code
            log.warning("server process %d ended (%d); another one takes its place", worker.pid, code)
            time.sleep(AGAIN_SECONDS)
            self.running[place] = self._start()
        return 0

    def _stop(self) -> None:
        # Closed here too; otherwise connections would wait in this process's queue after all servers have stopped
        # listening.
        self.listener.close()
        for worker in self.running:
            if worker.stdin:
                worker.stdin.close()
        hurried = False
        while [worker for worker in self.running if worker.poll() is None]:
            if self.signals > 1 and not hurried:
                hurried = True
                for worker in self.running:
                    worker.terminate()
            time.sleep(LOOK_SECONDS)
