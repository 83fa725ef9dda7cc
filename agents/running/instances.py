"""The server processes that work on replies, and how one of them is known to be dead.

An instance that has replies running says so once a second (`beat`). Another one that has heard nothing of it
for SILENT_SECONDS, and in two looks after that one neither, ends the leases of its replies
(`end_leases_of_the_silent`), and the sweep does the rest. All times are the database's. An instance judges others only
when it has itself been able to look for as long: after an outage of the database everybody was silent. And only when
it could write between those looks: while something holds up all writers everybody can look, and nobody can beat.
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
# Looks on end that have to find it silent. A clock of the database's that was set makes everybody silent for one.
LOOKS = 3
# Between two looks of one process; a longer gap means that it was paused, or cut off from the database.
LOOK_SECONDS = 1.0
GAP_SECONDS = 3.0
FORGOTTEN_AFTER = timedelta(days=1)

# Made at the first beat: processes may be forked from one that has imported everything.
_mine: UUID | None = None
_making = Lock()
_id: UUID | None = None
_looking_since = 0.0
_looked_at = 0.0
# Replies whose instance was silent at the last look, and in how many looks on end.
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
    # Two threads may come here first.
    with _making:
        _mine = _mine or ids.new_id()
        return _mine


def leave() -> None:
    """Say that this process is about to end: what it could not settle need not be waited for."""
    if _id:
        Instance.objects.filter(pk=_id).delete()


def forget_the_old() -> None:
    """Drop the rows of processes that ended long ago without a word; one that was only idle writes its own again."""
    Instance.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()


def end_leases_of_the_silent() -> int:
    """End the leases of replies whose instance has fallen silent; returns how many. Call every LOOK_SECONDS.

    An instance that was only paused renews them again, unless the sweep came first.
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
    # A transaction for each table, as with heartbeats (agents/running/heartbeat.py).
    holds.end_leases(sure)
    with transaction.atomic():
        running = Reply.objects.filter(pk__in=sure, state__in=Reply.RUNNING, renewed_at__lt=silent)
        running.update(renewed_at=over)
    return len(sure)


def _found_again(orphans: Iterable[UUID]) -> list[UUID]:
    """Those that were orphans in LOOKS looks on end, in each of which this process could write."""
    global _suspected
    # Forgotten if the beat fails. One that takes long is a gap between two looks.
    before, _suspected = _suspected, {}
    looks = {reply_id: before.get(reply_id, 0) + 1 for reply_id in orphans}
    if looks:
        beat()
    _suspected = looks
    return [reply_id for reply_id, count in looks.items() if count >= LOOKS]


def _may_judge() -> bool:
    """Whether this process has looked without a gap for as long as another must be silent."""
    global _looking_since, _looked_at, _suspected
    moment = time.monotonic()
    if moment - _looked_at > GAP_SECONDS:
        _looking_since, _suspected = moment, {}
    _looked_at = moment
    return moment - _looking_since >= SILENT_SECONDS
