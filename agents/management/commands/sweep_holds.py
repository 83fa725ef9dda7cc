"""Free the holds that a crash left behind, and mark their replies as interrupted."""

from typing import Any

from django.core.management.base import BaseCommand

from agents import running


class Command(BaseCommand):
    help = "End replies whose run lost its lease: their holds are freed and nothing is charged."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{running.sweep()} interrupted replies ended.")
