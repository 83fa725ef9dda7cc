"""Following replies that run in another process: one look at the database serves all watchers in this process.

A look happens when another process announces a change (agents/running/announcements.py), and at intervals besides:
short ones where no announcement can be received, longer ones where it can.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from agents.ids import as_uuid
from agents.models import Reply
from agents.running import announcements, database
from agents.running.news import News
from billing.sql import named, uid

log = logging.getLogger(__name__)

# Seconds between two looks: without announcements, and with them, when only a lost one could be missed.
DEAF_SECONDS = 0.5
HEARING_SECONDS = 2.0
# However many announcements come, two looks are at least this far apart.
SHORTEST_SECONDS = 0.1
# How long the listening connection is kept after the last watcher has left, and how soon a lost one is opened again.
LINGER_SECONDS = 30.0
LISTEN_AGAIN_SECONDS = 5.0


class Followed(News):
    """A reply of another process, as last read from the database. `text` only grows; `reply` is the whole row."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply
        self.text = reply.text
        self.is_gone = False
        self.followers = 0

    @property
    def is_over(self) -> bool:
        """Whether the reply needs no more looks. A slow watcher may still be reading what is here."""
        return self.is_gone or not self.reply.is_running


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found: new text by reply, the replies that have ended, and those that were deleted."""

    tails: dict[UUID, str] = field(default_factory=dict)
    ended: dict[UUID, Reply] = field(default_factory=dict)
    gone: set[UUID] = field(default_factory=set)


_followed: dict[UUID, Followed] = {}
_looking: asyncio.Task[None] | None = None
# Replies to look at before the next interval is over: announced, or just begun to be followed.
_announced: set[UUID] = set()
_alarm = News()
_is_hearing = False


async def find(reply_id: UUID) -> Reply:
    """The reply as stored; for a followed one, as of the last look. Raises Reply.DoesNotExist."""
    followed = _followed.get(reply_id)
    if followed and not followed.is_gone:
        return followed.reply
    return await database.run(_rows_with_workspace().get, pk=reply_id)


def _rows_with_workspace() -> QuerySet[Reply]:
    return Reply.objects.select_related("workspace").defer("html")


@contextlib.asynccontextmanager
async def following(reply: Reply) -> AsyncIterator[Followed]:
    """Follow a reply that was stored as running, until the end of the block."""
    global _looking
    followed = _followed.setdefault(reply.pk, Followed(reply))
    followed.followers += 1
    if _looking is None or _looking.done():
        _looking = asyncio.create_task(_look_while_followed())
    # The reply may have changed since the caller read it, so look at once.
    _hear({reply.pk})
    try:
        yield followed
    finally:
        followed.followers -= 1
        if not followed.followers:
            del _followed[reply.pk]


async def _look_while_followed() -> None:
    listening = asyncio.create_task(_listen_forever()) if _can_listen() else None
    loop = asyncio.get_running_loop()
    alone_since = next_round = loop.time()
    try:
        while _followed or loop.time() - alone_since < LINGER_SECONDS:
            if not _announced:
                await _alarm.changed(loop, max(0.0, next_round - loop.time()))
            ids = _announced & _followed.keys()
            _announced.clear()
            if loop.time() >= next_round:
                ids |= {reply_id for reply_id, followed in _followed.items() if not followed.is_over}
                next_round = loop.time() + (HEARING_SECONDS if _is_hearing else DEAF_SECONDS)
            if ids:
                await _look(ids)
            if _followed:
                alone_since = loop.time()
            await asyncio.sleep(SHORTEST_SECONDS)
    finally:
        if listening:
            listening.cancel()


async def _look(ids: set[UUID]) -> None:
    before = {reply_id: _followed[reply_id] for reply_id in ids}
    known = {reply_id: len(followed.text) for reply_id, followed in before.items()}
    try:
        seen = await database.run(look, known)
    except Exception as problem:  # the database is away: watchers wait, and the next look tries again
        log.warning("replies of other processes not seen: %s", type(problem).__name__)
        return
    for reply_id, followed in before.items():
        if _followed.get(reply_id) is not followed:
            continue  # its watchers left; one that came back has read the row again
        tail, ended = seen.tails.get(reply_id, ""), seen.ended.get(reply_id)
        if ended:
            followed.reply, followed.text = ended, ended.text
        else:
            followed.text += tail
        followed.is_gone = reply_id in seen.gone
        if tail or ended or followed.is_gone:
            followed.tell()


def look(known: dict[UUID, int]) -> Seen:
    """What is new in these replies. `known`: how many characters of each reply's text are already here."""
    found = {as_uuid(row.id): row for row in _rows(known)}
    running = {str(state) for state in Reply.RUNNING}
    ended = [reply_id for reply_id, row in found.items() if row.state not in running]
    whole = _rows_with_workspace().in_bulk(ended) if ended else {}
    return Seen(
        tails={reply_id: row.tail for reply_id, row in found.items() if row.tail},
        ended=whole,
        gone=known.keys() - found.keys(),
    )


ALL_AT_ONCE = """
SELECT r.id, r.state, CASE WHEN LENGTH(r.text) > known.seen THEN SUBSTR(r.text, known.seen + 1) ELSE '' END AS tail
FROM UNNEST(%s::uuid[], %s::int[]) AS known (id, seen) JOIN agents_reply r ON r.id = known.id"""
ONE = "SELECT id, state, SUBSTR(text, %s + 1) AS tail FROM agents_reply WHERE id = %s"


def _rows(known: dict[UUID, int]) -> list[Any]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(ALL_AT_ONCE, [list(known), list(known.values())])
            return named(cursor)
        rows = []
        for reply_id, seen in known.items():
            cursor.execute(ONE, [seen, uid(connection, reply_id)])
            rows += named(cursor)
        return rows


def _can_listen() -> bool:
    return announcements.are_possible() and settings.DATABASE_LISTEN


async def _listen_forever() -> None:
    global _is_hearing
    while True:
        try:
            async for reply_ids in announcements.heard():
                _is_hearing = True
                _hear(reply_ids)
        except (psycopg.Error, OSError) as problem:
            log.warning("announcements not heard: %s", type(problem).__name__)
        finally:
            _is_hearing = False
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)


def _hear(reply_ids: set[UUID]) -> None:
    ours = reply_ids & _followed.keys()
    if ours:
        _announced.update(ours)
        _alarm.tell()
