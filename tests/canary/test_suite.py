"""The canary of the whole suite finds a leak in every kind of sink, and finds nothing where there is none."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.harness.live import ROOT

IN_MEMORY = {"test_page", "test_visitor[False]", "test_visitor[True]", "test_mail", "test_output", "test_log"}
IN_SQLITE = {"test_row_rolled_back", "test_row_committed"}


def test_leaky_tests_are_caught(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    for name in ("BOOKBAG_TEST_DIR", "DATABASE_URL"):
        env.pop(name)
    command = [sys.executable, "-m", "pytest", "tests/canary/leaky_cases.py", "-q", "-p", "no:cacheprovider"]
    command += ["--basetemp", str(tmp_path / "base"), "-n", "1"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)

    on_postgres = env.get("BOOKBAG_TEST_DB") == "postgres"
    caught = set(re.findall(r"^ERROR \S+::(\S+)", done.stdout, re.MULTILINE))
    files = done.stdout.partition("planted secrets in the files of this run")[2]
    assert caught == IN_MEMORY | (set() if on_postgres else IN_SQLITE)
    assert "server.log" in files
    assert ("/pg/" in files) == on_postgres
    assert done.returncode == 1
