"""The first of the two transactions that charge a reply: the reply is stored together with its hold."""

import dataclasses
import json
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents import faults
from agents.errors import IdempotencyConflict, NoSuchPlace, NotReplaceable
from agents.ids import as_uuid
from agents.models import Reply
from agents.running import instances
from agents.running.admission import Admission
from agents.running.submission import AcceptedReply, Existing, Submission
from billing import holds
from billing.sql import now, quoted, uid


class SentBefore(Exception):
    """The idempotency key is taken; raised inside T1 to roll it back."""


@lru_cache(maxsize=4)
def _insert_sql(columns: tuple[str, ...], vendor_now: str) -> str:
    return (
        f"INSERT INTO agents_reply ({', '.join(columns)}, created_at, renewed_at) "
        f"VALUES ({', '.join(['%s'] * len(columns))}, {vendor_now}, {vendor_now}) "
        "ON CONFLICT (workspace_id, member_id, idempotency_key) DO NOTHING RETURNING id"
    )


def store(send: Submission, admitted: Admission, planned: AcceptedReply) -> None:
    """Store the reply, its hold and, for a first message, its conversation; or nothing of them.

    Raises SentBefore, CreditsExhausted, and NoSuchPlace or NotReplaceable when the reply to replace cannot be
    replaced.
    """
    faults.reach("before_hold")
    with transaction.atomic(), connection.cursor() as cursor:
        if send.conversation_id is None:
            _insert_conversation(cursor, admitted, planned, tried=send.chat_model_id)
        row = _columns(send, admitted, planned)
        cursor.execute(_insert_sql(tuple(row), now(connection)), list(row.values()))
        if cursor.fetchone() is None:
            raise SentBefore
        if send.instead_of:
            _supersede(cursor, send.instead_of, planned)
        if planned.hold_id:
            holds.insert_hold(
                cursor,
                hold_id=planned.hold_id,
                account_id=admitted.account_id,
                amount=planned.route.price,
                reply_id=planned.reply_id,
                lease_token=planned.lease_token,
            )
    faults.reach("after_hold")


def _insert_conversation(
    cursor: Any, admitted: Admission, planned: AcceptedReply, *, tried: int | None
) -> None:
    """`tried`: the chat model that the conversation tries, with the agent's own settings as they are now."""
    cursor.execute(
        "INSERT INTO agents_conversation (id, agent_id, started_by_id, tried_model_id, tried_temperature, tried_effort,"
        f" tried_output_limit, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, {now(connection)})",
        [
            uid(connection, planned.conversation_id),
            uid(connection, admitted.agent_id),
            admitted.caller.user_id,
            tried,
            *((None, "", None) if tried is None else dataclasses.astuple(admitted.wish)),
        ],
    )


def _supersede(cursor: Any, replaced: UUID, planned: AcceptedReply) -> None:
    """Let the new reply take the place of `replaced` and of all after it. Raises NoSuchPlace or NotReplaceable.

    Two replacements in one conversation wait for each other; the second finds nothing left to replace.
    """
    conversation = uid(connection, planned.conversation_id)
    if connection.vendor == "postgresql":
        cursor.execute("SELECT 1 FROM agents_conversation WHERE id = %s FOR NO KEY UPDATE", [conversation])
    cursor.execute(
        f"""SELECT r.id, r.superseded_by_id IS NOT NULL, r.state IN ({quoted(Reply.RUNNING)})
            FROM agents_reply r JOIN agents_reply o ON o.id = %s AND o.conversation_id = r.conversation_id
            WHERE r.conversation_id = %s AND r.created_at >= o.created_at AND r.id <> %s
              AND (r.superseded_by_id IS NULL OR r.id = o.id)""",
        [uid(connection, replaced), conversation, uid(connection, planned.reply_id)],
    )
    found = {as_uuid(row[0]): (bool(row[1]), bool(row[2])) for row in cursor.fetchall()}
    if replaced not in found:
        raise NoSuchPlace
    if found[replaced][0] or any(running for _, running in found.values()):
        raise NotReplaceable
    cursor.execute(
        f"UPDATE agents_reply SET superseded_by_id = %s WHERE id IN ({', '.join(['%s'] * len(found))})",
        [uid(connection, planned.reply_id), *(uid(connection, one) for one in found)],
    )


def _columns(send: Submission, admitted: Admission, planned: AcceptedReply) -> dict[str, Any]:
    """The columns of a reply when it is accepted, by name; the database sets its times."""
    instance = instances.current()
    return {
        "id": uid(connection, planned.reply_id),
        "workspace_id": admitted.caller.workspace_id,
        "agent_id": uid(connection, admitted.agent_id),
        "conversation_id": uid(connection, planned.conversation_id),
        "member_id": admitted.caller.user_id,
        "idempotency_key": send.idempotency_key,
        "fingerprint": send.fingerprint,
        "question": send.text.replace("\0", ""),
        "text": "",
        "sources": json.dumps(planned.sources),
        "prompt": planned.kept_prompt,
        "state": Reply.State.RESERVED.value,
        "error_code": "",
        "error_detail": "",
        "chat_model_id": admitted.chat_model_id,
        "model_name": planned.model_name,
        "provider": planned.provider,
        "model_id": planned.model_id,
        "credential_kind": planned.route.credential.value,
        "credential_id": uid(connection, planned.credential_id) if planned.credential_id else None,
        "credential_mask": planned.credential_mask,
        "billing": planned.route.billing.value,
        "price": planned.route.price,
        "why": planned.route.why.value,
        "charged": 0,
        "attempts": 0,
        "instance_id": uid(connection, instance) if instance else None,
        "lease_token": uid(connection, planned.lease_token),
        "stop_requested": False,
    }


def sent_before_or_raise(send: Submission, admitted: Admission, refusal: Exception) -> Existing:
    """The reply that the same press of Send made before; without one, raises `refusal`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, conversation_id, fingerprint FROM agents_reply"
            " WHERE workspace_id = %s AND member_id = %s AND idempotency_key = %s",
            [admitted.caller.workspace_id, admitted.caller.user_id, send.idempotency_key],
        )
        row = cursor.fetchone()
    if row is None:
        raise refusal
    if row[2] != send.fingerprint:
        raise IdempotencyConflict
    conversation_id = as_uuid(row[1]) if row[1] else None
    return Existing(as_uuid(row[0]), conversation_id, admitted.caller.slug, admitted.caller.role)
