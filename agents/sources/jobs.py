"""Training jobs: the server queues them, worker processes run them. The only module that uses django-tasks.

A job only names its source. The source's row says what to do, and whether a worker is doing it (working.py). So a
duplicate job does no harm, and a lost one is queued again (upkeep.py).
"""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_tasks import task

from agents.models import Source

log = logging.getLogger(__name__)

# A job not begun after this time counts as lost. Longer than a full queue takes; a duplicate job would do no harm
# anyway.
LOST = timedelta(minutes=15)
# How long finished jobs are kept, for finding faults.
KEPT = timedelta(days=1)
# Calls of meaning.fill in one job.
BATCHES_EACH = 10


@task()
def train(source_id: str) -> None:
    # Imported late: a process that only queues jobs does not need working.py and its many imports.
    from agents.sources import working

    working.train(UUID(source_id))


@task()
def give_vectors(after: int) -> None:
    from agents.knowledge import meaning

    for _ in range(BATCHES_EACH):
        going_on = meaning.fill(after)
        if going_on is None:
            return
        after = going_on
    # Queue the next part as a new job, so that waiting sources get their turn.
    give_vectors.enqueue(after)


def enqueue(source_id: UUID) -> None:
    """Have a worker train this source, after the current transaction is committed."""
    transaction.on_commit(lambda: _put(source_id))


def _put(source_id: UUID) -> None:
    try:
        train.enqueue(str(source_id))
    except Exception as problem:  # the act is stored, and must not fail because Redis is away
        log.warning("a job could not be put into the queue: %s", type(problem).__name__)
        # Marks it for upkeep.revive, which queues it again in its next round.
        Source.objects.filter(pk=source_id, state=Source.State.QUEUED).update(queued_at=Now() - LOST)


def catch_up() -> None:
    """Queue the making of vectors that are missing for the configured encoder; called when workers start."""
    if settings.EMBEDDINGS != "off":
        give_vectors.enqueue(0)


def work(*, until_empty: bool = False) -> None:
    """Run jobs until a signal stops the worker, or until there are none."""
    if settings.JOBS == "redis":
        # Jobs run in this process, as with the database queue: process_pool.py provides worker processes, so forking
        # is not needed.
        call_command("rqworker", "default", burst=until_empty, worker_class="rq.SimpleWorker", verbosity=0)
    else:
        call_command("db_worker", reload=False, startup_delay=False, batch=until_empty)


def prune() -> None:
    """Delete jobs of the database queue that were finished long ago."""
    if settings.JOBS == "database":
        table: Any = apps.get_app_config("django_tasks_database").get_model("DBTaskResult")
        table.objects.finished().filter(finished_at__lt=timezone.now() - KEPT).delete()
