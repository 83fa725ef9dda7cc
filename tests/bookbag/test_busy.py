"""When every connection of the pool is in use, pages and messages are soon told so, and `check` warns beforehand."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.checks import Warning
from django.db import connection
from django.urls import ResolverMatch
from psycopg_pool import PoolTimeout

from bookbag.configuration import checks
from bookbag.server import express
from tests.harness.cast import Cast
from tests.harness.chat import refusal
from tests.harness.live import StartServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool")


@contextmanager
def members_locked() -> Iterator[None]:
    """Every page that asks who is a member waits, with the connection it has been lent."""
    parameters = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with psycopg.connect(**parameters) as locking:
        locking.execute("LOCK TABLE workspaces_membership IN ACCESS EXCLUSIVE MODE")
        yield
        locking.rollback()


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'workspaces_membership'::regclass"
        )
        return int(cursor.fetchone()[0])


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_exhausted_pool_is_told_to_people_and_scripts(
    cast: Cast, visit: Visit, start_server: StartServer
) -> None:
    server = start_server(DATABASE_POOL="true", DATABASE_POOL_SIZE="2", DATABASE_POOL_SECONDS="0.5")
    first, late = visit(cast.edith, server=server), visit(cast.edith, server=server)
    with ThreadPoolExecutor(1) as threads:
        with members_locked():
            # The chat path has the other connection.
            held = threads.submit(first.get, "/w/acme/")
            assert eventually(lambda: waiting() == 1)
            page = late.get("/w/acme/")
            scripted = late.get("/w/acme/", headers={"accept": "application/json"})
        assert held.result().status_code == 200

    assert (page.status_code, page.headers["retry-after"]) == (503, "10")
    assert "<h1>Bookbag is busy</h1>" in page.text
    assert refusal(scripted) == (503, "busy")
    told = r"busy: the pool's 2 connections are all lent; since one was last free, (\d+) more requests"
    assert all(int(number) > 0 for number in re.findall(told, server.output))
    assert len(re.findall(told, server.output)) == 2
    assert late.get("/w/acme/").status_code == 200


def test_sender_is_told_in_the_words_of_the_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits_in_vain(request: object) -> None:
        raise PoolTimeout("couldn't get a connection")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    monkeypatch.setattr(express, "_match", lambda scope: ResolverMatch(waits_in_vain, (), {}))
    monkeypatch.setattr(express, "outage", lambda problem: "busy" * isinstance(problem, PoolTimeout))
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
    asyncio.run(express.Express(None)(scope | {"query_string": b""}, receive, send))  # type: ignore[arg-type]

    assert sent[0]["status"] == 503
    told = json.loads(sent[1]["body"])["error"]
    assert (told["code"], "Bookbag is busy" in told["message"]) == ("busy", True)


@only_postgresql
@pytest.mark.django_db
def test_check_adds_up_what_the_processes_may_open(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        most = int(cursor.fetchone()[0])
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", {"max_size": most // 4})

    def found(processes: int) -> list[str | None]:
        settings.SERVER_PROCESSES = processes  # type: ignore[attr-defined]
        messages = checks.check_connections(["default"])
        assert all(isinstance(message, Warning) for message in messages)
        return [message.id for message in messages]

    assert found(3) == []
    assert found(4) == ["bookbag.W004"]  # PostgreSQL keeps a few for its superusers


@pytest.mark.django_db
def test_check_says_nothing_of_a_database_without_a_pool() -> None:
    assert checks.check_connections(["default"]) == []
    assert checks.check_connections(None) == []
