"""Open every stored key and second factor, and say which do not open; exit status 1 if any."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from llm import factor_secrets, keys, ring, vault
from llm.management.report import describe, tally
from llm.models import ProviderKey


class Command(BaseCommand):
    help = "Open every stored key and second factor, show none, and name those that do not open. Changes nothing but stale marks."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = ProviderKey.objects.sealed().select_related("workspace").order_by("pk")
        failing = [line for row in rows.iterator(chunk_size=500) if (line := self._problem(row))]
        failing += [f"{describe(row)}: does not open" for row in factor_secrets.unreadable()]
        problems = [*ring.problems(), *failing]
        self.stdout.write("\n".join(tally(ring.rows_per_kek())))
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write(self.style.SUCCESS("Every stored key opens."))

    def _problem(self, row: ProviderKey) -> str | None:
        try:
            healed = keys.try_opening(row)
        except vault.VaultError as error:
            return f"{describe(row)}: {error}"
        if healed:
            self.stdout.write(f"{describe(row)}: was marked unreadable and opens again")
        return None
