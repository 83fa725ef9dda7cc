"""Buckets: what is left of each grant. Callers hold the account's lock (billing/ledger.py).

Captures draw on buckets lazily: they lower `posted` and leave the buckets alone, so that

    draw = Σ bucket.remaining − posted

is what was spent and not yet taken out of a bucket. `apply_draw` takes it out, soonest expiry first,
before anything that changes the set of buckets (docs/decisions/0004-buckets-drawn-lazily.md).
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from billing.models import Account, Bucket, Transfer


def in_order(account: Account) -> list[Bucket]:
    """Buckets with something left in them, in the order in which they are spent."""
    return list(
        account.buckets.filter(remaining__gt=0).order_by(F("expires_at").asc(nulls_last=True), "transfer_id")
    )


def take(buckets: Iterable[Bucket], amount: int) -> list[Bucket]:
    """Lower `remaining` by `amount` in all, in the order given; returns what was touched, unsaved."""
    touched = []
    for bucket in buckets:
        part = min(bucket.remaining, amount)
        if part > 0:
            bucket.remaining -= part
            amount -= part
            touched.append(bucket)
    return touched


def drawn(account: Account) -> list[Bucket]:
    """The buckets as they would be with the draw taken out of them; nothing is written."""
    buckets = in_order(account)
    take(buckets, sum(bucket.remaining for bucket in buckets) - account.posted)
    return buckets


def apply_draw(account: Account) -> list[Bucket]:
    """Take the draw out of the buckets for good; returns those with something left, in order."""
    buckets = in_order(account)
    touched = take(buckets, sum(bucket.remaining for bucket in buckets) - account.posted)
    Bucket.objects.bulk_update(touched, ["remaining"])
    return [bucket for bucket in buckets if bucket.remaining > 0]


def expire(account: Account, now: datetime) -> list[Transfer]:
    """Move the remaining credits out of expired buckets; returns the transfers.

    As many credits as open holds reserve stay in place, from the soonest-expiring bucket on. Once a hold has freed
    them, a later call moves them out.
    """
    due = [bucket for bucket in apply_draw(account) if bucket.expires_at and bucket.expires_at <= now]
    spared = account.held
    transfers = []
    for bucket in due:
        kept = min(spared, bucket.remaining)
        spared -= kept
        if bucket.remaining > kept:
            transfers.append(_expire_bucket(account, bucket, bucket.remaining - kept, now))
    return transfers


def _expire_bucket(account: Account, bucket: Bucket, amount: int, now: datetime) -> Transfer:
    # The external id contains `remaining`, which never grows, so no two expiries of a bucket have the same one.
    transfer = Transfer.objects.create(
        account=account,
        kind=Transfer.Kind.EXPIRE,
        amount=-amount,
        external_id=f"expire:{bucket.pk}:{bucket.remaining}",
        reason=f"Not used by {bucket.expires_at:%-d %B %Y}",
        created_at=now,
    )
    bucket.remaining -= amount
    bucket.save(update_fields=["remaining"])
    return transfer
