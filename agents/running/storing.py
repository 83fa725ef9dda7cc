"""The first of the two transactions that charge a reply: the reply is stored together with its hold."""

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
from billing.sql import named, now, quoted, uid
from llm.profiles import Wish


class SentBefore(Exception):
    """The idempotency key is taken; raised inside T1 to roll it back."""


# The same columns as in the model's constraint `reply_once_per_send`.
UNLESS_SENT_BEFORE = "ON CONFLICT (workspace_id, member_id, idempotency_key) DO NOTHING RETURNING id"


@lru_cache(maxsize=4)
def _insert_sql(table: str, columns: tuple[str, ...], times: tuple[str, ...], vendor_now: str) -> str:
    """`times`: the columns that get the database's time, in addition to the `columns` that get values."""
    values = ["%s"] * len(columns) + [vendor_now] * len(times)
    return f"INSERT INTO {table} ({', '.join((*columns, *times))}) VALUES ({', '.join(values)})"


def store(send: Submission, admitted: Admission, planned: AcceptedReply) -> None:
    """Store the reply, its hold and, for a first message, its conversation; or nothing of them.

    Raises SentBefore, CreditsExhausted, and NoSuchPlace or NotReplaceable when the reply to replace cannot be
    replaced.
    """
    faults.reach("before_hold")
    with transaction.atomic(), connection.cursor() as cursor:
        if send.conversation_id is None:
            _insert_conversation(cursor, admitted, planned, tried=send.chat_model_id)
        _insert_reply(cursor, _columns(send, admitted, planned))
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


def _insert_reply(cursor: Any, row: dict[str, Any]) -> None:
    insert = _insert_sql("agents_reply", tuple(row), ("created_at", "renewed_at"), now(connection))
    cursor.execute(f"{insert} {UNLESS_SENT_BEFORE}", list(row.values()))
    if cursor.fetchone() is None:
        raise SentBefore


def _insert_conversation(
    cursor: Any, admitted: Admission, planned: AcceptedReply, *, tried: int | None
) -> None:
    """`tried`: the chat model that the conversation tries, with the agent's own settings as they are now."""
    wish = Wish() if tried is None else admitted.wish
    row = {
        "id": uid(connection, planned.conversation_id),
        "agent_id": uid(connection, admitted.agent_id),
        "started_by_id": admitted.caller.user_id,
        "tried_model_id": tried,
        "tried_temperature": wish.temperature,
        "tried_effort": wish.effort,
        "tried_output_limit": wish.output_limit,
    }
    cursor.execute(
        _insert_sql("agents_conversation", tuple(row), ("created_at",), now(connection)), list(row.values())
    )


def _supersede(cursor: Any, replaced: UUID, planned: AcceptedReply) -> None:
    """Let the new reply take the place of `replaced` and of all after it. Raises NoSuchPlace or NotReplaceable.

    Two replacements in one conversation wait for each other; the second finds nothing left to replace.
    """
    conversation = uid(connection, planned.conversation_id)
    if connection.vendor == "postgresql":
        cursor.execute("SELECT 1 FROM agents_conversation WHERE id = %s FOR NO KEY UPDATE", [conversation])
    cursor.execute(
        f"""SELECT r.id, r.superseded_by_id IS NOT NULL AS is_replaced, r.state IN ({quoted(Reply.RUNNING)}) AS is_running
            FROM agents_reply r JOIN agents_reply o ON o.id = %s AND o.conversation_id = r.conversation_id
            WHERE r.conversation_id = %s AND r.created_at >= o.created_at AND r.id <> %s
              AND (r.superseded_by_id IS NULL OR r.id = o.id)""",
        [uid(connection, replaced), conversation, uid(connection, planned.reply_id)],
    )
    found = {as_uuid(row.id): row for row in named(cursor)}
    if replaced not in found:
        raise NoSuchPlace
    if found[replaced].is_replaced or any(row.is_running for row in found.values()):
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
        rows = named(cursor)
    if not rows:
        raise refusal
    (row,) = rows
    if row.fingerprint != send.fingerprint:
        raise IdempotencyConflict
    return Existing(
        reply_id=as_uuid(row.id),
        conversation_id=as_uuid(row.conversation_id) if row.conversation_id else None,
        slug=admitted.caller.slug,
        role=admitted.caller.role,
    )
