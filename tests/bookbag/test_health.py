"""`/healthz` and `/readyz`: public, quick, and naming what does not work."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from billing import guards as ledger_guards
from llm import ring
from workspaces import guards as audit_guards


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
def test_readyz_names_missing_guards(client: Client) -> None:
    ledger_guards.remove(connection)
    audit_guards.remove(connection)

    assert answer(client) == (503, {"status": "unready", "failing": ["ledger_guards", "audit_guards"]})


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
