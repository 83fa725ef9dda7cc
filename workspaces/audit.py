"""The audit log: one event per act, written in the act's own transaction, never changed or deleted."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from workspaces import csv_export, page_marks
from workspaces.addresses import client_address
from workspaces.models import AuditEvent, AuditRetention, User, Workspace

CSV_HEADER = ("time (UTC)", "action", "actor", "address", "details", "what happened")
# Rows fetched at a time for an export: enough to be fast, few enough to use little memory.
EXPORT_ROWS = 500
# The name of this log in page marks (workspaces/page_marks.py).
LOG = "audit"
FORGOTTEN_AT_ONCE = 1_000
EVENTS_PER_PAGE = 50


@dataclass(frozen=True)
class AuditPage:
    """A page of the log. `older`: the mark of the next page, if there is one."""

    events: list[AuditEvent] = field(default_factory=list)
    older: str | None = None


def record(
    workspace: Workspace | None,
    action: str,
    *,
    actor: User | None = None,
    request: HttpRequest | None = None,
    **data: Any,
) -> AuditEvent:
    """Write one event. `action` is dotted, noun first (`provider_key.replaced`); `data` is JSON, without secrets.

    `request` gives the actor and the address. Without a workspace it is an event of the platform.
    """
    if request is not None and actor is None:
        actor = request.user if request.user.is_authenticated else None
    return AuditEvent.objects.create(
        workspace=workspace,
        action=action,
        actor=actor,
        actor_email=actor.email if actor else "",
        address=client_address(request) if request else None,
        data=data,
    )


def events(
    workspace: Workspace, *, action: str = "", actor: str = "", before: int | None = None
) -> QuerySet[AuditEvent]:
    """The workspace's events, newest first. `before`: the last id of the previous page."""
    found = workspace.audit_events.order_by("-id")
    if action:
        found = found.filter(action=action)
    if actor:
        found = found.filter(actor_email=actor)
    return found.filter(id__lt=before) if before else found


def page(workspace: Workspace, **filters: Any) -> AuditPage:
    """The first of the events that `events` finds."""
    found = list(events(workspace, **filters)[: EVENTS_PER_PAGE + 1])
    shown = found[:EVENTS_PER_PAGE]
    return AuditPage(shown, page_marks.mark(shown[-1].pk, log=LOG) if len(found) > len(shown) else None)


def actions_in(workspace: Workspace) -> list[str]:
    return list(workspace.audit_events.order_by("action").values_list("action", flat=True).distinct())


def actors_in(workspace: Workspace) -> list[str]:
    people = workspace.audit_events.exclude(actor_email="").order_by("actor_email")
    return list(people.values_list("actor_email", flat=True).distinct())


async def as_csv(workspace: Workspace, **filters: str) -> AsyncIterator[str]:
    """The events as CSV, a few hundred rows at a time, so that an export of any size uses little memory."""
    yield csv_export.lines([CSV_HEADER])
    before: int | None = None
    while rows := await sync_to_async(_rows)(workspace, before=before, **filters):
        yield csv_export.lines(_cells(event) for event in rows)
        before = rows[-1].pk


def forget() -> int:
    """Delete the events older than AUDIT_DAYS (0 keeps all), and record in the platform's log how many.

    The database allows only the deletions that the same transaction has announced (workspaces/guards.py).
    """
    if not settings.AUDIT_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    forgotten = 0
    while deleted := _forget_some(before):
        forgotten += deleted
    if forgotten:
        day = before.date().isoformat()
        record(None, "audit.forgotten", events=forgotten, before=day, days=settings.AUDIT_DAYS)
    return forgotten


@transaction.atomic
def _forget_some(before: datetime) -> int:
    """Delete those of the oldest few events that are from before that moment; returns how many."""
    oldest = AuditEvent.objects.order_by("id").values_list("id", "created_at")[:FORGOTTEN_AT_ONCE]
    ids = [pk for pk, created_at in oldest if created_at < before]
    if ids:
        said = AuditRetention.objects.create(before=before)
        AuditEvent.objects.filter(id__in=ids).delete()
        said.delete()
    return len(ids)


def _rows(workspace: Workspace, **filters: Any) -> list[AuditEvent]:
    return list(events(workspace, **filters)[:EXPORT_ROWS])


def _cells(event: AuditEvent) -> tuple[str, ...]:
    details = json.dumps(event.data, ensure_ascii=False, sort_keys=True)
    time = event.created_at.strftime(csv_export.TIME_FORMAT)
    return time, event.action, event.actor_email, event.address or "", details, event.sentence
