"""`serve`: the server, as `make run`, the tests, the benchmark and deploy/ start it."""

import logging
import socket
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections

from bookbag.configuration.checks import check_connections
from bookbag.server import serving, training
from bookbag.server.workers import Workers

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Serves Bookbag until it is told to stop: SIGTERM lets replies end, a second one does not wait for them."

    # The checks run in `handle`, so that their findings are logged in the usual format.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="where to listen (HOST)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="0 is any free one (PORT)")
        parser.add_argument("--workers", type=int, default=1, help="server processes; one a core")
        parser.add_argument(
            "--access-log", action="store_true", help="log each request; a proxy usually does"
        )
        parser.add_argument("--fd", type=int, help="for --workers: a socket that listens already")

    def handle(
        self, *args: Any, host: str, port: int, workers: int, access_log: bool, fd: int | None, **options: Any
    ) -> None:
        if workers < 1:
            raise CommandError("--workers must be at least 1.")
        if workers == 1:  # otherwise each worker process does
            self._check_settings()
        else:
            self._check_connections(workers)
        connections.close_all()
        if fd is not None:
            serving.serve(socket.socket(fileno=fd), access_log=access_log, leash=sys.stdin.fileno())
            return
        try:
            listener = serving.listen(host, port)
        except serving.CannotListen as reason:
            raise CommandError(f"Bookbag cannot listen on {host}:{port} ({reason}).") from reason
        with training.workers(settings.TRAIN_WORKERS):
            if workers == 1:
                serving.serve(listener, access_log=access_log)
                return
            code = Workers(listener, workers, ["--access-log"] if access_log else []).run()
        sys.exit(code)

    def _check_settings(self) -> None:
        found = checks.run_checks()
        serious = [message for message in found if message.is_serious()]
        if serious:
            raise CommandError("Bookbag does not start: " + " ".join(message.msg for message in serious))
        self._log(found)

    def _check_connections(self, workers: int) -> None:
        settings.SERVER_PROCESSES = max(workers, settings.SERVER_PROCESSES)
        try:
            self._log(check_connections(["default"]))
        finally:
            # This process only supervises the others and keeps no database connection.
            connections.close_all()
            if connection.vendor == "postgresql" and connection.settings_dict["OPTIONS"].get("pool"):
                connection.close_pool()  # type: ignore[attr-defined]

    def _log(self, found: Sequence[checks.CheckMessage]) -> None:
        for message in found:
            log.log(message.level, "%s (%s)", message.msg, message.id)
