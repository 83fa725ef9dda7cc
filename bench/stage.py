"""Everything a run needs, started and stopped: PostgreSQL, the provider double, LiteLLM, Bookbag, a thousand members."""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench import litellm, servers, targets
from bench.machine import Cores
from bench.postgres import Postgres
from tests.provider_double.client import Double

if TYPE_CHECKING:
    from bench.seeding import Seat

# Models by what is measured with them. The provider double does what a model's name says.
REPLY = "fake-t20"
LONG = "fake-t220"
FIRST_TEXT = "fake-t20-f100"
PACED_SHORT = "fake-t20-d20"
PACED_LONG = "fake-t120-d20"
STREAM_TOKENS = 160
STREAM = f"fake-t{STREAM_TOKENS}-d50-m"
MODELS = [REPLY, LONG, FIRST_TEXT, PACED_SHORT, PACED_LONG, STREAM]
# A migrated and seeded database; the others are copies of it.
SEEDED = "seeded"
# Replies that it has behind it.
PAST = 1000


@dataclass
class Stage:
    """The servers of one run. Entered once; what is expensive is started when first asked for."""

    rounds: int
    quick: bool
    cores: Cores
    directory: Path = field(init=False)
    without_litellm: str = field(default="", init=False)
    seats: "list[Seat]" = field(default_factory=list, init=False)
    byo_seats: "list[Seat]" = field(default_factory=list, init=False)
    # The databases that a Bookbag has served.
    served: list[str] = field(default_factory=list, init=False)
    # The sizes of ledger that exist in this run.
    ledgers: set[str] = field(default_factory=set, init=False)

    def __enter__(self) -> "Stage":
        self._ends = ExitStack()
        try:
            self._open()
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._ends.close()

    def _open(self) -> None:
        servers.Process.cores = self.cores
        self.cores.take_the_rest()
        scratch = tempfile.TemporaryDirectory(prefix="bookbag-bench-")
        self.directory = Path(self._ends.enter_context(scratch))
        self.directory.chmod(0o755)  # PostgreSQL, started by root, runs as a user of its own
        self.postgres = self._ends.enter_context(Postgres(self.directory / "pg"))
        self.double = self._ends.enter_context(Double())
        self.environment = self._environment()
        os.environ.update(self.environment)
        self._seed()

    def _environment(self) -> dict[str, str]:
        """Bookbag's settings: the product's, pointed at this run's servers."""
        return {
            "DJANGO_SETTINGS_MODULE": "bookbag.settings",
            "ENV_FILE": str(self.directory / "no.env"),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "VAULT_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "HTTPS": "false",
            "DEBUG": "false",
            # High enough to refuse nobody. 0 would switch the count off, and its cost is to be measured.
            "REPLIES_PER_MINUTE": "100000",
            "RUNNING_PER_MEMBER": "100000",
            "RUNNING_PER_WORKSPACE": "100000",
            "LOG_LEVEL": "WARNING",
            "OPENAI_BASE_URL": self.double.openai_base_url,
            "ANTHROPIC_BASE_URL": self.double.anthropic_base_url,
            "DATABASE_URL": self.postgres.url(SEEDED),
            "DATABASE_POOL": "true",
            "STATIC_ROOT": str(self.directory / "static"),
            "EMAIL_URL": "memorymail://",
        }

    def _seed(self) -> None:
        self.postgres.create(SEEDED)
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")  # pages link to what it makes
        # Only for this process; the servers get `environment` unchanged.
        os.environ["DATABASE_POOL"] = "false"
        import django

        django.setup()
        from django.db import connections

        from bench import filling, seeding

        self.seats, self.byo_seats = seeding.seed(MODELS)
        connections.close_all()
        # Without a past, the query planner expects empty tables of replies and reads them whole.
        filling.fill(self.postgres, SEEDED, rows=PAST, accounts=seeding.WORKSPACES)

    def manage(self, *arguments: str, database: str = SEEDED) -> str:
        """`manage.py ...` on one of the databases; returns what it printed. Raises when it fails."""
        env = os.environ | self.environment | {"DATABASE_URL": self.postgres.url(database)}
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=servers.ROOT, env=env, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def verify(self) -> str:
        """What `verify_ledger` says of each database that a Bookbag served. Raises when one has drifted."""
        said = [self.manage("verify_ledger", database=name).strip().splitlines()[-1] for name in self.served]
        return "\n".join(f"{name}: {line}" for name, line in zip(self.served, said, strict=True))

    def bookbag(self, database: str, **settings: str) -> servers.Process:
        """A Bookbag server on this database, with these settings beside the run's, until the run ends."""
        self.served.append(database)
        env = self.environment | {"DATABASE_URL": self.postgres.url(database)} | settings
        process = servers.bookbag(env=env, directory=self.directory)
        self._ends.callback(process.stop)
        return process

    # --- The contenders ---

    @cached_property
    def direct(self) -> targets.Target:
        return targets.provider("provider, direct", int(self.double.url.rpartition(":")[2]))

    @cached_property
    def server(self) -> servers.Process:
        self.postgres.create("chat", template=SEEDED)
        return self.bookbag("chat")

    @cached_property
    def ours(self) -> targets.Target:
        return targets.bookbag("Bookbag", self.server.port, self.seats, pid=self.server.pid)

    @cached_property
    def _litellm(self) -> servers.Process | None:
        try:
            command = litellm.install()
            process = litellm.start(
                command, models=MODELS, provider=self.double.openai_base_url, directory=self.directory
            )
        except (litellm.Missing, RuntimeError) as problem:
            self.without_litellm = str(problem)
            print(f"SKIPPED every comparison with LiteLLM. {problem}", flush=True)
            return None
        self._ends.callback(process.stop)
        return process

    def litellm(self, *, stream: bool = True) -> targets.Target | None:
        """The proxy, asked for a stream or for the whole answer at once; None where it cannot be installed."""
        if self._litellm is None:
            return None
        name = "LiteLLM, streamed" if stream else "LiteLLM"
        return targets.provider(
            name, self._litellm.port, secret=litellm.MASTER_SECRET, stream=stream, pid=self._litellm.pid
        )

    def postgres_cpu(self) -> float:
        """CPU seconds of PostgreSQL's running processes."""
        total = 0.0
        for process in psutil.Process(self.postgres.pid).children():
            try:
                total += sum(process.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
        return total
