"""The harness itself: which database, no network, and a database that comes back whole."""

import asyncio
import os
import socket
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.running import announcements
from billing import ledger
from bookbag import static
from llm import keys
from llm.models import Provider
from tests.factories import make_user
from tests.harness import database, live
from tests.harness.again import Scene
from tests.harness.cast import GINAS_CREDITS, Cast
from tests.harness.loops import forget_what_loops_left
from tests.harness.money import broken_laws
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


@pytest.mark.django_db
def test_cast_that_is_put_in_again_is_as_one_that_is_made(cast_scene: Scene[Cast]) -> None:
    with transaction.atomic():
        cast_scene.make()
        made = row_counts()
        transaction.set_rollback(True)
    assert cast_scene.statements

    with CaptureQueriesContext(connection) as captured:
        cast = cast_scene.again()

    assert len(captured) < 60  # and not made through the product
    assert row_counts() == made
    assert cast.olivia.check_password(cast.password)
    assert User.objects.get(email=cast.edith.email) == cast.edith
    assert ledger.balance(cast.globex) == ledger.Balance(100 + GINAS_CREDITS, 0)
    assert keys.active(cast.globex, Provider.OPENAI) is not None
    assert broken_laws() == []
    assert timezone.now() - cast.acme.created_at < timedelta(seconds=10)
    # What is made afterwards has higher ids.
    assert make_user().pk > cast.stranger.pk


def row_counts() -> dict[str, int]:
    return {
        model._meta.label: model._base_manager.count() for model in apps.get_models() if model._meta.managed
    }


def test_no_server_runs_beside_a_file_that_uses_none() -> None:
    assert live._shared == []


@pytest.mark.any_database
def test_clients_look_through_no_collected_file(collected_static: None) -> None:
    assert list(Path(settings.STATIC_ROOT).iterdir()) == []
    assert (Path(os.environ["STATIC_ROOT"]) / static.MARK).exists()


def test_what_a_loop_leaves_is_gone_after_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "are_possible", lambda: True)

    async def end_with_a_notice_on_its_way() -> None:
        try:
            await asyncio.Future()
        finally:
            # As a run does that is cut short: nobody cancels, nor ever runs, a task that is made now.
            announcements.announce([uuid4()])

    async def scene() -> None:
        running = asyncio.create_task(end_with_a_notice_on_its_way())
        await asyncio.sleep(0)
        assert not running.done()

    asyncio.run(scene())
    assert announcements._sending

    forget_what_loops_left()

    assert not announcements._sending
    assert not announcements._changed


def test_transactional_tests_are_restored_not_flushed(django_db_setup: None) -> None:
    assert vars(TransactionTestCase)["_fixture_teardown"].__name__ == "<lambda>"
