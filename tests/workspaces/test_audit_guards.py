"""The audit log's triggers: the database itself refuses to change or delete an event."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from tests.factories import make_user, make_workspace
from workspaces import guards
from workspaces.models import AuditEvent

pytestmark = pytest.mark.django_db

ATTEMPTS: dict[str, Callable[[AuditEvent], object]] = {
    "update one": lambda event: AuditEvent.objects.filter(pk=event.pk).update(action="nothing.happened"),
    "save": lambda event: AuditEvent(pk=event.pk, action="nothing.happened").save(),
    "delete one": lambda event: event.delete(),
    "delete all": lambda event: AuditEvent.objects.all().delete(),
    "raw delete": lambda event: connection.cursor().execute("DELETE FROM workspaces_auditevent"),
    "raw update": lambda event: connection.cursor().execute(
        "UPDATE workspaces_auditevent SET actor_email = 'x'"
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_event_is_neither_changed_nor_deleted(attempt: Callable[[AuditEvent], object]) -> None:
    event = make_workspace(make_user("olivia@acme.test")).audit_events.get()
    with pytest.raises(DatabaseError, match=guards.REFUSAL), transaction.atomic():
        attempt(event)

    event.refresh_from_db()
    assert (event.action, event.actor_email) == ("workspace.created", "olivia@acme.test")


def test_events_are_not_truncated() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has TRUNCATE")
    make_workspace()
    connection.check_constraints()  # settles what a TRUNCATE would otherwise be refused for
    with pytest.raises(DatabaseError, match=guards.REFUSAL), transaction.atomic():
        connection.cursor().execute("TRUNCATE workspaces_auditevent CASCADE")


def test_event_outlives_its_actor() -> None:
    workspace, adam = make_workspace(), make_user("adam@acme.test")
    event = AuditEvent.objects.create(
        workspace=workspace, action="x.done", actor=adam, actor_email=adam.email
    )
    adam_id = adam.pk
    adam.delete()

    event.refresh_from_db()
    assert (event.actor_id, event.actor_email) == (adam_id, "adam@acme.test")
