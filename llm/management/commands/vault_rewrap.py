"""Move every stored key and second factor to the newest KEK, in batches; safe to stop, to repeat and to run beside replies."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from llm import ring, rotation, vault
from llm.management.report import describe, tally
from workspaces.figures import count

BAR = 30


class Command(BaseCommand):
    help = "Wrap the DEK of every stored key and second factor under the newest KEK of VAULT_KEYS. No secret is opened or shown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=100, help="rows to a transaction (default 100)")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        total, seen, moved, unreadable = rotation.left(), 0, 0, []
        try:
            for done in rotation.rewrap_all(max(1, batch)):
                seen, moved = seen + done.seen, moved + done.moved
                unreadable += done.unreadable
                self._show(seen, total)
        except vault.VaultError as error:
            raise CommandError(f"Stopped after {count(moved, 'row')}, moved for good: {error}") from None
        self.stdout.write(f"{count(moved, 'row')} moved to {vault.ring().ids[0]}.")
        self.stdout.write("\n".join(tally(ring.rows_per_kek())))
        if unreadable:
            raise CommandError(
                "\n".join(["These rows do not open and were left:", *map(describe, unreadable)])
            )

    def _show(self, seen: int, total: int) -> None:
        share = min(1.0, seen / total) if total else 1.0
        bar = ("#" * round(share * BAR)).ljust(BAR, ".")
        line = f"[{bar}] {seen} of {total}"
        if sys.stderr.isatty():
            self.stderr.write(f"\r{line}", ending="")
        else:
            self.stderr.write(line)
