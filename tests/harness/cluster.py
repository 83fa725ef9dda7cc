"""Outages of the test run's PostgreSQL: freezing it, or stopping and starting it again."""

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from django.db import connection, connections

from tests.harness.waiting import eventually

PATIENT = 60.0


def _postmaster() -> psutil.Process:
    directory = Path(os.environ["BOOKBAG_TEST_DIR"]) / "pg"
    return psutil.Process(int((directory / "postmaster.pid").read_text().split("\n")[0]))


@contextlib.contextmanager
def frozen() -> Iterator[None]:
    """Freeze it until the end of the block, so that it neither answers nor refuses. Make no queries inside."""
    connections.close_all()
    postmaster = _postmaster()
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def stopped() -> Iterator[None]:
    """Stop it until the end of the block."""
    connections.close_all()
    postmaster = _postmaster()
    command, directory, user = postmaster.cmdline(), postmaster.cwd(), postmaster.username()
    postmaster.send_signal(signal.SIGINT)  # a "fast" shutdown, which closes all connections
    postmaster.wait(PATIENT)
    try:
        yield
    finally:
        log = Path(os.environ["BOOKBAG_TEST_DIR"]) / "postgres-again.log"
        account = {"user": user, "group": pwd.getpwnam(user).pw_gid} if os.getuid() == 0 else {}
        with log.open("ab") as output:
            subprocess.Popen(
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, **account,
            )  # fmt: skip
        assert eventually(_answers, seconds=PATIENT), log.read_text()


def _answers() -> bool:
    try:
        connection.ensure_connection()
    except Exception:  # starting up, or not there yet
        time.sleep(0.2)
        return False
    return True
