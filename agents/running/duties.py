"""The server's periodic duties: which process takes each, and the slow ones, which ask other servers.

They run in a thread of their own, so that they never delay the sweep: fetching the accounts' model lists, a
few keys a round; mailing about chat models that leave; wiping what was deleted; indexing rows of an older
version, which may be many; and queueing interrupted training again. Of many processes, one takes each round.
"""

import logging
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from agents import closing, conversations, credits_low, shutdowns
from agents.knowledge import common, index
from agents.models import Duty
from agents.running import ending
from agents.sources import upkeep
from llm import refresh
from workspaces import audit, limits_reached

log = logging.getLogger(__name__)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# Mails are due on a certain day. A check every hour sends them early in that day, and retries soon after a
# mail server was down.
TELL_SECONDS = 3600.0
# A round may come a little early and still count as the next one: a turn is claimed for less than a whole interval.
EARLY = 0.9
_under_way = Lock()


def my_turn(name: str, seconds: float) -> bool:
    """Claim the duty `name` for so many seconds: of all processes that ask within them, one gets True."""
    due = Now() - timedelta(seconds=seconds)
    Duty.objects.get_or_create(name=name, defaults={"last_at": LONG_AGO})
    return Duty.objects.filter(name=name, last_at__lt=due).update(last_at=Now()) == 1


def begin_round() -> Thread | None:
    """Take a round in a thread of its own; None while the one before still runs in this process."""
    if not _under_way.acquire(blocking=False):
        return None
    # A daemon thread: the process may end in the middle of a round, and what is not stored by then is fetched
    # another day.
    thread = Thread(target=_run, name="duties", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread is to be had: the next round may find one
        _under_way.release()
        return None
    return thread


def _run() -> None:
    try:
        take_round()
    except Exception as problem:  # whatever went wrong in this round, the next one must come
        log.warning("duties missed on %s: %s", connection.vendor, type(problem).__name__)
    finally:
        connection.close()
        _under_way.release()


def take_round() -> None:
    # Every process does this, without a turn: each has notes of its own in memory.
    limits_reached.tell()
    if my_turn("wiping", settings.SWEEP_SECONDS * EARLY):
        conversations.wipe()
    if my_turn("closing", settings.SWEEP_SECONDS * EARLY):
        ending.end_where_none_may_run()
        closing.take_round()
    if my_turn("sources", settings.SWEEP_SECONDS * EARLY):
        upkeep.take_round()
    if my_turn("indexing", settings.SWEEP_SECONDS * EARLY):
        filled = index.fill()
        if filled:
            log.info("%d rows of an older version were indexed", filled)
    if my_turn("common terms", TELL_SECONDS * EARLY):
        common.count_all()
    if my_turn("audit log", TELL_SECONDS * EARLY):
        audit.forget()
    if my_turn("model lists", settings.SWEEP_SECONDS * EARLY):
        refresh.take_round()
    if my_turn("low credits", TELL_SECONDS * EARLY):
        credits_low.tell()
    if my_turn("shutdown mails", TELL_SECONDS * EARLY):
        told = shutdowns.tell()
        if told:
            log.info("%d notices of models that leave were mailed", told)
