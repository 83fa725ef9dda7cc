"""The detectors work: a leak is planted into every kind of sink, in every encoding, and found."""

import base64
import html
import json
import logging
import pickle
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from django.conf import settings
from django.core import mail
from django.core.cache import caches
from django.db import connection

from llm.models import ChatModel, ProviderKey
from tests.canary import sinks
from tests.canary.planted import new_secret
from tests.canary.scanner import SLICE, Scanner, body_of, is_distinctive
from tests.factories import make_user
from tests.harness.visitor import session_cookie
from tests.provider_double.auth import WORD
from workspaces import audit
from workspaces.models import Session

# Not one of the planted secrets, because other searches must not find what leaks here on purpose.
SECRET = new_secret("sk-", odd=True)
BODY = body_of(SECRET)
SCANNER = Scanner({"it": SECRET})
ENCODINGS = {
    "raw": lambda text: text.encode(),
    "reversed": lambda text: text[::-1].encode(),
    "lower case": lambda text: text.lower().encode(),
    "URL": lambda text: quote(text, safe="").encode(),
    "URL, all": lambda text: "".join(f"%{ord(sign):02x}" for sign in text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, shifted by one": lambda text: base64.b64encode(f"x{text}xx".encode()),
    "base64, shifted by two": lambda text: base64.b64encode(f"xx{text}x".encode()),
    "base64 of URLs": lambda text: base64.urlsafe_b64encode(text.encode()),
    "HTML": lambda text: html.escape(text).encode(),
    "HTML, numeric": lambda text: "".join(f"&#{ord(sign)};" for sign in text).encode(),
    "JSON": lambda text: json.dumps(text)[1:-1].encode(),
    "JSON, all": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text).encode(),
    "repr": lambda text: repr(text)[1:-1].encode(),
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "UTF-16, big-endian": lambda text: text.encode("utf-16-be"),
    "pickle": lambda text: pickle.dumps({"secret": text}),
}


def holds(data: bytes | str) -> bool:
    return SCANNER.find(data) != []


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_every_nine_characters_are_found_wherever_they_stand(encode: Any) -> None:
    missed = [
        (start, offset)
        for start in range(len(BODY) - SLICE + 1)
        for offset in range(5)
        if not holds(b"." * offset + encode(BODY[start : start + SLICE]) + b"...")
    ]

    assert missed == []


def test_eight_characters_are_not_a_finding() -> None:
    assert [start for start in range(len(SECRET) - 7) if holds(f" {SECRET[start : start + 8]} ")] == []


def test_what_all_keys_of_a_sort_begin_with_is_not_a_finding() -> None:
    scanner = Scanner({"it": "sk-ant-OpErAtOrXQ7vJ2mNw8ZrT4pLc6sYd1fBk"})

    assert scanner.find("what-operators-may-do sk-ant-oat01- sk-ant-operator") == []


def test_mask_is_not_a_finding() -> None:
    row = ProviderKey(prefix="sk-", tail=SECRET[-4:])

    assert SCANNER.find(f"{row} {row.mask} {SECRET[-4:]}") == []


def test_packed_value_is_opened() -> None:
    packed = base64.urlsafe_b64encode(zlib.compress(json.dumps({"secret": SECRET}).encode()))

    assert holds(b"session=." + packed.rstrip(b"=") + b":1tZ:sig")


def test_finding_does_not_repeat_the_secret() -> None:
    (found,) = SCANNER.find(f"somewhere in a line: {SECRET}")

    assert BODY[:SLICE] not in str(found)
    assert str(found).startswith(f"{len(BODY)} characters of it (raw) after 'somewhere in a ")


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "a" * 40,
        "sk-this-is-a-made-up-key-of-the-demo",
        "sk-short",
        "sk-0f3c9a7be15d48260fb1c5d9e7a34286",
    ],
)
def test_secret_that_chance_could_write_is_not_looked_for_in_slices(secret: str) -> None:
    assert not is_distinctive(secret)


def test_planted_secret_is_looked_for_in_slices() -> None:
    assert all(is_distinctive(new_secret("sk-ant-", odd=odd)) for odd in (True, False))


def test_planted_secret_is_one_that_the_double_accepts() -> None:
    # Without the look at its words, seven of these would be refused.
    assert not [secret for _ in range(500) if WORD.search(secret := new_secret("sk-", odd=True))]


# --- Sinks ---------------------------------------------------------------------------------------


def places(found: Any) -> set[str]:
    return {line.partition(":")[0] for line in sinks.leaks(SCANNER, found)}


@pytest.fixture
def leaky_rows(db: None) -> None:
    """A leak in each of a text column, a binary column, a JSON column, a session, and a form that Django stores."""
    ChatModel.objects.create(name="x", provider="openai", model_id="x", note=SECRET, price=1)
    ProviderKey.objects.create(provider="openai", prefix="sk-", ciphertext=SECRET[5:20].encode())
    audit.record(None, "provider_key.added", secret={"deep": [SECRET]})
    session = Session.objects.get(pk=session_cookie(make_user()))
    store = import_module(settings.SESSION_ENGINE).SessionStore(session.pk)
    store["socialaccount_held_post"] = {"secret": SECRET}
    store.save()


LEAKY_COLUMNS = {"llm_chatmodel.note", "llm_providerkey.ciphertext", "workspaces_auditevent.data"}


@pytest.mark.usefixtures("leaky_rows")
def test_leak_in_a_column_is_found() -> None:
    assert places(sinks.database_columns()) >= LEAKY_COLUMNS


@pytest.mark.usefixtures("leaky_rows")
def test_leak_in_a_session_is_found() -> None:
    assert len(places(sinks.sessions())) == 1


@pytest.mark.usefixtures("leaky_rows")
def test_leak_in_a_dump_is_found() -> None:
    assert places(sinks.sql_dump())


@pytest.mark.django_db(transaction=True)
def test_leak_in_the_databases_files_is_found() -> None:
    ChatModel.objects.create(name="x", provider="openai", model_id="x", note=SECRET, price=1)

    assert places(sinks.database_files())


@pytest.mark.django_db(transaction=True)
def test_leak_that_was_deleted_is_found_in_the_databases_files() -> None:
    row = ChatModel.objects.create(name="x", provider="openai", model_id="x", note=SECRET, price=1)
    row.delete()

    assert not places(sinks.database_columns())
    assert places(sinks.database_files())


def test_leak_in_the_cache_is_found(settings: Any, tmp_path: Path) -> None:
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}
    caches["default"].set("held", {"secret": SECRET})

    assert places(sinks.cached(tmp_path))


@pytest.mark.parametrize("padding", ["", "é" * 200])
def test_leak_in_a_mail_is_found(settings: Any, tmp_path: Path, padding: str) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    mail.send_mail("It failed", f"{padding} {SECRET}", None, ["olive@bookbag.test"])

    assert places(sinks.mails(tmp_path))


@pytest.mark.parametrize("place", ["head", "body"])
def test_leak_in_a_response_is_found(place: str) -> None:
    headers = {"X-Debug": quote(SECRET)} if place == "head" else {}
    body = html.escape(SECRET) if place == "body" else ""
    answer = httpx.Response(200, headers=headers, text=body, request=httpx.Request("GET", "http://x/y"))

    assert places(sinks.response(answer)) == {f"{place} of GET /y"}


def test_leak_in_a_file_below_a_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "server.log").write_text(f"Traceback … b'Bearer {SECRET}'")

    assert places(sinks.files(tmp_path)) == {str(tmp_path / "deep" / "server.log")}


def test_leak_in_a_log_record_is_found(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("somebody").warning("refused %r", SECRET)

    assert holds(caplog.text)


@pytest.mark.django_db
def test_sinks_name_every_table() -> None:
    seen = {name.partition(".")[0] for name, _ in sinks.database_columns()}

    assert {"llm_providerkey", "workspaces_session", "django_admin_log", "django_migrations"} <= seen
    assert len(seen) == len(connection.introspection.table_names())
