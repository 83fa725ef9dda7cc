"""Leases on sources: a worker takes one, renews it while it trains, and loses it when its process dies."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import DatabaseError, connection
from django.db.models import F, Q
from django.db.models.functions import Now

from agents.models import Source, SourceQuerySet

log = logging.getLogger(__name__)

SECONDS = 40.0
RENEW_SECONDS = 10.0


def until() -> object:
    return Now() + timedelta(seconds=SECONDS)


def take(source_id: UUID) -> UUID | None:
    """Take a source that is queued, or whose worker is gone. Returns the lease token, or None."""
    token = uuid4()
    free = Q(state=Source.State.QUEUED) | Q(state=Source.State.TRAINING, lease_until__lt=Now())
    taken = Source.objects.filter(free, pk=source_id, deleted_at=None).update(
        state=Source.State.TRAINING, lease_token=token, lease_until=until(), attempts=F("attempts") + 1
    )
    return token if taken else None


def held(source_id: UUID, token: UUID) -> SourceQuerySet:
    """The source, if `token` still holds its lease."""
    return Source.objects.filter(pk=source_id, lease_token=token, state=Source.State.TRAINING)


@contextmanager
def renewed(source_id: UUID, token: UUID) -> Iterator[None]:
    """Renew the lease in a thread until the end of the block."""
    over = threading.Event()
    thread = threading.Thread(
        target=_renew, args=(source_id, token, over), name="training-lease", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(source_id: UUID, token: UUID, over: threading.Event) -> None:
    while not over.wait(RENEW_SECONDS):
        try:
            held(source_id, token).update(lease_until=until())
        except DatabaseError as problem:  # the next renewal may succeed
            log.warning("a training lease was not renewed: %s", type(problem).__name__)
        finally:
            connection.close()
