"""`move_database`: copy everything from SQLite into an empty PostgreSQL, all or nothing."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from bookbag.configuration.environment import Environment
from bookbag.operations import database_move

TARGET = "TARGET_DATABASE_URL"


class Command(BaseCommand):
    help = (
        "Copies the present SQLite database into an empty PostgreSQL and compares both. Stop the server first. "
        "Changes nothing of the present one; one that was interrupted is simply begun again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "url",
            nargs="?",
            help=f"postgres://user:password@host/name; better in {TARGET} or the file that {TARGET}_FILE names, "
            "since others on the machine can read a command's arguments",
        )
        parser.add_argument(
            "--with-unreadable-keys",
            action="store_true",
            help="move provider keys that VAULT_KEYS does not open as they are",
        )

    def handle(self, *args: Any, url: str | None, with_unreadable_keys: bool, **options: Any) -> None:
        target = _target(url)
        before = connection.settings_dict["NAME"]
        try:
            rows = database_move.move(target, say=self._say, with_unreadable_keys=with_unreadable_keys)
        except database_move.Refused as reason:
            raise CommandError(str(reason)) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Nothing was moved; begin again when you like.") from None
        self._say(
            f"\n{rows:,} rows were moved, and both sides agree.\n\n"
            "What to do next\n"
            f"  1. Set DATABASE_URL to {_shown(target)}, with its password, for every server and every job.\n"
            "     SECRET_KEY and VAULT_KEYS stay as they are.\n"
            "  2. manage.py check --deploy --database default, then start the server.\n"
            f"  3. Keep {before} until you have seen it run, and start no server on it: what is written there\n"
            "     from now on is not moved."
        )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _target(url: str | None) -> dict[str, Any]:
    environment = Environment()
    text = url or environment.str(TARGET, default="")
    if not text:
        raise CommandError(f"Say where to move it: manage.py move_database postgres://…, or set {TARGET}.")
    try:
        found: dict[str, Any] = environment.database("The target" if url else TARGET, text)
    except ImproperlyConfigured as problem:
        raise CommandError(str(problem)) from None
    return found


def _shown(target: dict[str, Any]) -> str:
    """The address, without its password."""
    user = f"{target['USER']}{':…' if target['PASSWORD'] else ''}@" if target["USER"] else ""
    port = f":{target['PORT']}" if target["PORT"] else ""
    return f"postgres://{user}{target['HOST']}{port}/{target['NAME']}"
