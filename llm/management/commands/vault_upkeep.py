"""Do once what the server's sweep loop does for the vault; for deployments that run it by cron."""

from typing import Any

from django.core.management.base import BaseCommand

from llm import upkeep


class Command(BaseCommand):
    help = "Wipe keys that can no longer be restored and write down how often keys were opened."

    def handle(self, *args: Any, **options: Any) -> None:
        done = upkeep.run()
        self.stdout.write(f"{done.wiped} wiped, {done.counted} openings counted, {done.reported} reported.")
