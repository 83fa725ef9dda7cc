"""Django's `migrate`, except that on SQLite it refuses to run while a server writes a reply.

SQLite alters a table by rewriting it, and Bookbag removes its guards for that time. A server would then charge
without guards, or wait for the lock until its replies are lost.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from agents.running import live_leases, replies_are


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--beside-replies",
            action="store_true",
            help="on SQLite: migrate although replies are being written",
        )

    def handle(self, *args: Any, beside_replies: bool = False, **options: Any) -> None:
        only_looks = options["check_unapplied"] or options["plan"]
        if not (beside_replies or only_looks) and _changes_sqlite(options["database"], options["app_label"]):
            running = live_leases(options["database"])
            if running:
                raise CommandError(
                    f"Nothing was migrated: {replies_are(running)} being written right now. Stop the server "
                    f"(SIGTERM lets replies end) and run `migrate` again. If no server runs, one was killed: its "
                    f"leases are over in {settings.LEASE_SECONDS:g} seconds. `migrate --beside-replies` does not wait; "
                    "replies that run may then be lost, uncharged."
                )
        super().handle(*args, **options)


def _changes_sqlite(alias: str, app_label: str | None) -> bool:
    """Whether there are migrations to apply, or an app was named, which may mean to reverse some."""
    database = connections[alias]
    if database.vendor != "sqlite":
        return False
    executor = MigrationExecutor(database)
    return bool(app_label or executor.migration_plan(executor.loader.graph.leaf_nodes()))
