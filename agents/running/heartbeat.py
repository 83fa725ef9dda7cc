"""The heartbeat of runs: store their new text, renew their leases, and read which of them a member asked to stop.

Once a second, one statement of each kind serves all runs of a process (agents/running/pulse.py).
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.ids import as_uuid
from agents.models import Reply
from agents.running.submission import AcceptedReply
from billing import holds
from billing.sql import now, quoted, uid


@dataclass(frozen=True, slots=True)
class Beat:
    """What one run stores at a heartbeat. `text` is None when there is no new text."""

    accepted: AcceptedReply
    text: str | None = field(repr=False)
    pieces: int  # how many pieces `text` is made of
    renews: bool


RUNNING = f"state IN ({quoted(Reply.RUNNING)})"
# Storing text does not touch `renewed_at`: that column is indexed, and each write would also write the index.
STORE_TEXT = f"UPDATE agents_reply SET state = '{Reply.State.STREAMING.value}', text = %s WHERE id = %s AND lease_token = %s AND {RUNNING}"
# The same for any number of replies in one statement; hundreds of statements a second would hold up the event
# loop.
STORE_TEXTS = f"""
UPDATE agents_reply reply SET state = '{Reply.State.STREAMING.value}', text = fresh.text
FROM UNNEST(%s::text[], %s::uuid[], %s::uuid[]) AS fresh (text, id, lease_token)
WHERE reply.id = fresh.id AND reply.lease_token = fresh.lease_token AND {RUNNING}"""


def store(beats: list[Beat]) -> None:
    """Store new text, and renew the leases that are due.

    Each table has a transaction of its own. Settling locks a reply before its hold and the sweep the other
    way round, so one transaction over both tables could deadlock.
    """
    texts = [(beat.text, *beat.accepted.row_key()) for beat in beats if beat.text is not None]
    due = [beat.accepted for beat in beats if beat.renews]
    held = [(accepted.hold_id, accepted.lease_token) for accepted in due if accepted.hold_id]
    if texts:
        with transaction.atomic(), connection.cursor() as cursor:
            _store_texts(cursor, texts)
    if due:
        with transaction.atomic(), connection.cursor() as cursor:
            renew = (
                f"UPDATE agents_reply SET renewed_at = {now(connection)} WHERE id = %s AND lease_token = %s"
            )
            cursor.executemany(f"{renew} AND {RUNNING}", [accepted.row_key() for accepted in due])
    if held:
        with transaction.atomic(), connection.cursor() as cursor:
            holds.renew(cursor, held)


def _store_texts(cursor: Any, texts: list[tuple[Any, ...]]) -> None:
    if connection.vendor == "postgresql":
        cursor.execute(STORE_TEXTS, [list(column) for column in zip(*texts, strict=True)])
    else:
        cursor.executemany(STORE_TEXT, texts)


def stops_requested(reply_ids: list[UUID]) -> set[UUID]:
    """Which of these running replies a member asked to stop, whichever process received the request."""
    if not reply_ids:
        return set()
    ids = [uid(connection, reply_id) for reply_id in reply_ids]
    if connection.vendor == "postgresql":
        # One array parameter, however many ids: the statement stays the same, so it is planned and prepared
        # once.
        among, parameters = "= ANY(%s)", [ids]
    else:
        among, parameters = f"IN ({', '.join(['%s'] * len(ids))})", ids
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM agents_reply WHERE stop_requested AND {RUNNING} AND id {among}", parameters
        )
        return {as_uuid(row[0]) for row in cursor.fetchall()}


def request_stop(reply_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents_reply SET stop_requested = TRUE WHERE id = %s", [uid(connection, reply_id)]
        )
