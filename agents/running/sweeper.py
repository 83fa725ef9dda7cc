"""Sweeping: end replies whose run lost its lease, uncharged, and free their holds.

Every SWEEP_SECONDS one of the server's processes sweeps; the command `sweep_holds` does the same. Each process also
looks every second for others that have fallen silent, and sweeps at once when it finds one.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from agents.errors import OurFault
from agents.models import Reply
from agents.running import announcements, database, duties, instances
from billing import holds
from billing.models import Hold
from llm import upkeep
from llm.routing import Billing

log = logging.getLogger(__name__)


def sweep() -> int:
    """End every lapsed reply; returns how many. Safe to repeat, and to run beside late settles and other sweeps."""
    holds.sweep()
    running = Reply.objects.filter(state__in=Reply.RUNNING)
    on_credits = Q(billing=Billing.CREDITS)
    # A reply on credits ends only once its hold is expired, which another process may have done.
    freed = Exists(Hold.objects.filter(reply_id=OuterRef("pk"), state=Hold.State.EXPIRED))
    lapsed = Q(renewed_at__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))
    over = running.filter((on_credits & freed) | (~on_credits & lapsed))
    ids = list(over.values_list("pk", flat=True))
    ended = over.filter(pk__in=ids).update(
        state=Reply.State.FAILED,
        ending=Reply.Ending.FAILED,
        error_code=OurFault.INTERRUPTED,
        done_at=Now(),
    )
    if ids and announcements.are_possible():
        announcements.notify([reply_id.hex for reply_id in ids])
    return ended


def sweep_if_my_turn() -> None:
    if duties.my_turn("sweep", settings.SWEEP_SECONDS * duties.EARLY):
        ended = sweep()
        if ended:
            log.warning("swept %d interrupted replies; nothing was charged for them", ended)
        instances.forget_the_old()
    upkeep.run()


def sweep_after_the_silent() -> int:
    """End the replies of processes that have fallen silent; returns how many were found."""
    orphans = instances.end_leases_of_the_silent()
    if orphans:
        log.warning("another process fell silent: %d replies of it are swept; nothing is charged", orphans)
        sweep()
    return orphans


async def look_after_others_forever() -> None:
    """Every LOOK_SECONDS, for as long as the server lives."""
    while True:
        await asyncio.sleep(instances.LOOK_SECONDS)
        await attempt(sweep_after_the_silent)


async def sweep_forever() -> None:
    """At start-up and every SWEEP_SECONDS, for as long as the server lives."""
    await attempt(sweep)
    while True:
        await asyncio.sleep(settings.SWEEP_SECONDS)
        await attempt(sweep_if_my_turn)
        duties.begin_round()


async def attempt(function: Callable[[], object]) -> None:
    try:
        await database.run(function)
    except Exception as problem:  # whatever went wrong in this round, the next one must come
        log.warning("sweep missed on %s: %s", connection.vendor, type(problem).__name__)
