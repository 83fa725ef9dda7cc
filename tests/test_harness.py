"""The harness itself: which database, no network, and a database that comes back whole."""

import os
import socket

import pytest
from django.db import connection
from django.test import TransactionTestCase

from tests.harness import database
from tests.harness.network import NetworkForbidden
from workspaces.models import AuditEvent, User


@pytest.mark.django_db
def test_database_is_the_one_asked_for() -> None:
    engine = os.environ["DATABASE_URL"].partition(":")[0]
    assert connection.vendor == {"sqlite": "sqlite", "postgres": "postgresql"}[engine.removesuffix("ql")]


@pytest.mark.django_db
def test_sqlite_is_a_file_since_threads_share_it() -> None:
    if connection.vendor == "sqlite":
        assert os.path.dirname(connection.settings_dict["NAME"]) == os.environ["BOOKBAG_TEST_DIR"]


def test_connecting_beyond_loopback_is_refused() -> None:
    with pytest.raises(NetworkForbidden), socket.socket() as outside:
        outside.connect(("192.0.2.1", 443))
    with pytest.raises(NetworkForbidden):
        socket.create_connection(("api.openai.com", 443), timeout=1)


@pytest.mark.django_db(transaction=True)
def test_restore_removes_what_was_committed_and_keeps_counting_ids() -> None:
    first = User.objects.create_user("first@example.test")
    AuditEvent.objects.create(action="test.happened")
    database.restore()
    assert (User.objects.count(), AuditEvent.objects.count()) == (0, 0)
    assert User.objects.create_user("second@example.test").pk > first.pk


@pytest.mark.django_db(transaction=True)
def test_restore_keeps_what_the_migrations_made() -> None:
    tables = [model for model in connection.introspection.get_migratable_models() if model._meta.managed]
    before = {model: model.objects.count() for model in tables if hasattr(model, "objects")}
    database.restore()
    assert {model: model.objects.count() for model in before} == before


def test_transactional_tests_are_restored_not_flushed(django_db_setup: None) -> None:
    assert vars(TransactionTestCase)["_fixture_teardown"].__name__ == "<lambda>"
