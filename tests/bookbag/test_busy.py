"""With every connection of the pool lent, a page and a message are told so soon, and `check` says it beforehand."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.core.checks import Warning
from django.db import connection

from bookbag import checks
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import platform_key, refusal, send
from tests.harness.live import StartServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool")
# Of which the chat path keeps one from the start, and may ask for a second.
POOL = 4


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
def test_exhausted_pool_is_told_to_pages_scripts_and_senders(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    agent = make_agent(cast.acme, "gpt-4o")
    server = start_server(DATABASE_POOL="true", DATABASE_POOL_SIZE=str(POOL), DATABASE_POOL_SECONDS="0.5")
    visitors = [visit(cast.edith, server=server) for _ in range(POOL + 2)]
    *holding, sender, late = visitors
    with ThreadPoolExecutor(POOL) as threads:
        with members_locked():
            pages = [threads.submit(one.get, "/w/acme/") for one in holding[: POOL - 1]]
            pages.append(threads.submit(send, sender, agent))
            assert eventually(lambda: waiting() == POOL, seconds=20)
            page = late.get("/w/acme/")
            scripted = late.get("/w/acme/", headers={"accept": "application/json"})
            message = send(holding[POOL - 1], agent)
        assert [one.result().status_code for one in pages] == [200] * (POOL - 1) + [202]

    assert (page.status_code, page.headers["retry-after"]) == (503, "10")
    assert "<h1>Bookbag is busy</h1>" in page.text
    assert refusal(scripted) == refusal(message) == (503, "busy")
    told = f"busy: the pool's {POOL} connections are all lent; since one was last free, (\\d+) more requests"
    assert [int(number) for number in re.findall(told, server.output)] == [1, 2, 3]
    assert late.get("/w/acme/").status_code == 200


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
