"""Telling other processes which replies have changed: PostgreSQL's NOTIFY and LISTEN.

Only a hint to look at once. Whoever hears nothing finds the same by looking now and then (agents/running/lookout.py),
so nothing depends on it: on SQLite, or behind a pooler that keeps no session, there are no announcements.
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
# What happens within this time is told at once, so that a busy process sends a few notices a second.
GATHER_SECONDS = 0.2
CONNECT_SECONDS = 5
# Whoever reaches the database may send a notice, a newer version of this code for one.
AN_ID = re.compile(r"[0-9a-f]{32}")
_changed: set[UUID] = set()
_sending: set[asyncio.Task[None]] = set()


@cache
def are_possible() -> bool:
    """Whether the database passes notices on. Remembered: each reply asks, and a connection's proxy is slow."""
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
    # What changes while one notice is sent, is told by the next.
    while _changed:
        await asyncio.sleep(GATHER_SECONDS)
        ids = [reply_id.hex for reply_id in _changed]
        _changed.clear()
        # Who is not told looks for himself.
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
    """Where everything else is asked too, as libpq writes it."""
    parameters = connection.get_connection_params()
    known = {name.keyword.decode() for name in psycopg.pq.Conninfo.get_defaults()}
    return psycopg.conninfo.make_conninfo(**{name: parameters[name] for name in parameters if name in known})
