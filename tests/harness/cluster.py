"""The PostgreSQL of a test run, done to as an outage does: frozen, or stopped and started again."""

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
    """It neither answers nor refuses, until the end of the block. Ask it nothing meanwhile."""
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
    """It is not there, until the end of the block."""
    connections.close_all()
    postmaster = _postmaster()
    command, directory, user = postmaster.cmdline(), postmaster.cwd(), postmaster.username()
    postmaster.send_signal(signal.SIGINT)  # "fast": whoever is connected is cut off
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
