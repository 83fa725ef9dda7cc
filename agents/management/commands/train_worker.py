"""`train_worker`: a worker process that runs training jobs. `serve` starts some; more may run on any machine."""

import os
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from agents import process_pool
from agents.sources import jobs

# How long the current job may still take after the worker was told to stop. Another worker starts an unfinished one
# again.
LAST_SECONDS = 5.0


class Command(BaseCommand):
    help = "Trains agents on sources that wait for it, until told to stop by SIGTERM or Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until-empty", action="store_true", help="stop when nothing waits any more")
        parser.add_argument(
            "--leashed", action="store_true", help="for serve: stop at the end of standard input"
        )

    def handle(self, *args: Any, until_empty: bool, leashed: bool, **options: Any) -> None:
        # The worker uses and keeps one connection; a pool would keep two open.
        database = connections.settings["default"]
        database.setdefault("OPTIONS", {}).pop("pool", None)
        database["CONN_MAX_AGE"] = None
        if leashed:
            threading.Thread(target=_stop_at_the_end_of_input, name="leash", daemon=True).start()
        try:
            jobs.catch_up()
            jobs.work(until_empty=until_empty)
        finally:
            process_pool.close()


def _stop_at_the_end_of_input() -> None:
    # Written without a file object, because this thread would hold its lock when the interpreter ends.
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(LAST_SECONDS)
    process_pool.close()
    os._exit(0)
