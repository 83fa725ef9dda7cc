"""A lease on a source: held by whoever trains on it, renewed while it does, over when its process is gone."""

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
    """Take the source if it waits, or if whoever had it is gone; returns the token to end it with, or None."""
    token = uuid4()
    free = Q(state=Source.State.QUEUED) | Q(state=Source.State.TRAINING, lease_until__lt=Now())
    taken = Source.objects.filter(free, pk=source_id, deleted_at=None).update(
        state=Source.State.TRAINING, lease_token=token, lease_until=until(), attempts=F("attempts") + 1
    )
    return token if taken else None


def held(source_id: UUID, token: UUID) -> SourceQuerySet:
    """The source, as long as the lease of `token` is on it."""
    return Source.objects.filter(pk=source_id, lease_token=token, state=Source.State.TRAINING)


@contextmanager
def renewed(source_id: UUID, token: UUID) -> Iterator[None]:
    """Renew the lease from a thread until the end of the block."""
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
        except DatabaseError as problem:  # the next round may reach it
            log.warning("a training lease was not renewed: %s", type(problem).__name__)
        finally:
            connection.close()
