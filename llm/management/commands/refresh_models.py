"""Fetch the account model list of every key now; the server's duties spread this over a day."""

from typing import Any

from django.core.management.base import BaseCommand

from llm import refresh, unseals


class Command(BaseCommand):
    help = "Ask for the model list of every active provider key and store it. Uses no tokens."

    def handle(self, *args: Any, **options: Any) -> None:
        asked = failed = 0
        for key_id in list(refresh.all_keys().values_list("pk", flat=True)):
            # The row is read when its turn comes, because the key may have been replaced or deleted meanwhile.
            row = refresh.all_keys().filter(pk=key_id).first()
            if row is None:
                continue
            asked += 1
            problem = refresh.refresh(row)
            if problem:
                failed += 1
                whose = row.workspace.slug if row.workspace else "platform"
                self.stdout.write(f"  {whose}  {row.provider}  {row.mask}: {problem}")
        unseals.flush()
        self.stdout.write(f"{asked - failed} lists stored, {failed} not to be had.")
