"""AUDIT_DAYS: what is older is deleted, by the one way that the database lets through, and told."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from tests.factories import make_workspace
from workspaces import audit, database_guards, guards
from workspaces.models import AuditEvent, AuditRetention, Workspace

pytestmark = pytest.mark.django_db


def old_event(workspace: Workspace, *, days: int) -> AuditEvent:
    return AuditEvent.objects.create(
        workspace=workspace, action="thing.done", created_at=timezone.now() - timedelta(days=days)
    )


def in_the_log(workspace: Workspace) -> list[str]:
    return list(workspace.audit_events.order_by("id").values_list("action", flat=True))


def test_without_the_setting_everything_is_kept(acme: Workspace) -> None:
    old_event(acme, days=5_000)

    assert audit.forget() == 0
    assert in_the_log(acme) == ["workspace.created", "thing.done"]


def test_older_ones_go_and_it_is_told(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_DAYS = 90
    monkeypatch.setattr(audit, "FORGOTTEN_AT_ONCE", 2)
    old = [
        AuditEvent.objects.create(action="x.y", created_at=timezone.now() - timedelta(days=91))
        for _ in range(5)
    ]
    acme = make_workspace(slug="acme")
    kept = old_event(acme, days=89)

    assert audit.forget() == len(old)
    assert in_the_log(acme) == ["workspace.created", "thing.done"]
    told = AuditEvent.objects.latest("id")
    assert (told.workspace, told.action, told.data["events"], told.data["days"]) == (
        None,
        "audit.forgotten",
        5,
        90,
    )
    assert AuditEvent.objects.filter(pk=kept.pk).exists()
    assert audit.forget() == 0
    assert not AuditRetention.objects.exists()


@pytest.mark.parametrize("days", [0, 1, 29])
def test_database_lets_nobody_forget_what_is_recent(acme: Workspace, settings: Any, days: int) -> None:
    with pytest.raises(DatabaseError, match="kept for 30 days"), transaction.atomic():
        AuditRetention.objects.create(before=timezone.now() - timedelta(days=days))


def test_what_may_be_forgotten_is_not_moved_afterwards(acme: Workspace) -> None:
    said = AuditRetention.objects.create(before=timezone.now() - timedelta(days=40))
    with pytest.raises(DatabaseError, match="said anew"), transaction.atomic():
        AuditRetention.objects.filter(pk=said.pk).update(before=timezone.now())
    recent = old_event(acme, days=39)
    with pytest.raises(DatabaseError, match=guards.REFUSAL), transaction.atomic():
        recent.delete()


def test_guard_lets_through_what_it_allows_and_nothing_silently(acme: Workspace) -> None:
    """PostgreSQL skips a deletion without a word where the trigger's function gives back nothing."""
    old = old_event(acme, days=50)
    AuditRetention.objects.create(before=timezone.now() - timedelta(days=40))
    AuditEvent.objects.filter(pk=old.pk).delete()

    assert not AuditEvent.objects.filter(pk=old.pk).exists()
    assert database_guards.missing(connection) == []
