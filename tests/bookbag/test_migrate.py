"""On SQLite `migrate` changes nothing under a reply that is being written."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from agents.models import Reply
from agents.running import leases
from llm.routing import Billing
from tests.factories import make_workspace
from workspaces import database_guards

pytestmark = pytest.mark.django_db

only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL alters a table in place")
# One that no other waits for.
LAST = MigrationLoader(None).graph.leaf_nodes("agents")[0]


def reply_renewed(seconds_ago: float) -> Reply:
    now = timezone.now()
    return Reply.objects.create(
        workspace=make_workspace(),
        idempotency_key="a press",
        fingerprint="f",
        question="How long?",
        state=Reply.State.STREAMING,
        model_name="Local",
        provider="local",
        credential_kind="none",
        billing=Billing.LOCAL,
        price=0,
        why="local",
        lease_token=uuid4(),
        created_at=now,
        renewed_at=now - timedelta(seconds=seconds_ago),
    )


def test_lease_is_live_for_as_long_as_it_was_taken() -> None:
    reply_renewed(3600)
    assert leases.live_leases() == 0
    reply_renewed(1)
    assert leases.live_leases() == 1


@only_sqlite
def test_migrate_refuses_while_a_lease_is_live_and_says_what_to_do() -> None:
    reply_renewed(1)
    MigrationRecorder(connection).record_unapplied(*LAST)
    with pytest.raises(
        CommandError, match="Nothing was migrated: a reply is being written right now"
    ) as refusal:
        call_command("migrate", verbosity=0)

    assert "Stop the server" in str(refusal.value)
    assert "--beside-replies" in str(refusal.value)
    assert LAST not in MigrationRecorder(connection).applied_migrations()
    assert database_guards.missing(connection) == []


def test_migrate_with_nothing_to_do_disturbs_nobody() -> None:
    reply_renewed(1)
    call_command("migrate", verbosity=0)


@only_sqlite
def test_looking_at_the_plan_is_no_migration() -> None:
    reply_renewed(1)
    MigrationRecorder(connection).record_unapplied(*LAST)

    call_command("migrate", plan=True, verbosity=0)
    with pytest.raises(SystemExit):
        call_command("migrate", check_unapplied=True, verbosity=0)


@only_sqlite
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("seconds_ago", "options"), [(1, {"beside_replies": True}), (3600, {})])
def test_migrate_goes_on_when_it_is_told_to_or_when_the_lease_is_over(
    seconds_ago: float, options: dict[str, bool]
) -> None:
    reply_renewed(seconds_ago)
    MigrationRecorder(connection).record_unapplied(*LAST)
    call_command("migrate", verbosity=0, fake=True, **options)

    assert LAST in MigrationRecorder(connection).applied_migrations()
    assert database_guards.missing(connection) == []
