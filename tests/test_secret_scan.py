"""The scan of `make audit` finds what is planted, shows nothing of it, and passes over what was accepted."""

import json
from pathlib import Path

import pytest

from tests import secret_scan

pytestmark = pytest.mark.any_database
# Put together, so that the scan does not find them here.
PLANTED = {
    "AWS Access Key": "AKIA" + "Q3EGV5YWXBQ2ZTRP",
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Basic Auth Credentials": "https://ada:" + "Tr0ub4dor@example.test/",
}


@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_planted_secret_is_found_and_not_shown(kind: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(f"first line\n{PLANTED[kind]}\n")
    told = secret_scan.unaccepted(secret_scan.found_in(["notes.txt"], tmp_path))

    assert told == [f"notes.txt:2 {kind}"]
    assert PLANTED[kind] not in "".join(told)


def test_plain_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("A key is a mask on every page, and a password is nowhere.\n")

    assert secret_scan.unaccepted(secret_scan.found_in(["notes.txt"], tmp_path)) == []


def test_what_is_accepted_is_still_in_a_file_of_the_project() -> None:
    assert {path for path, _ in secret_scan.accepted()} <= set(secret_scan.tracked())


def test_baseline_names_files_by_their_paths_in_the_project() -> None:
    results = json.loads(secret_scan.BASELINE.read_text())["results"]

    assert {one["filename"] for ones in results.values() for one in ones} == set(results)
