"""Plain builders for the ledger: a hold, a charge, a grant, each in its own transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone

from billing import buckets, holds, ledger
from billing.models import Account, Hold, Transfer


@dataclass(frozen=True)
class Held:
    hold_id: UUID
    reply_id: UUID
    lease_token: UUID


def hold(account: Account, amount: int) -> Held:
    """A hold of `amount`; raises CreditsExhausted."""
    held = Held(uuid4(), uuid4(), uuid4())
    with transaction.atomic(), connection.cursor() as cursor:
        holds.insert_hold(
            cursor,
            hold_id=held.hold_id,
            account_id=account.pk,
            amount=amount,
            reply_id=held.reply_id,
            lease_token=held.lease_token,
        )
    return held


def capture(held: Held, reason: str = "GPT-4o mini, Helper") -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        return holds.capture(cursor, hold_id=held.hold_id, lease_token=held.lease_token, reason=reason)


def release(held: Held) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        return holds.release(cursor, hold_id=held.hold_id, lease_token=held.lease_token)


def charge(account: Account, amount: int, reason: str = "GPT-4o mini, Helper") -> Transfer:
    """A reply of `amount` credits, charged; returns its line."""
    held = hold(account, amount)
    assert capture(held, reason)
    return Transfer.objects.get(reply_id=held.reply_id, kind=Transfer.Kind.CAPTURE)


def grant(
    account: Account, amount: int, *, expires_at: datetime | None = None, now: datetime | None = None
) -> Transfer:
    return ledger.grant(
        account,
        amount=amount,
        kind=Transfer.Kind.GRANT_OPERATOR,
        external_id=f"test:{uuid4()}",
        reason="a test",
        actor=None,
        expires_at=expires_at,
        now=now,
    )


def lapse(held: Held, *, seconds: float = 100_000) -> None:
    """Let the lease be `seconds` old."""
    Hold.objects.filter(pk=held.hold_id).update(renewed_at=timezone.now() - timedelta(seconds=seconds))


def figures(account: Account) -> tuple[int, int]:
    """What the account's row says: posted and held."""
    account.refresh_from_db()
    return account.posted, account.held


def apply_draw(account: Account) -> None:
    """Take the draw out of the buckets, as each verb that changes them does first."""
    with transaction.atomic():
        buckets.apply_draw(ledger.lock(account))


def remaining(account: Account) -> list[int]:
    """What each bucket has left, in the order in which they were made, once the draw is taken out."""
    apply_draw(account)
    return list(account.buckets.order_by("transfer_id").values_list("remaining", flat=True))
