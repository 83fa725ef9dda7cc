"""`quickstart`: prepare what is missing, then serve Bookbag on this machine. `make run` is this command."""

import os
import socket
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from bookbag import demo, static
from bookbag.configuration import dotenv
from bookbag.configuration.checks import LOOPBACK
from bookbag.configuration.environment import Environment
from bookbag.server import serving
from llm import keys, ring, shape
from llm.models import KEYED_PROVIDERS
from llm.providers import roster
from llm.vault import Secret


class Command(BaseCommand):
    help = "Prepares settings, database, static files and the demo cast, then serves on HOST and PORT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="only prepare")

    def handle(self, *args: Any, no_serve: bool, **options: Any) -> None:
        # Taken first: a port in use is told before anything is done, and nobody else gets it meanwhile.
        listener = None if no_serve else self._listen()
        self._migrate()
        self._keep_settings()
        self._say("Static files", "collected" if static.collect_if_changed() else "unchanged")
        self._import_platform_keys()
        password = self._seed()
        connections.close_all()
        self.stdout.write(f"\n  Sign in with {password}\n{demo.roster()}")
        if listener is None:
            self.stdout.write("\nPrepared. `make run` serves it.")
        else:
            self._say_where(listener)
            self._serve(listener)

    def _say(self, what: str, state: str) -> None:
        self.stdout.write(f"  {what:<14} {state}")
        self.stdout.flush()

    def _listen(self) -> socket.socket:
        try:
            return serving.listen(settings.HOST, settings.PORT)
        except serving.CannotListen as reason:
            raise CommandError(
                f"Bookbag cannot listen on {settings.HOST}:{settings.PORT} ({reason}). Stop what runs there, "
                f"or choose another port: PORT={settings.PORT + 1} make run"
            ) from reason

    def _migrate(self) -> None:
        settings.VAR_DIR.mkdir(mode=0o700, exist_ok=True)
        try:
            pending = len(MigrationExecutor(connection).migration_plan(_latest()))
            call_command("migrate", interactive=False, verbosity=0)
        except OperationalError as error:
            raise CommandError(f"The database of DATABASE_URL cannot be used: {error}") from error
        where = str(connection.settings_dict["NAME"]).removeprefix(f"{settings.BASE_DIR}/")
        self._say("Database", f"{where}, {f'{pending} migrations applied' if pending else 'up to date'}")

    def _keep_settings(self) -> None:
        """Write the made-up settings into `.env`, unless stored keys show that there were others before."""
        problems = ring.problems()
        if problems and "VAULT_KEYS" in dotenv.made:
            raise CommandError(
                f"VAULT_KEYS is not set, but the database holds provider keys sealed under earlier ones. Put them "
                f"back into {dotenv.path().name}; nothing has been changed. To start over, move the database away."
            )
        for problem in problems:
            self.stderr.write(self.style.WARNING(problem))
        written = dotenv.keep()
        self._say("Settings", f"{', '.join(written)} written to .env" if written else "complete")

    def _import_platform_keys(self) -> None:
        for provider in KEYED_PROVIDERS:
            name = roster.named(provider).api_key_setting
            text = Environment().str(name, default="")
            # From here on it lives in the vault; no client library is to find it by itself.
            os.environ.pop(name, None)
            if text:
                self._say("Platform key", self._import(provider, name, text))

    def _import(self, provider: Any, name: str, text: str) -> str:
        present = keys.active(None, provider)
        if present is not None:
            return f"{provider.label} keeps {present.mask}; replace it under /admin/"
        problem = shape.problem(text, provider)
        if problem:
            return f"{name} was not taken. {problem}"
        row = keys.enter(None, provider=provider, secret=Secret(text), by=None)
        return f"{provider.label} {row.mask} from {name}: {row.get_health_display().lower()}"

    def _seed(self) -> str:
        """Make the cast or set its password; returns which password it has."""
        made, password = demo.prepare(Environment().str("DEMO_PASSWORD", default=""))
        self._say("Demo cast", "made: workspaces acme and globex" if made else "there")
        return password

    def _say_where(self, listener: socket.socket) -> None:
        address = serving.address(listener)
        self.stdout.write(
            f"\n  Bookbag is at {address}\n\n"
            "  What to do next\n"
            "    1. As edith, open acme and ask its agent “What happens when the credits run out?”: free, no key.\n"
            f"    2. As adam, open LLM settings, paste an {roster.labels('or')} key, switch on bring your own LLM.\n"
            "    3. As oscar, open /admin/ to enter a platform key, so that replies can run on credits.\n"
            "    No provider account? `make provider-double` in a second terminal stands in for them.\n"
            f"    Help is at {address}/help/. Ctrl-C stops Bookbag; the next start finds everything again.\n"
        )
        if settings.HOST not in LOOPBACK and settings.ALLOWED_HOSTS == ["127.0.0.1", "localhost", "[::1]"]:
            self.stdout.write("  To be reached from elsewhere, list the names people use in ALLOWED_HOSTS.\n")

    def _serve(self, listener: socket.socket) -> None:
        # Whoever pipes the output is to see the address now, not when the server ends.
        self.stdout.flush()
        # No proxy has to be given time to notice.
        settings.DRAIN_NOTICE_SECONDS = 0
        serving.serve(listener)
        self.stdout.write("\nBookbag has stopped.")


def _latest() -> list[tuple[str, str]]:
    return MigrationExecutor(connection).loader.graph.leaf_nodes()
