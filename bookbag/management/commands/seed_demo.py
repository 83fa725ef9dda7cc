"""`seed_demo`: make the demo people once; with DEMO_PASSWORD set, give them that password."""

from typing import Any

from django.core.management.base import BaseCommand

from bookbag import demo
from bookbag.configuration.environment import Environment


class Command(BaseCommand):
    help = "Makes the demo workspaces and people once. DEMO_PASSWORD sets their password, now or later."

    def handle(self, *args: Any, **options: Any) -> None:
        made, password = demo.prepare(Environment().str("DEMO_PASSWORD", default=""))
        self.stdout.write("The demo cast is made." if made else "The demo cast is there already.")
        self.stdout.write(f"Sign in with {password}:\n{demo.roster()}")
