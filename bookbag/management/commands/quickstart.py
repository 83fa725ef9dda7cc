"""`quickstart`: prepare what is missing, then serve Bookbag on this machine. `make run` is this command."""

import os
import socket
from contextlib import nullcontext
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
from bookbag.server import serving, stand_in, training
from llm import keys, ring, shape
from llm.models import KEYED_PROVIDERS
from llm.providers import roster
from llm.vault import Secret


class Command(BaseCommand):
    help = "Prepares settings, database, static files and the demo cast, then serves on HOST and PORT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="only prepare")
        parser.add_argument(
            "--with-double",
            action="store_true",
            help="start a stand-in for the providers as well, and reach them there, for this start only",
        )

    def handle(self, *args: Any, no_serve: bool, with_double: bool, **options: Any) -> None:
        if no_serve and with_double:
            raise CommandError(
                "--with-double is for a server, and --no-serve starts none: leave one of them out."
            )
        # The socket is opened first, so that a port in use is reported before anything is done and cannot be taken
        # meanwhile.
        listener = None if no_serve else self._listen(or_any=with_double)
        try:
            with stand_in.running() if with_double else nullcontext() as double:
                self._prepare_and_serve(listener, double)
        except stand_in.CannotStandIn as reason:
            raise CommandError(str(reason)) from reason

    def _prepare_and_serve(self, listener: socket.socket | None, double: str | None) -> None:
        if double:
            stand_in.point_at(double)
            self._say("Providers", f"the stand-in at {double}, for this start only")
        self._migrate()
        self._keep_settings()
        self._say("Static files", "collected" if static.collect_if_changed() else "unchanged")
        self._import_platform_keys()
        password = self._seed()
        connections.close_all()
        if listener is not None:
            self.stdout.write(f"\n  Bookbag is at {serving.address(listener)}")
        self.stdout.write(f"\n  Sign in with {password}\n{demo.roster()}")
        if listener is None:
            self.stdout.write("\nPrepared. `make run` serves it.")
        else:
            self._say_what_next(serving.address(listener), double)
            self._serve(listener)

    def _say(self, what: str, state: str) -> None:
        self.stdout.write(f"  {what:<14} {state}")
        self.stdout.flush()

    def _listen(self, *, or_any: bool) -> socket.socket:
        """Listen on HOST and PORT. If PORT is taken, `or_any`, and PORT was not set explicitly, listen on any port."""
        try:
            return serving.listen(settings.HOST, settings.PORT)
        except serving.CannotListen as reason:
            if or_any and not Environment().str("PORT", default=""):
                return self._listen_anywhere()
            raise CommandError(
                f"Bookbag cannot listen on {settings.HOST}:{settings.PORT} ({reason}). Stop what runs there, "
                f"or choose another port: PORT={settings.PORT + 1} make run"
            ) from reason

    def _listen_anywhere(self) -> socket.socket:
        listener = serving.listen(settings.HOST, 0)
        if not Environment().str("SITE_URL", default=""):
            # SITE_URL was derived from the port that is taken.
            settings.SITE_URL = serving.address(listener)
        return listener

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
        """Save the generated settings to `.env`, unless stored keys show that other ones were used before."""
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
            # From here on the key is in the vault. Removed from the environment, so that no client library finds it
            # there.
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
        """Make the demo people or set their password; returns a phrase on which password they have."""
        made, password = demo.prepare(Environment().str("DEMO_PASSWORD", default=""))
        self._say("Demo cast", "made: workspaces acme and globex" if made else "there")
        return password

    def _say_what_next(self, address: str, double: str | None) -> None:
        """Print what to try, in an order in which everything works. The address was printed before."""
        if double:
            self.stdout.write(
                f"\n  A stand-in for {roster.labels('and')} is at {double}. Made-up keys that it takes (no real account has them):"
            )
            for one in roster.KEYED:
                self.stdout.write(f"    {one.label:<22} {stand_in.secret_for(one)}")
        first = roster.KEYED[0].label
        own = f"the {first} key from above" if double else f"{roster.with_article(first)} key"
        ours = "one of the keys from above" if double else "a key"
        self.stdout.write(
            "\n  What to do next\n"
            f"    1. As edith, open Acme, then the playground of {demo.AGENT_NAME}, and ask “What happens when the credits\n"
            "       run out?”. It is free and needs no key.\n"
            f"    2. As adam, open LLM settings in Acme, save {own}, and switch on “Bring your own keys”.\n"
            f"    3. Still as adam, open the playground of {demo.AGENT_NAME} on {first} and ask it the same. That reply\n"
            "       runs on your own key and costs no credits.\n"
            f"    4. As oscar, open {address}/admin/ and enter {ours} as a platform key.\n"
            "       With “Bring your own keys” off, replies run on it and cost credits.\n"
        )
        if double:
            self.stdout.write(
                "    The stand-in is there until Bookbag stops. A start without --with-double reaches the providers\n"
                "    themselves, and they reject these keys.\n"
            )
        else:
            self.stdout.write(
                "    No provider account? `make run ARGS=--with-double` brings a stand-in for them.\n"
            )
        self.stdout.write(
            f"    Help is at {address}/help/. Ctrl-C stops Bookbag; the next start finds everything again.\n"
        )
        if settings.HOST not in LOOPBACK and settings.ALLOWED_HOSTS == ["127.0.0.1", "localhost", "[::1]"]:
            self.stdout.write("  To be reached from elsewhere, list the names people use in ALLOWED_HOSTS.\n")

    def _serve(self, listener: socket.socket) -> None:
        # Flushed, so that a person who pipes the output sees the address now, not when the server ends.
        self.stdout.flush()
        # No proxy needs time to notice the end.
        settings.DRAIN_NOTICE_SECONDS = 0
        with training.workers(settings.TRAIN_WORKERS):
            serving.serve(listener)
        self.stdout.write("\nBookbag has stopped.")


def _latest() -> list[tuple[str, str]]:
    return MigrationExecutor(connection).loader.graph.leaf_nodes()
