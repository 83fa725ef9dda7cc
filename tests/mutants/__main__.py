"""`python -m tests.mutants`: put each fault of mutations.py into a copy of the code, and see that its tests fail.

`BOOKBAG_TEST_DB` chooses the database, SQLite unless told. Ends with 1 if a mutation survived or could not be tried.

A script of our own, because the libraries (mutmut, cosmic-ray) take no list of mutations: they generate all they know,
by the thousand, and run tests for each. The ones wanted here are not among them: a condition left out of a SQL
statement or of a trigger, two columns swapped, a key that stands in for another.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutants.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parent.parent.parent
# Seconds for the tests of one mutation, and for those of all mutations once, on a busy machine.
LIMIT = 600
LIMIT_OF_ALL = 3600
# Seconds that a run which is told to end may take to stop its servers.
FAREWELL = 60
# pytest's exit codes; any other means that the tests did not run.
PASSED, FAILED = 0, 1


def main() -> int:
    chosen = _chosen()
    with tempfile.TemporaryDirectory(prefix="bookbag-mutants-") as directory:
        copy = Path(directory)
        _copy_to(copy)
        if not _tests_pass_unmutated(copy, chosen):
            return 1
        results = [_try(copy, mutation) for mutation in chosen]
    caught = results.count(True)
    print(f"{caught} of {len(chosen)} mutations were caught.")
    return 0 if caught == len(chosen) else 1


def _chosen() -> list[Mutation]:
    parser = argparse.ArgumentParser(
        prog="tests.mutants", description="See that the tests find known faults."
    )
    parser.add_argument(
        "--only", metavar="WORD", nargs="+", default=[""], help="those whose file or harm has one of these"
    )
    words = [word.lower() for word in parser.parse_args().only]
    chosen = [
        mutation
        for mutation in MUTATIONS
        if any(word in f"{mutation.path} {mutation.harm}".lower() for word in words)
    ]
    if not chosen:
        parser.error(f"no mutation has {' or '.join(words)}")
    return chosen


def _copy_to(copy: Path) -> None:
    """The files that git knows, and the new ones that it does not ignore, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, copy / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _tests_pass_unmutated(copy: Path, chosen: list[Mutation]) -> bool:
    """Checked first, because in a broken set-up every mutation would look caught."""
    tests = sorted({test for mutation in chosen for test in mutation.tests})
    # pytest runs a test once that is named by itself and with its file.
    code, output, seconds = _run(copy, tests, limit=LIMIT_OF_ALL)
    if code == PASSED:
        print(f"The tests pass without a mutation ({seconds:.0f} s).", flush=True)
        return True
    print(f"{output}\nThe tests do not pass without a mutation, so that nothing can be learnt from them.")
    return False


def _try(copy: Path, mutation: Mutation) -> bool:
    """Run the mutation's tests on it and print how that went; whether it was caught."""
    with _mutated(copy / mutation.path, mutation):
        code, output, seconds = _run(copy, mutation.tests, limit=LIMIT)
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    if code == FAILED:
        found, by = "caught", f" by {failed[1] if failed else '?'}"
    elif code == PASSED:
        found, by = "SURVIVED", ""
    else:
        found, by = "NOT TRIED", f": {'no end' if code is None else f'pytest ended with {code}'}\n{output}"
    print(f"{found:9} {mutation.path}: {mutation.harm} ({seconds:.0f} s){by}", flush=True)
    return code == FAILED


@contextlib.contextmanager
def _mutated(file: Path, mutation: Mutation) -> Iterator[None]:
    original = file.read_text(encoding="utf-8")
    if original.count(mutation.old) != 1:
        raise SystemExit(f"{mutation.path} does not have this text exactly once: {mutation.old}")
    file.write_text(original.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(original, encoding="utf-8")


def _run(copy: Path, tests: Sequence[str], *, limit: float) -> tuple[int | None, str, float]:
    """pytest's exit code (None if it did not end within `limit` seconds), its output, and the seconds it took."""
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-x", "--tb=no", "-rfE", *tests]
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=copy, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return None, _end(process), time.monotonic() - began
        except BaseException:
            _end(process)
            raise
    return process.returncode, output, time.monotonic() - began


def _end(process: subprocess.Popen[str]) -> str:
    """End a run, first with SIGINT so that it stops its servers. Returns its output."""
    process.send_signal(signal.SIGINT)
    try:
        output, _ = process.communicate(timeout=FAREWELL)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    return output


if __name__ == "__main__":
    sys.exit(main())
