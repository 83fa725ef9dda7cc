"""Jobs: put into the queue by whoever serves pages, and done by worker processes. The one module that knows django-tasks.

A job only names its source. What is to be done, and whether anybody is at it already, is in the source's row
(working.py), so a job that comes twice does no harm, and one that is lost is put into the queue again (upkeep.py).
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

# A job that nobody has begun by then is taken for lost. Longer than a full queue takes: a second one does no harm.
LOST = timedelta(minutes=15)
# Jobs that are done are kept this long, for whoever looks for a fault.
KEPT = timedelta(days=1)
# Of meaning.fill, in one job.
BATCHES_EACH = 10


@task()
def train(source_id: str) -> None:
    # Not above: working.py needs far more than whoever only puts a job into the queue.
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
    # Anew, so that a source that waits has its turn.
    give_vectors.enqueue(after)


def enqueue(source_id: UUID) -> None:
    """Have a worker train this source, once the present transaction is committed."""
    transaction.on_commit(lambda: _put(source_id))


def _put(source_id: UUID) -> None:
    try:
        train.enqueue(str(source_id))
    except Exception as problem:  # a Redis that is away is no fault of the person's act, which is stored
        log.warning("a job could not be put into the queue: %s", type(problem).__name__)
        # For upkeep.revive, in its next round.
        Source.objects.filter(pk=source_id, state=Source.State.QUEUED).update(queued_at=Now() - LOST)


def catch_up() -> None:
    """Have vectors made of what has none by the encoder that is set now; for workers as they start."""
    if settings.EMBEDDINGS != "off":
        give_vectors.enqueue(0)


def work(*, until_empty: bool = False) -> None:
    """Do jobs until told to stop by a signal, or until there are none."""
    if settings.JOBS == "redis":
        # In this process, as with the database: it has its helpers (process_pool.py), and nothing to fork.
        call_command("rqworker", "default", burst=until_empty, worker_class="rq.SimpleWorker", verbosity=0)
    else:
        call_command("db_worker", reload=False, startup_delay=False, batch=until_empty)


def prune() -> None:
    """Forget jobs of the database that were done long ago."""
    if settings.JOBS == "database":
        table: Any = apps.get_app_config("django_tasks_database").get_model("DBTaskResult")
        table.objects.finished().filter(finished_at__lt=timezone.now() - KEPT).delete()
