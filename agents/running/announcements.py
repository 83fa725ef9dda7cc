"""Telling other processes which replies have changed: PostgreSQL's NOTIFY and LISTEN.

An announcement only makes other processes look sooner. Without one they find the same by looking at intervals
(agents/running/lookout.py), so nothing depends on it: on SQLite, or behind a pooler that keeps no session,
there are no announcements.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable
from functools import cache
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection

from agents.running import database

CHANNEL = "bookbag_replies"
# A payload holds 8,000 bytes, an id takes 33 of them.
IDS_A_PAYLOAD = 200
# Changes within this time go into one notice, so that even a busy process sends only a few notices a second.
GATHER_SECONDS = 0.2
CONNECT_SECONDS = 5
# Any client of the database can send a notice, for example a newer version of this code, so ids are checked.
AN_ID = re.compile(r"[0-9a-f]{32}")
_changed: set[UUID] = set()
_sending: set[asyncio.Task[None]] = set()


@cache
def are_possible() -> bool:
    """Whether the database passes notices on.

    Cached, because every reply asks and Django's connection proxy is slow.
    """
    return connection.vendor == "postgresql"


def announce(reply_ids: Iterable[UUID]) -> None:
    """Tell the other processes, soon, that there is more to see of these replies."""
    if not are_possible():
        return
    _changed.update(reply_ids)
    if _changed and not _sending:
        task = asyncio.create_task(_send_soon())
        _sending.add(task)
        task.add_done_callback(_sending.discard)


async def _send_soon() -> None:
    # Replies that change while a notice is being sent go into the next one.
    while _changed:
        await asyncio.sleep(GATHER_SECONDS)
        ids = [reply_id.hex for reply_id in _changed]
        _changed.clear()
        # A lost notice does no harm: the other processes look at intervals as well.
        with contextlib.suppress(Exception):
            await database.run(notify, ids)


def notify(ids: list[str]) -> None:
    """Send the notices, for the replies with these hexadecimal ids."""
    payloads = [" ".join(ids[start : start + IDS_A_PAYLOAD]) for start in range(0, len(ids), IDS_A_PAYLOAD)]
    with connection.cursor() as cursor:
        for payload in payloads:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


async def heard() -> AsyncIterator[set[UUID]]:
    """The ids of each notice, on a connection of its own; the first set is empty, and says that it listens.

    Raises psycopg.Error when the connection cannot be made or is lost.
    """
    async with await psycopg.AsyncConnection.connect(
        settings.DATABASE_LISTEN_URL or _usual(), autocommit=True, connect_timeout=CONNECT_SECONDS
    ) as listener:
        await listener.execute(f"LISTEN {CHANNEL}")
        yield set()
        async for notice in listener.notifies():
            yield {UUID(hex_id) for hex_id in notice.payload.split() if AN_ID.fullmatch(hex_id)}


def _usual() -> str:
    """The address of Django's own connection, as a libpq connection string."""
    parameters = connection.get_connection_params()
    known = {name.keyword.decode() for name in psycopg.pq.Conninfo.get_defaults()}
    return psycopg.conninfo.make_conninfo(**{name: parameters[name] for name in parameters if name in known})
