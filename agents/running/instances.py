"""The server processes that work on replies, and how the others notice that one of them has died.

An instance with running replies writes a sign of life once a second (`beat`). When another instance has seen none
for SILENT_SECONDS, and none in two more looks after that, it ends the leases of the silent one's replies
(`end_leases_of_the_silent`); the sweep does the rest. All times are the database's.

An instance judges others only under two conditions. It must have been able to look for SILENT_SECONDS itself,
because after an outage of the database every instance was silent. And it must have been able to write between its
looks, because while something blocks all writers, every instance can look and none can beat.
"""

import time
from collections.abc import Iterable
from datetime import timedelta
from threading import Lock
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from agents import ids
from agents.models import Instance, Reply
from billing import holds
from billing.sql import now, uid

SILENT_SECONDS = 5.0
# How many looks in a row must find an instance silent. One is not enough: when the database's clock is set forward,
# every instance seems silent for one look.
LOOKS = 3
# Time between two looks of one process. A gap longer than GAP_SECONDS means that the process was paused or cut off
# from the database.
LOOK_SECONDS = 1.0
GAP_SECONDS = 3.0
FORGOTTEN_AFTER = timedelta(days=1)

# The id is made at the first beat, not at import: several processes may be forked after this module was imported.
_mine: UUID | None = None
_making = Lock()
_id: UUID | None = None
_looking_since = 0.0
_looked_at = 0.0
# Replies whose instance was silent at the last look, with the number of looks in a row.
_suspected: dict[UUID, int] = {}


def current() -> UUID | None:
    """The id of this process, once the database knows it; None before, and where no server runs."""
    return _id


def beat() -> None:
    """Say that this process lives."""
    global _id
    mine = _own_id()
    clock = now(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO agents_instance (id, seen_at) VALUES (%s, {clock})"
            f" ON CONFLICT (id) DO UPDATE SET seen_at = {clock}",
            [uid(connection, mine)],
        )
    _id = mine


def _own_id() -> UUID:
    global _mine
    # Two threads may make the first call at the same time.
    with _making:
        _mine = _mine or ids.new_id()
        return _mine


def leave() -> None:
    """Remove this process's row as it ends, so that others need not wait to see it silent before they end its replies."""
    if _id:
        Instance.objects.filter(pk=_id).delete()


def forget_the_old() -> None:
    """Delete the rows of processes unseen for a day; one that was only idle writes its row again at its next beat."""
    Instance.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()


def end_leases_of_the_silent() -> int:
    """End the leases of replies whose instance has fallen silent; returns how many. Call every LOOK_SECONDS.

    An instance that was only paused renews its leases when it continues, unless the sweep came first.
    """
    silent = Now() - timedelta(seconds=SILENT_SECONDS)
    orphans = list(
        Reply.objects.filter(state__in=Reply.RUNNING, renewed_at__lt=silent, instance_id__isnull=False)
        .exclude(instance_id=_id)
        .exclude(Exists(Instance.objects.filter(pk=OuterRef("instance_id"), seen_at__gte=silent)))
        .values_list("pk", flat=True)
    )
    may_judge = _may_judge()
    sure = _found_again(orphans)
    if not may_judge or not sure:
        return 0
    over = Now() - timedelta(seconds=settings.LEASE_SECONDS + 1)
    # Each table has a transaction of its own, for the reason given in agents/running/heartbeat.py.
    holds.end_leases(sure)
    with transaction.atomic():
        running = Reply.objects.filter(pk__in=sure, state__in=Reply.RUNNING, renewed_at__lt=silent)
        running.update(renewed_at=over)
    return len(sure)


def _found_again(orphans: Iterable[UUID]) -> list[UUID]:
    """The replies that were orphans in LOOKS looks in a row, at each of which this process could write."""
    global _suspected
    # If the beat below raises, the suspicions stay empty. If it takes long, `_may_judge` sees a gap between two
    # looks.
    before, _suspected = _suspected, {}
    looks = {reply_id: before.get(reply_id, 0) + 1 for reply_id in orphans}
    if looks:
        beat()
    _suspected = looks
    return [reply_id for reply_id, count in looks.items() if count >= LOOKS]


def _may_judge() -> bool:
    """Whether this process has looked without a gap for SILENT_SECONDS."""
    global _looking_since, _looked_at, _suspected
    moment = time.monotonic()
    if moment - _looked_at > GAP_SECONDS:
        _looking_since, _suspected = moment, {}
    _looked_at = moment
    return moment - _looking_since >= SILENT_SECONDS
