"""The generated `.env`: complete, private, and never written over."""

import os
import stat
from pathlib import Path

import pytest

from bookbag import dotenv
from bookbag.settings import vault_ring


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `.env` that does not exist yet, in a process that has no settings."""
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setattr(dotenv, "made", {})
    for name in ("SECRET_KEY", "VAULT_KEYS", "HTTPS"):
        # Set before it is removed, so that what the code under test sets is taken back afterwards.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path / ".env"


def lines(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def test_first_start_makes_everything_and_keeps_it_private(file: Path) -> None:
    dotenv.complete()
    assert dotenv.keep() == ["SECRET_KEY", "VAULT_KEYS", "HTTPS"]
    written = lines(file)
    assert [name for name, _ in vault_ring(written["VAULT_KEYS"])] == ["k1"]
    assert len(written["SECRET_KEY"]) >= 50
    assert written["HTTPS"] == "false"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_written_until_it_is_kept(file: Path) -> None:
    dotenv.complete()
    assert os.environ["VAULT_KEYS"].startswith("k1:")
    assert not file.exists()


def test_second_start_changes_nothing(file: Path) -> None:
    dotenv.complete()
    dotenv.keep()
    before = file.read_bytes()
    dotenv.complete()
    assert (dotenv.keep(), file.read_bytes()) == ([], before)


def test_missing_ones_are_added_and_the_rest_left_alone(file: Path) -> None:
    file.write_text("# mine\nSECRET_KEY=my-own\nHTTPS=true")
    dotenv.complete()
    assert dotenv.keep() == ["VAULT_KEYS"]
    assert file.read_text().startswith("# mine\nSECRET_KEY=my-own\nHTTPS=true\nVAULT_KEYS=k1:")


def test_variable_of_the_environment_or_of_a_file_is_not_made(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    monkeypatch.setenv("VAULT_KEYS_FILE", "/run/secrets/vault_keys")
    dotenv.complete()
    assert dotenv.keep() == ["HTTPS"]
