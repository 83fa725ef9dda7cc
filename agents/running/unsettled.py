"""Storing the end of a run. It is retried while the database is away: a few at a time, for a limited time and memory.

settlement.settle ─▶ stored
                  ─▶ DatabaseError ─▶ waits, tries again ─▶ stored
                                                         ─▶ gives up: the sweep ends the reply, uncharged
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseError

from agents.running import database, settlement
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply
from billing import ledger
from llm.providers.base import ResponseMetadata

log = logging.getLogger(__name__)

# The most bytes of text that may wait in memory to be settled. A settle that cannot reach the database is retried
# for SETTLE_SECONDS and then left to the sweep. In an outage only the replies that were running can wait, since no
# new one begins. If settling alone fails, replies go on beginning, so this limit bounds what waits; beyond it a
# reply is left to the sweep at once.
WAITING_BYTES = 64 * 1024 * 1024
# How many settles are retried at one time: each may block a database thread until its connection fails.
TRYING_AGAIN = 3
# A settle that finds TRYING_AGAIN others under way waits for at most this long before it asks again.
TURN_SECONDS = 2.0

_waiting_bytes = 0
_trying_again: set[UUID] = set()


@dataclass(frozen=True, slots=True)
class Settled:
    """A stored end: the credits charged, and what the workspace had left afterwards, if that could be read."""

    charged: int
    balance: ledger.Balance | None = None


async def settle(accepted: AcceptedReply, result: Result) -> Settled | None:
    """Store how the reply ended; None when that could not be done, which leaves the reply to the sweep."""
    try:
        return await database.run(once, accepted, result)
    except DatabaseError as problem:
        log.warning("reply %s not settled yet: %s", accepted.reply_id, type(problem).__name__)
        with _waiting(result) as may_wait:
            return await when_possible(accepted, result, problem) if may_wait else None
    except Exception as problem:  # not the database: trying again would not help
        log.error("reply %s cannot be settled: %s", accepted.reply_id, type(problem).__name__)
        return None


def once(accepted: AcceptedReply, result: Result) -> Settled:
    """Settle, in a database thread; after the commit, read what watchers are told of the credits in the same visit."""
    charged = settlement.settle(accepted, result)
    try:
        return Settled(charged, ledger.balance_now(accepted.workspace_id))
    except DatabaseError:  # the reply is settled all the same
        return Settled(charged)


async def when_possible(accepted: AcceptedReply, result: Result, problem: DatabaseError) -> Settled | None:
    """Try again after `problem`, for SETTLE_SECONDS at most."""
    deadline = time.monotonic() + settings.SETTLE_SECONDS
    pause = wait = 0.1
    while time.monotonic() < deadline:
        if isinstance(problem, DataError | IntegrityError):
            # If a value from the provider fits no column, store the text and its charge without the provider's
            # figures.
            result = replace(result, metadata=ResponseMetadata(), error=None, left_out=[])
        await asyncio.sleep(pause)
        if len(_trying_again) >= TRYING_AGAIN:
            # A random pause: replies that ended together would otherwise retry together each time, and few would
            # get a turn.
            pause = random.uniform(0, TURN_SECONDS)  # noqa: S311 (nobody gains by guessing it)
            continue
        pause = wait = min(wait * 2, 5.0)
        _trying_again.add(accepted.reply_id)
        try:
            return await database.run(once, accepted, result)
        except DatabaseError as again:
            problem = again
            log.warning("reply %s not settled yet: %s", accepted.reply_id, type(problem).__name__)
        except Exception as other:
            log.error("reply %s cannot be settled: %s", accepted.reply_id, type(other).__name__)
            return None
        finally:
            _trying_again.discard(accepted.reply_id)
    return None


@contextlib.contextmanager
def _waiting(result: Result) -> Iterator[bool]:
    """Whether this result may wait until it can be stored; its size counts until the end of the block."""
    global _waiting_bytes
    size = len(result.text.encode("utf-8", "replace"))
    fits = _waiting_bytes + size <= WAITING_BYTES
    _waiting_bytes += size
    try:
        yield fits
    finally:
        _waiting_bytes -= size
