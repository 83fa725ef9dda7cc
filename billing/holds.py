"""Holds on the path of a reply: one statement each, inside the caller's transaction.

hold ─▶ capture   the reply is charged: the database writes the transfer (billing/guards.py)
     ─▶ release   the reply is not charged
     ─▶ expire    the reply's run lost the lease: the sweep frees the credits

Capture and release are fenced by the lease token: a caller that has lost the hold gets False, and must not charge,
nor assume that credits were freed. Lock order everywhere: first a hold, then its account. Only the sweep may take a
hold while it has the account locked, because it never waits for one: it skips locked holds.
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
# The constraint that a hold above the available credits violates. Both databases name it in their error.
OVERDRAWN = "account_never_overdrawn"


HOLD = (
    "INSERT INTO billing_hold (id, account_id, amount, state, reply_id, lease_token, renewed_at, created_at, reason)"
    " VALUES (%(id)s, %(account_id)s, %(amount)s, 'held', %(reply_id)s, %(lease_token)s, NOW, NOW, '')"
)
# A hold without `resolved_at` is held (a CHECK guarantees it). With a condition on `state` instead, PostgreSQL would
# choose the index of open holds, which it estimates as nearly empty, and read it from end to end.
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
    """Set `amount` credits aside for one reply. Raises CreditsExhausted; the transaction must then be rolled back.

    The error leaves `available` unknown, since no further statement may run before the rollback.
    """
    row = {
        "id": sql.uid(cursor.db, hold_id),
        "account_id": account_id,
        "amount": amount,
        "reply_id": sql.uid(cursor.db, reply_id),
        "lease_token": sql.uid(cursor.db, lease_token),
    }
    try:
        cursor.execute(_timed(HOLD, sql.now(cursor.db)), row)
    except IntegrityError as error:
        if OVERDRAWN in str(error):
            raise CreditsExhausted(needed=amount) from error
        raise


def capture(cursor: Any, *, hold_id: UUID, lease_token: UUID, reason: str) -> bool:
    """Charge the hold's amount, dated by the hold. Returns False and charges nothing if the hold is no longer ours.

    `reason` is shown in the ledger's line, cut at 200 characters.
    """
    ids = sql.uid(cursor.db, hold_id), sql.uid(cursor.db, lease_token)
    cursor.execute(_timed(CAPTURE, sql.now(cursor.db)), [reason[:REASON_LENGTH], *ids])
    return cursor.rowcount == 1


def is_captured(cursor: Any, *, hold_id: UUID, lease_token: UUID) -> bool:
    """Whether this hold was captured under this lease, for a caller that never learnt the result of its capture."""
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
    """Make the leases of these replies' open holds expire now: nothing works on the replies any more."""
    over = Now() - timedelta(seconds=settings.LEASE_SECONDS + 1)
    Hold.objects.filter(reply_id__in=reply_ids, state=Hold.State.HELD).update(renewed_at=over)


def lapsed() -> QuerySet[Hold]:
    """Open holds whose lease has expired, or that are older than a reply can be, by the database's clock."""
    unrenewed = Q(renewed_at__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))
    too_old = Q(created_at__lt=Now() - timedelta(seconds=settings.LEASE_LIFE_SECONDS))
    return Hold.objects.filter(unrenewed | too_old, state=Hold.State.HELD)


def expire_due(account_id: int) -> list[UUID]:
    """Free the account's lapsed holds; returns the ids of their replies, which can never be charged after this.

    A locked hold is skipped, because its run is resolving it at this moment.
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
