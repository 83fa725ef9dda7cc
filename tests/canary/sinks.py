"""Every place that Bookbag writes to or stores something in, as pairs of a name and bytes to search."""

import email
import email.policy
import pickle
import zlib
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from tests.canary.scanner import Scanner

Sink = tuple[str, bytes]


def leaks(scanner: Scanner, sinks: Iterable[Sink]) -> list[str]:
    """One line for each finding, which names the place and not the secret."""
    return [f"{name}: {found}" for name, data in sinks for found in scanner.find(data)]


def as_bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode("utf-8", "replace")


def database_columns() -> Iterator[Sink]:
    """Every column of every table of every app, read with SQL instead of the ORM."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
            for place, name in enumerate(names):
                yield f"{table}.{name}", b"\n".join(as_bytes(row[place]) for row in rows)


def database_files() -> Iterator[Sink]:
    """The raw bytes on disk, with free pages and write-ahead log; for PostgreSQL after a checkpoint."""
    if connection.vendor == "sqlite":
        for suffix in ("", "-wal", "-shm"):
            yield from files(Path(f"{connection.settings_dict['NAME']}{suffix}"))
        return
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SHOW data_directory")
        directory = Path(cursor.fetchone()[0])
        cursor.execute("SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't')")
        paths = [name for (name,) in cursor.fetchall() if name]
    for name in paths:
        yield from files(directory / name)


def sql_dump() -> Iterator[Sink]:
    """The database as SQL text, as in a backup."""
    if connection.vendor == "sqlite":
        yield "SQL dump", "\n".join(connection.connection.iterdump()).encode()
        return
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            copy = f"COPY {connection.ops.quote_name(table)} TO STDOUT"
            with cursor.connection.cursor() as raw, raw.copy(copy) as rows:
                yield f"COPY {table}", b"".join(bytes(part) for part in rows)


def sessions() -> Iterator[Sink]:
    """The decoded contents of the sessions."""
    from workspaces.models import Session

    for session in Session.objects.all():
        yield f"session of {session.user_id}", repr(session_store(session.pk).load()).encode()


def session_store(session_key: str) -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore(session_key)


def files(*paths: Path) -> Iterator[Sink]:
    """The files of these paths, or below them."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                yield str(file), file.read_bytes()


def cached(directory: Path) -> Iterator[Sink]:
    """The entries of Django's file cache: an expiry time and a compressed pickle each."""
    for name, data in files(directory):
        yield name, data
        with open(name, "rb") as entry:
            pickle.load(entry)  # noqa: S301 (the expiry; the server under test wrote it)
            yield f"{name}, unpacked", zlib.decompress(entry.read())


def mails(directory: Path) -> Iterator[Sink]:
    """The mails that Django's file backend wrote, as sent and decoded."""
    for name, data in files(directory):
        yield name, data
        for number, text in enumerate(data.split(b"\n" + b"-" * 79 + b"\n")):
            yield f"{name}, mail {number}", _decoded_mail(text)


def _decoded_mail(data: bytes) -> bytes:
    message = email.message_from_bytes(data, policy=email.policy.default)
    parts = [f"{header}: {value}" for header, value in message.items()]
    for part in message.walk():
        if part.get_content_maintype() == "text":
            parts.append(part.get_content())
    return "\n".join(parts).encode("utf-8", "replace")


def response(answer: Any, name: str = "") -> Iterator[Sink]:
    """An httpx response: its head, with cookies as they are sent, and its body."""
    name = name or f"{answer.request.method} {answer.request.url.raw_path.decode()}"
    head = "\n".join(f"{header}: {value}" for header, value in answer.headers.multi_items())
    yield f"head of {name}", head.encode()
    yield f"body of {name}", answer.content
