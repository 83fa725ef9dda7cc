"""A real PgBouncer with the sample configuration of deploy/, in front of the test's PostgreSQL."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.harness.proxies import DEPLOY, PATIENT, free_port, need
from tests.harness.waiting import eventually

# Few, so that transactions of different clients alternate on each connection.
SERVER_CONNECTIONS = 3


class Pooler:
    """`url` is for DATABASE_URL."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/{connection.settings_dict['NAME']}"
        self.log = directory / "output"
        config, socket = directory / "pgbouncer.ini", connection.settings_dict["HOST"]
        config.write_text(self._config())
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                ["pgbouncer", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # PgBouncer refuses to run as root; the user of the PostgreSQL may open its socket.
                user=os.stat(socket).st_uid if os.getuid() == 0 and socket.startswith("/") else None,
            )

    def _config(self) -> str:
        """The sample's configuration, except for addresses, pool size and authentication."""
        database = connection.settings_dict
        there = f"host={database['HOST']} port={database['PORT'] or 5432} user={database['USER']}"
        if database["PASSWORD"]:
            there += f" password={database['PASSWORD']}"
        text = (DEPLOY / "pgbouncer.ini").read_text()
        for name, value in {
            "bookbag": f"{there} dbname={database['NAME']}",
            "listen_port": str(self.port),
            "auth_type": "any",
            "default_pool_size": str(SERVER_CONNECTIONS),
        }.items():
            text, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
            assert found == 1, name
        text = re.sub(r"^auth_file = .*$", "unix_socket_dir =", text, flags=re.MULTILINE)
        return text.replace("\nbookbag = ", f"\n{database['NAME']} = ")

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            psycopg.connect(self.url.replace("postgres:", "postgresql:"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def pooler(transactional_db: None) -> Iterator[Pooler]:
    """PgBouncer in transaction mode with SERVER_CONNECTIONS to PostgreSQL, ended with the test."""
    if connection.vendor != "postgresql":
        pytest.skip("PgBouncer stands before PostgreSQL alone")
    need("pgbouncer")
    directory = Path(tempfile.mkdtemp(prefix="pooler-", dir=os.environ["BOOKBAG_TEST_DIR"]))
    # Readable by the user that it runs as.
    directory.chmod(0o755)
    pooler = Pooler(directory)
    try:
        assert eventually(pooler.answers, seconds=PATIENT), pooler.log.read_text()
        yield pooler
    finally:
        pooler.stop()
