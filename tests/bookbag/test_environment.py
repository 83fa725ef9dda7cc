"""Settings from the environment: what cannot be used is named, and never shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookbag.environment import Environment, Hidden

ROOT = Path(__file__).resolve().parents[2]
CANARY = "cAnArYvAlUe1234567890"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A reader whose cache of `_FILE` contents is empty."""
    monkeypatch.setattr(Environment.ENVIRON, "files_cache", {})
    return Environment()


@pytest.mark.parametrize(("word", "value"), [("true", True), ("On", True), ("0", False), ("no", False)])
def test_bool_reads_the_usual_words(
    env: Environment, monkeypatch: pytest.MonkeyPatch, word: str, value: bool
) -> None:
    monkeypatch.setenv("X_FLAG", word)
    assert env.bool("X_FLAG") is value


def test_bool_refuses_an_unknown_word(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_FLAG", "perhaps")
    with pytest.raises(ImproperlyConfigured, match=r"^X_FLAG is neither true nor false.$"):
        env.bool("X_FLAG", default=False)


def test_number_refuses_a_word_and_names_the_variable(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_NUMBER", CANARY)
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.int("X_NUMBER", default=1)
    assert str(refusal.value) == "X_NUMBER is malformed: it does not read as int."


def test_file_gives_its_content_without_the_line_end(
    env: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("value\n")
    monkeypatch.setenv("X_NAME_FILE", str(tmp_path / "secret"))
    assert env.str("X_NAME") == "value"


def test_file_that_is_missing_is_named(
    env: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("X_NAME_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ImproperlyConfigured, match=r"^X_NAME_FILE names a file that cannot be read"):
        env.str("X_NAME", default="")


def test_people_are_read_with_and_without_names(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_PEOPLE", "Olive <olive@bookbag.test>, oscar@bookbag.test")
    assert env.people("X_PEOPLE") == [("Olive", "olive@bookbag.test"), ("", "oscar@bookbag.test")]
    assert env.people("X_NOBODY") == []


def test_people_without_an_address_are_refused(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_PEOPLE", f"olive@bookbag.test, {CANARY}")
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.people("X_PEOPLE")
    assert str(refusal.value) == "X_PEOPLE is malformed; write addresses, separated by commas."


def test_kek_does_not_show_itself_where_settings_are_printed() -> None:
    assert f"{Hidden(b'material')!r} {Hidden(b'material')}" == "b'…' b'…'"


def test_database_of_another_kind_is_refused_without_its_password(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"mysql://user:{CANARY}@db/bookbag")
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.db_url("DATABASE_URL")
    assert str(refusal.value) == "DATABASE_URL must begin with sqlite:/// or postgres://."


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"VAULT_KEYS": ""}, "VAULT_KEYS"),
        ({"VAULT_KEYS": f"k1:{CANARY}"}, "VAULT_KEYS"),
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DEBUG": "true", "HTTPS": "false", "ALLOWED_HOSTS": "bookbag.example"}, "DEBUG"),
        ({"PORT": CANARY}, "PORT"),
        ({"DATABASE_URL": f"mysql://user:{CANARY}@db/x"}, "DATABASE_URL"),
    ],
)
@pytest.mark.parametrize("entry", [["manage.py", "check"], ["-c", "import bookbag.asgi"]])
def test_bad_setting_stops_the_start_with_a_sentence(
    change: dict[str, str], named: str, entry: list[str]
) -> None:
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings"} | change
    run = subprocess.run([sys.executable, *entry], cwd=ROOT, env=env, capture_output=True, text=True)
    assert run.returncode != 0
    assert named in run.stderr
    assert "Traceback" not in run.stderr
    assert CANARY not in run.stdout + run.stderr
