"""`/healthz` and `/readyz`: public, quick, and naming what does not work."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from bookbag.operations import health
from llm import keys, ring
from llm.models import Provider
from llm.vault import Secret
from tests.harness.cast import Cast
from tests.harness.live import StartServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from workspaces import database_guards

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has it")
READY = (200, {"status": "ready", "failing": []})


def unready(*parts: str) -> tuple[int, dict[str, Any]]:
    return 503, {"status": "unready", "failing": list(parts)}


def answer(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, response.json()


def test_healthz_asks_no_database(client: Client) -> None:
    # Without the `db` mark any query would raise.
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_when_all_is_well(client: Client) -> None:
    assert answer(client) == (200, {"status": "ready", "failing": []})


@pytest.mark.django_db
def test_readyz_says_that_guards_are_missing_and_the_log_which(
    client: Client, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_told", set())
    database_guards.remove(connection)

    assert answer(client) == (503, {"status": "unready", "failing": ["guards"]})
    assert answer(client) == (503, {"status": "unready", "failing": ["guards"]})
    of_the_index = ["agents_passage_terms_insert"] if connection.vendor == "sqlite" else []
    for name in ("hold_never_deleted", "audit_refuse_delete", *of_the_index):
        assert caplog.text.count(f"guard {name} is not in force") == 1


@pytest.mark.django_db
def test_readyz_names_migrations_that_are_not_applied(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("workspaces", "0003_audit_filters")

    assert answer(client) == (503, {"status": "unready", "failing": ["migrations"]})


def test_readyz_names_a_database_that_does_not_answer(client: Client) -> None:
    # Without the `db` mark every query raises, as it would with no database there.
    assert answer(client) == (503, {"status": "unready", "failing": ["database"]})


@pytest.mark.django_db
def test_readyz_names_a_vault_that_cannot_open(client: Client, settings: Any) -> None:
    settings.VAULT_KEYS = [("k1", None)]

    assert answer(client) == (503, {"status": "unready", "failing": ["vault"]})


@pytest.mark.django_db
def test_readyz_names_a_vault_with_another_kek_under_a_known_id(
    client: Client, settings: Any, caplog: Any
) -> None:
    settings.VAULT_KEYS = [("known", b"the KEK that was used until now.")]
    ring.assert_genuine()
    settings.VAULT_KEYS = [("known", b"CANARYCANARYCANARYCANARYCANARY32")]
    response = client.get("/readyz")

    assert (response.status_code, response.json()["failing"]) == (503, ["vault"])
    assert "CANARY" not in caplog.text + response.content.decode()


@pytest.mark.django_db
def test_readyz_stays_ready_when_an_old_kek_is_absent(client: Client, settings: Any) -> None:
    settings.VAULT_KEYS = [("old", b"the KEK that was used until now.")]
    ring.assert_genuine()
    settings.VAULT_KEYS = [("new", b"another KEK, of the same length.")]

    assert answer(client) == (200, {"status": "ready", "failing": []})


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["10.0.0.5:8000", "elsewhere.test", "[fd00::5]:8000", "not a host"])
def test_probe_is_answered_whatever_host_it_names_and_before_any_redirect(
    client: Client, settings: Any, path: str, host: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = client.get(path, headers={"Host": host})

    assert response.status_code == 200
    assert client.get("/help/", headers={"Host": host}).status_code in (301, 400)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_takes_nothing_in(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_readyz_says_no_while_the_server_stops(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "draining", health.Event())
    health.draining.set()

    assert answer(client) == unready("draining")
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_readyz_names_platform_keys_that_do_not_open(client: Client, settings: Any, caplog: Any) -> None:
    settings.VAULT_KEYS = [("old", b"the KEK that was used until now.")]
    keys.replace(None, provider=Provider.OPENAI, secret=Secret("sk-CANARYCANARYCANARYCANARYCANARYCANARY"))
    assert answer(client) == READY
    settings.VAULT_KEYS = [("new", b"another KEK, of the same length.")]

    assert answer(client) == unready("platform_keys")
    assert "CANARY" not in caplog.text


@pytest.mark.django_db
def test_readyz_does_not_mind_a_workspaces_key_that_does_not_open(
    client: Client, settings: Any, cast: Cast
) -> None:
    settings.VAULT_KEYS = [("new", b"another KEK, of the same length.")]

    assert answer(client) == READY


@pytest.mark.django_db
def test_readyz_only_warns_of_guards_of_another_version(
    client: Client, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_told", set())
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for table, name in (
                ("billing_hold", "hold_never_deleted"),
                ("workspaces_auditevent", "audit_refuse_delete"),
            ):
                cursor.execute(f"DROP TRIGGER {name}")
                cursor.execute(
                    f"CREATE TRIGGER {name} BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'new'); END"
                )
        else:
            cursor.execute("COMMENT ON TRIGGER hold_never_deleted ON billing_hold IS 'newer'")
            cursor.execute("COMMENT ON TRIGGER audit_refuse_delete ON workspaces_auditevent IS NULL")

    assert answer(client) == READY
    assert answer(client) == READY
    for name in ("hold_never_deleted", "audit_refuse_delete"):
        assert caplog.text.count(f"guard {name} is of another version") == 1


@only_postgresql
@pytest.mark.django_db
def test_readyz_names_guards_that_are_switched_off(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_hold DISABLE TRIGGER hold_never_deleted")
        cursor.execute("ALTER TABLE workspaces_auditevent DISABLE TRIGGER audit_refuse_delete")

    assert answer(client) == unready("guards")


# --- At the server ------------------------------------------------------------------------------------


def asked(url: str) -> tuple[int, dict[str, Any]]:
    response = httpx.get(f"{url}/readyz", headers={"Host": "10.0.0.5"}, timeout=20, trust_env=False)
    return response.status_code, response.json()


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_readyz_says_no_while_the_pool_has_nothing_to_lend(
    start_server: StartServer, cast: Cast, visit: Visit
) -> None:
    server = start_server(DATABASE_POOL="true", DATABASE_POOL_SIZE="2", DATABASE_POOL_SECONDS="30")
    assert asked(server.url) == READY
    members = [visit(user, server=server) for user in (cast.victor, cast.edith)]
    parameters = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with psycopg.connect(**parameters) as locking, ThreadPoolExecutor(2) as threads:
        locking.execute("LOCK TABLE workspaces_membership IN ACCESS EXCLUSIVE MODE")
        pages = [threads.submit(member.get, "/w/acme/") for member in members]
        assert eventually(lambda: asked(server.url) == unready("pool"))
        assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
        locking.rollback()
        assert {page.result().status_code for page in pages} == {200}
    assert eventually(lambda: asked(server.url) == READY)


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_readyz_does_not_wait_for_a_database_that_does_not_answer(start_server: StartServer) -> None:
    server = start_server()
    parameters = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with psycopg.connect(**parameters) as locking:
        locking.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        # The lock is held until there is an answer.
        assert asked(server.url) == unready("database")
        locking.rollback()
    assert eventually(lambda: asked(server.url) == READY)
