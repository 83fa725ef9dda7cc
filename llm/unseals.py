"""Counting how often each provider key is opened, by purpose.

Each process counts in memory and adds its counts to the day's row when `flush` runs (the sweep loop does it, every
SWEEP_SECONDS), so that opening a key writes nothing. A killed process loses the counts since its last flush. The
replies themselves are stored separately, so none of them is lost.
"""

import datetime as dt
from collections import Counter
from threading import Lock
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from llm.models import ProviderKey, UnsealCount
from workspaces import audit

# How long after midnight (UTC) a day's counts go to the audit log; until then slow processes may add to them.
SETTLING = dt.timedelta(hours=1)

Place = tuple[UUID, str, dt.date]
_counts: Counter[Place] = Counter()
_lock = Lock()


def count(provider_key_id: UUID, purpose: str) -> None:
    """Count one opening in this process's memory."""
    with _lock:
        _counts[provider_key_id, purpose, timezone.now().date()] += 1


def flush() -> int:
    """Add this process's counts to their rows; returns how many openings were written."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    try:
        with transaction.atomic():
            _add(taken)
    except Exception:
        with _lock:
            _counts.update(taken)
        raise
    return sum(taken.values())


def _add(taken: dict[Place, int]) -> None:
    known = set(ProviderKey.objects.filter(pk__in={place[0] for place in taken}).values_list("pk", flat=True))
    places = sorted((place for place in taken if place[0] in known), key=str)
    UnsealCount.objects.bulk_create(
        [UnsealCount(provider_key_id=key_id, purpose=purpose, day=day) for key_id, purpose, day in places],
        ignore_conflicts=True,
    )
    for key_id, purpose, day in places:
        row = UnsealCount.objects.filter(provider_key_id=key_id, purpose=purpose, day=day)
        row.update(times=F("times") + taken[key_id, purpose, day])


def report() -> int:
    """Write the counts of past days to the audit log, once; returns the number of events."""
    over = (timezone.now() - SETTLING).date()
    rows = UnsealCount.objects.filter(reported=False, day__lt=over).select_related("provider_key__workspace")
    return sum(_report_one(row) for row in rows.order_by("day", "pk"))


def _report_one(row: UnsealCount) -> bool:
    with transaction.atomic():
        mine = UnsealCount.objects.filter(pk=row.pk, reported=False).update(reported=True) == 1
        if mine:
            provider_key = row.provider_key
            audit.record(
                provider_key.workspace,
                "provider_key.opened",
                provider=provider_key.provider,
                mask=provider_key.mask,
                purpose=row.purpose,
                day=row.day.isoformat(),
                times=row.times,
            )
    return mine
