"""Do once what the server's duties do about chat models that leave; for deployments that run it by cron."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agents import shutdowns


class Command(BaseCommand):
    help = (
        "Mail the admins of workspaces whose agents run on chat models that leave. Each notice is sent once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--today",
            type=dt.date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="send what would be due on that day; it counts as sent",
        )

    def handle(self, *args: Any, today: dt.date | None = None, **options: Any) -> None:
        self.stdout.write(f"Notices mailed: {shutdowns.tell(today)}.")
