"""The generated `.env`: complete, private, and never written over."""

import os
import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookbag.configuration import dotenv
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


# --- Reading ----------------------------------------------------------------------------------------


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the variables that the tests below read is there, and none stays."""
    for name in ("X_ONE", "X_ONE_FILE", "X_TWO"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X_ONE=plain", "plain"),
        ("export X_ONE=plain", "plain"),
        ("X_ONE='with $ and \\'", "with $ and \\"),
        ('X_ONE="with \\" in it"', 'with " in it'),
        ("X_ONE=a=b#c", "a=b#c"),
        ("X_ONE=$other", "$other"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_is_read(file: Path, line: str, value: str, end: str, mark: str) -> None:
    file.write_bytes(f"{mark}{line}{end}".encode())
    dotenv.read(file)
    assert os.environ["X_ONE"] == value


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize(
    "line",
    ["X_ONE = cAnArY", "cAnArY", "X_ONE='cAnArY", "X_ONE=\"cAnArY'", "X-ONE=cAnArY", "X_ONE=cAnArY\u200b"],
)
def test_line_that_cannot_be_read_is_named_by_its_number(file: Path, line: str) -> None:
    file.write_text(f"# settings\n\nX_TWO=2\n{line}\n", encoding="utf-8")
    with pytest.raises(ImproperlyConfigured) as refusal:
        dotenv.read(file)
    assert str(refusal.value).startswith(".env, line 4")
    assert "cAnArY" not in str(refusal.value)


@pytest.mark.parametrize("content", ["X_ONE=cAnArY".encode("utf-16"), b"X_ONE=\xff"])
def test_file_in_another_encoding_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=r"^\.env cannot be read as text in UTF-8\.$"):
        dotenv.read(file)


@pytest.mark.usefixtures("unset")
def test_environment_goes_before_the_file_whichever_way_it_says_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_ONE_FILE", "/run/secrets/one")
    monkeypatch.setenv("X_TWO", "")
    file.write_text("X_ONE=1\nX_TWO=2\n")
    dotenv.read(file)
    assert "X_ONE" not in os.environ
    assert os.environ["X_TWO"] == "2"
