"""Free the holds that a crash left behind, mark their replies as interrupted, and wipe deleted conversations."""

from typing import Any

from django.core.management.base import BaseCommand

from agents import conversations, running
from workspaces.figures import count


class Command(BaseCommand):
    help = (
        "End replies whose run lost its lease: their holds are freed and nothing is charged. "
        "Wipe conversations that were deleted more than ten minutes ago."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{running.sweep()} interrupted replies ended.")
        self.stdout.write(f"{count(conversations.wipe(), 'deleted conversation')} wiped.")
