"""Lead an operator through a change of KEK, one step at a time. Deploys nothing by itself."""

import base64
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from llm import ring, rotation, vault
from llm.management.report import tally
from llm.rotation import RotationStep
from workspaces.figures import count


class Command(BaseCommand):
    help = (
        "Change the key-encryption key in two deployments: add the new one everywhere, then make it the first. "
        "Without --step, tells which step is next and does it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--step", choices=list(RotationStep), help="do this step, whatever seems to be next"
        )
        parser.add_argument(
            "--write", metavar="FILE", help="put the whole new VAULT_KEYS there (mode 600), print none of it"
        )

    def handle(self, *args: Any, step: str | None, write: str | None, **options: Any) -> None:
        problems = ring.problems()
        if problems:
            raise CommandError("\n".join(["First mend this, or keys will be lost:", *problems]))
        self.stdout.write("The ring, newest first, and what each KEK holds:")
        self.stdout.write("\n".join(tally(ring.rows_per_kek())) + "\n")
        {
            RotationStep.ADD: self._add,
            RotationStep.PROMOTE: self._promote,
            RotationStep.REWRAP: self._rewrap,
            RotationStep.DROP: self._drop,
        }[RotationStep(step) if step else rotation.next_step()](write)

    def _add(self, write: str | None) -> None:
        kek_id, material = rotation.fresh_id(), vault.new_kek()
        entry = f"{kek_id}:{base64.b64encode(material).decode()}"
        self._say(
            f"Step 1 of 2: add {kek_id} at the END of VAULT_KEYS, in every process: web, workers, cron.",
            "It opens nothing yet; it only has to be known everywhere before anything is sealed under it.",
        )
        if write:
            self._write(write, [*_entries(), entry])
        else:
            self._say(
                "",
                f"    VAULT_KEYS=<what it is now>,{entry}",
                "",
                "This is shown once. Keep it where the ring is kept.",
            )
        self._say("Restart everything, then run vault_rotate again.")

    def _promote(self, write: str | None) -> None:
        kek_id = rotation.waiting()
        if kek_id is None:
            raise CommandError("No unused KEK waits in VAULT_KEYS; run vault_rotate --step add first.")
        order = [kek_id, *(one for one in vault.ring().ids if one != kek_id)]
        self._say(
            f"Step 2 of 2: move {kek_id} to the FRONT of VAULT_KEYS, in every process.",
            f"Do it only once every process has been restarted with {kek_id} in its ring: one that lacks it could not open",
            "what the others seal from now on.",
        )
        if write:
            entries = dict(zip(vault.ring().ids, _entries(), strict=True))
            self._write(write, [entries[one] for one in order])
        else:
            self._say("", f"    the order of ids: {','.join(order)}", "")
        self._say("Restart everything, then run vault_rewrap.")

    def _rewrap(self, write: str | None) -> None:
        self._say(
            f"{count(rotation.left(), 'row')} still under older KEKs. Run vault_rewrap, beside running replies if you like."
        )

    def _drop(self, write: str | None) -> None:
        older = [
            kek_id
            for kek_id, rows in ring.rows_per_kek().items()
            if kek_id != vault.ring().ids[0] and not rows
        ]
        if not older or rotation.left():
            raise CommandError(
                f"Nothing can be dropped: {count(rotation.left(), 'row')} still under older KEKs."
            )
        self._say(
            f"Done. No row needs {', '.join(older)} any more: take it out of VAULT_KEYS everywhere and restart.",
            "Backups from before do need it: keep a copy, apart from them, for as long as you keep them.",
            "To change the KEK once more, run vault_rotate --step add.",
        )

    def _say(self, *lines: str) -> None:
        self.stdout.write("\n".join(lines))

    def _write(self, path: str, entries: list[str]) -> None:
        try:
            # Created with owner-only permissions, so that other users cannot read the file at any moment.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(",".join(entries) + "\n")
        self._say(f"The whole ring is in {path}; VAULT_KEYS_FILE may point to it.")


def _entries() -> list[str]:
    from django.conf import settings

    return [
        f"{kek_id}:{held if isinstance(held, str) else base64.b64encode(held).decode()}"
        for kek_id, held in settings.VAULT_KEYS
    ]
