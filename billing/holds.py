"""Holds on the path of a reply: one statement each, inside the caller's transaction.

hold ─▶ capture   the reply is charged: the database writes the transfer (billing/guards.py)
     ─▶ release   it is not
     ─▶ expire    its run lost the lease: the sweep frees the credits

Capture and release are fenced by the lease token: whoever lost the hold gets False, and must neither
charge nor assume that anything was freed. Lock order everywhere: a hold, then its account; the sweep
never waits for a hold, so it may do so while it has the account.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from billing import sql
from billing.errors import CreditsExhausted
from billing.models import Hold

REASON_LENGTH = 200
# The constraint of the model that a hold breaks which is more than available; both databases name it.
OVERDRAWN = "account_never_overdrawn"


HOLD = (
    "INSERT INTO billing_hold (id, account_id, amount, state, reply_id, lease_token, renewed_at, created_at, reason)"
    " VALUES (%s, %s, %s, 'held', %s, %s, NOW, NOW, '')"
)
# A hold without `resolved_at` is held (a CHECK says so). Asking for the state instead would lead PostgreSQL
# to the index of open holds, which it takes for nearly empty and then reads from end to end.
CAPTURE = (
    "UPDATE billing_hold SET state = 'captured', resolved_at = NOW, reason = %s"
    " WHERE id = %s AND lease_token = %s AND resolved_at IS NULL"
)
RELEASE = (
    "UPDATE billing_hold SET state = 'released', resolved_at = NOW"
    " WHERE id = %s AND lease_token = %s AND resolved_at IS NULL"
)
RENEW = "UPDATE billing_hold SET renewed_at = NOW WHERE id = %s AND lease_token = %s AND resolved_at IS NULL"


@cache
def _timed(statement: str, now: str) -> str:
    return statement.replace("NOW", now)


def insert_hold(
    cursor: Any, *, hold_id: UUID, account_id: int, amount: int, reply_id: UUID, lease_token: UUID
) -> None:
    """Set `amount` credits aside for one reply. Raises CreditsExhausted; the transaction is then void.

    `available` is unknown to that error: no further statement may run before the caller rolls back.
    """
    ids = [sql.uid(cursor.db, value) for value in (hold_id, reply_id, lease_token)]
    try:
        cursor.execute(_timed(HOLD, sql.now(cursor.db)), [ids[0], account_id, amount, ids[1], ids[2]])
    except IntegrityError as error:
        if OVERDRAWN in str(error):
            raise CreditsExhausted(needed=amount) from error
        raise


def capture(cursor: Any, *, hold_id: UUID, lease_token: UUID, reason: str) -> bool:
    """Charge the hold's amount, dated by the hold; False, and nothing charged, if it is no longer ours.

    `reason` is what the ledger's line says, cut at 200 characters.
    """
    ids = sql.uid(cursor.db, hold_id), sql.uid(cursor.db, lease_token)
    cursor.execute(_timed(CAPTURE, sql.now(cursor.db)), [reason[:REASON_LENGTH], *ids])
    return cursor.rowcount == 1


def is_captured(cursor: Any, *, hold_id: UUID, lease_token: UUID) -> bool:
    """Whether this hold was captured under this lease: asked when a capture's answer never came."""
    ids = sql.uid(cursor.db, hold_id), sql.uid(cursor.db, lease_token)
    cursor.execute("SELECT state = 'captured' FROM billing_hold WHERE id = %s AND lease_token = %s", ids)
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def release(cursor: Any, *, hold_id: UUID, lease_token: UUID) -> bool:
    """Free the hold without a charge; False if it is no longer ours."""
    ids = sql.uid(cursor.db, hold_id), sql.uid(cursor.db, lease_token)
    cursor.execute(_timed(RELEASE, sql.now(cursor.db)), ids)
    return cursor.rowcount == 1


def renew(cursor: Any, rows: Sequence[tuple[UUID, UUID]]) -> None:
    """Prolong the lease of each (hold id, lease token) that is still held."""
    ids = [(sql.uid(cursor.db, hold_id), sql.uid(cursor.db, lease_token)) for hold_id, lease_token in rows]
    if ids:
        cursor.executemany(_timed(RENEW, sql.now(cursor.db)), ids)


def end_leases(reply_ids: Sequence[UUID]) -> None:
    """Let the leases of these replies' open holds be over now: their runs are known to be dead."""
    over = Now() - timedelta(seconds=settings.LEASE_SECONDS + 1)
    Hold.objects.filter(reply_id__in=reply_ids, state=Hold.State.HELD).update(renewed_at=over)


def lapsed() -> QuerySet[Hold]:
    """Open holds whose lease ran out, or that are older than any reply may be, by the database's clock."""
    unrenewed = Q(renewed_at__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))
    too_old = Q(created_at__lt=Now() - timedelta(seconds=settings.LEASE_LIFE_SECONDS))
    return Hold.objects.filter(unrenewed | too_old, state=Hold.State.HELD)


def expire_due(account_id: int) -> list[UUID]:
    """Free the account's lapsed holds; returns the ids of their replies, which are free of charge for good.

    A hold whose row is locked is skipped, because somebody is resolving it at this moment.
    """
    with transaction.atomic():
        due = dict(
            lapsed()
            .filter(account_id=account_id)
            .select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
            .values_list("id", "reply_id")
        )
        Hold.objects.filter(id__in=due).update(state=Hold.State.EXPIRED, resolved_at=Now())
    return list(due.values())


def sweep() -> list[UUID]:
    """Free every lapsed hold, an account at a time; returns the ids of their replies."""
    accounts = lapsed().order_by("account_id").values_list("account_id", flat=True).distinct()
    return [reply_id for account_id in list(accounts) for reply_id in expire_due(account_id)]
