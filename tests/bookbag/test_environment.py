"""Settings from the environment: what cannot be used is named, and never shown."""

import os
import runpy
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from bookbag.configuration.environment import Environment, Hidden
from llm.providers import roster
from tests.harness import nursery

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


# --- What nobody can have meant -------------------------------------------------------------------


def settings_of(monkeypatch: pytest.MonkeyPatch, **change: str) -> dict[str, Any]:
    """What bookbag/settings.py makes of the tests' environment with `change`."""
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Environment.ENVIRON, "files_cache", {})
    return runpy.run_path(str(ROOT / "bookbag/settings.py"))


def refusal_of(monkeypatch: pytest.MonkeyPatch, **change: str) -> str:
    with pytest.raises(ImproperlyConfigured) as refusal:
        settings_of(monkeypatch, **change)
    # Neither in its own words nor in those of a cause that a traceback would show.
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    return str(refusal.value)


def kek(material: bytes) -> str:
    return f"k1:{b64encode(material).decode()}"


UNUSABLE = {
    "PORT": ["65536", "-1", "8000.5", "8_000", '"8000"', "٣", "eighty"],
    "HOST": ["127.0.0.1:8000", "http://127.0.0.1", "a b"],
    "ALLOWED_HOSTS": ["https://a.example", "a.example:8000", "a.example/path", "'a.example'", "a.example; b.example", ",", "[::1", "::1]"],
    "TRUSTED_ORIGINS": ["bookbag.example:8443", "https://bookbag.example/path", "ftp://bookbag.example", " , "],
    "HTTPS": ["perhaps", "2", "true false"],
    "AUDIT_DAYS": ["-1", "29", "1", "x"],
    "TRUST_PROXY": ["-1", "11", "1.0", "127.0.0.1", "all"],
    "DRAIN_SECONDS": ["-1", "nan", "inf", "1e999", "5 minutes", "3,5", "86400"],
    "DRAIN_NOTICE_SECONDS": ["-0.5", "NaN"],
    "LOG_LEVEL": ["LOUD", "10"],
    "LOG_FORMAT": ["yaml"],
    "RUNNING_PER_MEMBER": ["-1", "four"],
    "RUNNING_PER_WORKSPACE": ["-1", "four"],
    "REPLIES_PER_MINUTE": ["-1", "1e2", "thirty", "2147483648"],
    "SOURCE_FILE_MB": ["0", "201", "20MB"],
    "WEBSITE_PAGES": ["0", "5001", "all"],
    "TRAIN_WORKERS": ["-1", "65", "two"],
    "JOBS": ["celery", "rq"],
    "EMBEDDINGS": ["true", "openai", "l2"],
    "FETCH_LOOPBACK": ["perhaps"],
    "REPLY_WALL_SECONDS": ["0", "-300", "inf", "300s"],
    "LEASE_SECONDS": ["0", "nan"],
    "REPLY_TEXT_BYTES": ["0", "256k"],
    "PROVIDER_KEY_MAX_AGE_DAYS": ["0", "99999999999", "36501"],
    "SECRET_KEY": [f"{CANARY * 3}\u200b", f"'{CANARY * 3}'", f"{CANARY * 3}\n{CANARY}", f"{CANARY * 3}…"],
    "VAULT_KEYS": [kek(b"change me " * 3 + b"me"), kek(bytes(32)), f"k1:{CANARY}", kek(bytes(range(31))), "k 1:x"],
    "DATABASE_URL": [
        "", " ", f"postgres://u:{CANARY}/word@h:5432/db", f"postgres://u:12{CANARY}?x@h/db", f"postgres://u:{CANARY}#@h/db",
        f"postgres://u:5432/{CANARY}@h:5432/db", f"postgres://u:{CANARY}@h:port/db", f"postgres://u:{CANARY}@h:0/db",
        f"postgres://u:{CANARY}@h:70000/db", f"postgres://u:{CANARY}@h:5432", f"postgres://u:{CANARY}@[h/db",
        f"postgres://u:{CANARY}@h1,h2:port/db", "sqlite://var/bookbag.sqlite3", "sqlite:///", "bookbag.sqlite3",
        f"mongodb://u:{CANARY}@h/db", f"postgres://u:{CANARY}@h/db?sslmode=on", f"postgres://u:p@h/db?{CANARY}=1",
        f"postgres://u:{CANARY}@h/db?connect_timeout=5s", f"postgres://u:p@h/db?sslrootcert=/no/such/{CANARY}",
        "sqlite:///var/bookbag.sqlite3?timeout=5", "postgres://u:p@h/db?conn_max_age=60",
    ],
    "CACHE_URL": [
        "memory://", f"redis+x://:{CANARY}@h", "cache", "dbcache://", "locmemcache://?timeout=soon",
        "dbcache://table?max_entries=many",
    ],
    "EMAIL_URL": [
        f"smtp+tls://u:{CANARY}/x@h:587", f"smtp+tls://u:{CANARY}@h:port", f"smtp://u:{CANARY}#x@h", f"mail://u:{CANARY}@h",
        "smtp://:25", "mail.example:587", f"smtp://u:{CANARY}@h:25?ssl=true",
    ],
    "DEFAULT_FROM_EMAIL": ["Bookbag", "a@b.example, c@d.example", "Bookbag <no-reply>"],
    "ADMINS": ["olive@bookbag.test, oscar", "olive@", "olive at bookbag.test"],
    "SUPPORT_EMAIL": ["help", "Help <help@bookbag.test>", "a@b.example, c@d.example", "mailto:help@b.example>"],
    "TERMS_URL": ["javascript:alert(1)", "/terms/", "bookbag.example/terms", f"https://u:{CANARY}@h/terms", "https://h h/"],
    "PRIVACY_URL": ["data:text/html,x", "https://"],
    "OPENAI_BASE_URL": [
        "api.openai.com/v1", "https://", "ftp://api.openai.com", f"https://u:{CANARY}@api.openai.com", "https://h/v1?x=1",
        "https://h/v1#x", "https:///v1", "https://h:0/v1", "https://h h/v1",
    ],
    "ANTHROPIC_BASE_URL": ["localhost:8010", "http:/localhost"],
    "PROVIDER_PROXY": [f"socks5://u:{CANARY}@proxy:1080", f"http://u:{CANARY}@proxy:x", "proxy:3128", "http://:3128"],
    "PROVIDER_CA_FILE": ["/no/such/file", str(ROOT), str(ROOT / "README.md")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in UNUSABLE.items() for value in values]
)
def test_value_that_cannot_be_used_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    told = refusal_of(monkeypatch, **{name: value})
    assert name in told
    assert CANARY not in told
    assert len(value) < 8 or value not in told


USABLE: list[tuple[str, str, Any]] = [
    ("ALLOWED_HOSTS", "a.example.com, b.example.com,", ["a.example.com", "b.example.com"]),
    ("ALLOWED_HOSTS", ".example.com,10.0.0.5,[::1]", [".example.com", "10.0.0.5", "[::1]"]),
    ("ALLOWED_HOSTS", "::1", ["[::1]"]),
    ("ALLOWED_HOSTS", "", ["127.0.0.1", "localhost", "[::1]"]),
    ("SECRET_KEY", f"${CANARY * 3}", f"${CANARY * 3}"),
    ("SECRET_KEY", f" {CANARY * 3}\r\n", CANARY * 3),
    ("PORT", "", 8000),
    ("PORT", " 80 ", 80),
    ("TRUST_PROXY", "false", 0),
    ("TRUST_PROXY", "True", 1),
    ("TRUST_PROXY", "2", 2),
    ("HTTPS", "", True),
    ("DRAIN_SECONDS", "0", 0.0),
    ("DRAIN_SECONDS", "1.5e1", 15.0),
    ("ADMINS", "Olive <olive@bookbag.test>,\n oscar@bookbag.test", None),
    ("SUPPORT_EMAIL", "help@bookbag.example", "help@bookbag.example"),
    ("SUPPORT_EMAIL", "", ""),
    ("TERMS_URL", "https://bookbag.example/terms/?version=3", "https://bookbag.example/terms/?version=3"),
    ("TRUSTED_ORIGINS", "https://bookbag.example:8443/", ["https://bookbag.example:8443"]),
    ("PROVIDER_PROXY", "http://user:p%40ss@proxy.example:3128/", "http://user:p%40ss@proxy.example:3128"),
]
AS = {"TRUSTED_ORIGINS": "CSRF_TRUSTED_ORIGINS"}


@pytest.mark.parametrize(("name", "value", "read"), USABLE)
def test_value_that_can_be_used_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: Any
) -> None:
    found = settings_of(monkeypatch, DEBUG="false", **{name: value})
    assert read is None or found[AS.get(name, name)] == read


def test_jobs_wait_in_the_database_or_where_redis_is(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = settings_of(monkeypatch)
    with_redis = settings_of(monkeypatch, JOBS="redis", REDIS_URL="redis://queue.example:6379/3")

    assert usual["TASKS"]["default"]["BACKEND"] == "django_tasks_db.DatabaseBackend"
    assert "django_rq" not in usual["INSTALLED_APPS"]
    assert with_redis["TASKS"]["default"]["BACKEND"] == "django_tasks_rq.RQBackend"
    assert with_redis["RQ_QUEUES"]["default"]["URL"] == "redis://queue.example:6379/3"
    assert "django_rq" in with_redis["INSTALLED_APPS"]


def test_blank_provider_address_is_the_providers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    blank = {one.base_url_setting: " " for one in roster.KEYED} | {"OPENAI_BASE_URL": ""}
    found = settings_of(monkeypatch, **blank)
    assert found["PROVIDER_BASE_URLS"] == {one.name: one.base_url for one in roster.KEYED}


@pytest.mark.parametrize(
    ("url", "host", "port", "password"),
    [
        ("postgres://u:p%2Fw%23@h:5432/db", "h", 5432, "p/w#"),
        ("postgres://u:p@h1:5432,h2:5433/db", "h1,h2", "5432,5433", "p"),
        ("postgres://u@//run/postgresql/db", "/run/postgresql", "", ""),
        ("postgres:///db", "", "", ""),
    ],
)
def test_database_address_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, url: str, host: str, port: Any, password: str
) -> None:
    database = settings_of(monkeypatch, DATABASE_URL=url)["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["PASSWORD"], database["NAME"]) == (
        host,
        port,
        password,
        "db",
    )


def test_pooler_in_transaction_mode_is_met_without_prepared_statements_and_open_cursors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepares, does_not = (
        settings_of(monkeypatch, DATABASE_URL="postgres:///db", DATABASE_POOL="true", DATABASE_PREPARE=word)
        for word in ("true", "false")
    )
    ours, theirs = prepares["DATABASES"]["default"], does_not["DATABASES"]["default"]

    assert (ours["OPTIONS"]["prepare_threshold"], theirs["OPTIONS"]["prepare_threshold"]) == (2, None)
    assert (ours.get("DISABLE_SERVER_SIDE_CURSORS"), theirs["DISABLE_SERVER_SIDE_CURSORS"]) == (None, True)
    assert theirs["OPTIONS"]["server_side_binding"] is True
    assert (prepares["DATABASE_LISTEN"], does_not["DATABASE_LISTEN"]) == (True, False)
    # How long a page waits for a connection of the pool, before it says that Bookbag is busy.
    assert theirs["OPTIONS"]["pool"]["timeout"] == 3


def test_mail_goes_to_the_port_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_of(monkeypatch, EMAIL_URL="smtp+tls://user:p%23ss@mail.example")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == ("mail.example", 587, True)
    assert found["EMAIL_HOST_PASSWORD"] == "p#ss"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfek\x00", f"'{CANARY * 3}'\n".encode()])
def test_file_without_a_usable_value_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.delenv("SECRET_KEY")
    told = refusal_of(monkeypatch, SECRET_KEY_FILE=str(tmp_path / "secret"))
    assert told.startswith("SECRET_KEY_FILE ")
    assert CANARY not in told


@pytest.mark.parametrize("path", ["", " ", "/no/such/file", str(ROOT)])
def test_path_of_no_file_is_named(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.delenv("VAULT_KEYS")
    assert refusal_of(monkeypatch, VAULT_KEYS_FILE=path).startswith("VAULT_KEYS_FILE ")


def test_mark_at_the_head_of_a_file_is_not_part_of_the_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbf" + f"{CANARY * 3}\r\n".encode())
    monkeypatch.delenv("SECRET_KEY")
    assert settings_of(monkeypatch, SECRET_KEY_FILE=str(tmp_path / "secret"))["SECRET_KEY"] == CANARY * 3


def test_variable_and_its_file_are_not_both_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY * 3)
    told = refusal_of(monkeypatch, SECRET_KEY=CANARY * 3, SECRET_KEY_FILE=str(tmp_path / "secret"))
    assert told == "SECRET_KEY and SECRET_KEY_FILE are both set; keep one of them."


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
        ({"SECRET_KEY": "change-me-1234567890-abcdefghijklmnopqrstuvwxyz"}, "SECRET_KEY"),
        ({"LEASE_LIFE_SECONDS": "100"}, "LEASE_LIFE_SECONDS"),
        ({"DEBUG": "true", "HTTPS": "false", "ALLOWED_HOSTS": "bookbag.example"}, "DEBUG"),
        ({"PORT": CANARY}, "PORT"),
        ({"DATABASE_URL": f"postgres://user:{CANARY}/x@db:5432/x"}, "DATABASE_URL"),
    ],
)
@pytest.mark.parametrize("entry", ["check", "bookbag.asgi"])
def test_bad_setting_stops_the_start_with_a_sentence(change: dict[str, str], named: str, entry: str) -> None:
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings"} | change
    run = nursery.shared().run(["check"] if entry == "check" else ["-m", entry], env)
    assert run.returncode != 0
    assert named in run.stderr
    assert "Traceback" not in run.stderr
    assert CANARY not in run.stdout + run.stderr
