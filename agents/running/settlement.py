"""Settling: the end of a run, and the second of the two transactions that charge a reply.

settle  T2, fenced by the lease: final text, state and charge together
"""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from agents import faults
from agents.models import Reply
from agents.rendering import NOT_YET, Rendered
from agents.running.outcomes import Outcome
from agents.running.submission import AcceptedReply
from billing import holds
from llm.costs import Cost, estimated_cost
from llm.providers.base import ProviderError, ResponseMetadata


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves behind to be settled."""

    outcome: Outcome
    text: str = field(repr=False)
    rendered: Rendered = field(default=NOT_YET, repr=False)
    error: ProviderError | None = None
    attempts: int = 0
    metadata: ResponseMetadata = field(default_factory=ResponseMetadata)
    left_out: list[str] = field(default_factory=list)
    learnt: list[str] = field(default_factory=list)  # those of `left_out` that the model accepts in no reply
    first_text_at: datetime | None = None
    # Stored as it is here, so that a wait told live equals the one that the page shows later.
    done_at: datetime = field(default_factory=timezone.now)


def columns(accepted: AcceptedReply, result: Result, *, charged: int) -> dict[str, Any]:
    """How the reply ended, as columns of its row. The only place that maps a result to columns."""
    error, metadata = result.error, result.metadata
    cost = estimated_cost(accepted.provider, metadata, accepted.prices) if accepted.secret else Cost()
    return {
        "state": str(result.outcome.state),
        "ending": str(result.outcome.ending),
        "text": result.text,
        "html": result.rendered.html,
        "html_version": result.rendered.version,
        "error_code": result.outcome.error_code,
        "error_detail": error.detail[:300] if error else "",
        "provider_status": error.status if error else None,
        "provider_code": error.code if error else "",
        "provider_param": error.param if error else "",
        "request_id": (error.request_id if error else "") or metadata.request_id,
        "retry_after": math.ceil(error.retry_after) if error and error.retry_after is not None else None,
        "charged": charged,
        "attempts": result.attempts,
        "input_tokens": metadata.input_tokens,
        "output_tokens": metadata.output_tokens,
        "cached_tokens": metadata.cached_tokens,
        "cache_write_tokens": metadata.cache_write_tokens,
        "thinking_tokens": metadata.thinking_tokens,
        "estimated_cost": cost.amount,
        "cost_is_at_most": cost.is_at_most,
        "cache_saved": cost.saved,
        "left_out": " ".join(result.left_out),
        "first_text_at": result.first_text_at,
        "done_at": result.done_at,
    }


def as_reply(accepted: AcceptedReply, result: Result, *, charged: int) -> Reply:
    """The reply as it is now stored, made without a query, for the last event of its watchers."""
    return Reply(
        id=accepted.reply_id,
        agent_id=accepted.agent_id,
        conversation_id=accepted.conversation_id,
        provider=accepted.provider,
        model_id=accepted.model_id,
        model_name=accepted.model_name,
        credential_kind=accepted.route.credential.value,
        credential_id=accepted.credential_id,
        credential_mask=accepted.credential_mask,
        billing=accepted.route.billing.value,
        price=accepted.route.price,
        why=accepted.route.why.value,
        **columns(accepted, result, charged=charged),
    )


def settle(accepted: AcceptedReply, result: Result) -> int:
    """Store how the reply ended and charge or free its hold, together. Returns the credits charged.

    Fenced: when a sweep took the lease first, the text is stored all the same and nothing is charged. Safe to repeat
    when it is unknown whether the first attempt was committed.
    """
    faults.reach("before_settle")
    price = accepted.route.price if result.outcome.capture else 0
    with transaction.atomic(), connection.cursor() as cursor:
        _finish(cursor, accepted, result, charged=price)
        if accepted.hold_id:
            resolve = _capture if result.outcome.capture else _release
            resolved = resolve(cursor, accepted, accepted.hold_id)
            if price and not resolved and not _was_captured(cursor, accepted, accepted.hold_id):
                price = 0
                _finish(cursor, accepted, result, charged=0)
    faults.reach("after_settle")
    return price


def _capture(cursor: Any, accepted: AcceptedReply, hold_id: UUID) -> bool:
    # The ledger's line for the charge shows this after "Reply".
    reason = accepted.model_name
    return holds.capture(cursor, hold_id=hold_id, lease_token=accepted.lease_token, reason=reason)


def _release(cursor: Any, accepted: AcceptedReply, hold_id: UUID) -> bool:
    return holds.release(cursor, hold_id=hold_id, lease_token=accepted.lease_token)


def _was_captured(cursor: Any, accepted: AcceptedReply, hold_id: UUID) -> bool:
    return holds.is_captured(cursor, hold_id=hold_id, lease_token=accepted.lease_token)


def _finish(cursor: Any, accepted: AcceptedReply, result: Result, *, charged: int) -> None:
    found = columns(accepted, result, charged=charged)
    cursor.execute(
        f"UPDATE agents_reply SET {', '.join(f'{name} = %s' for name in found)}"
        " WHERE id = %s AND lease_token = %s",
        [*found.values(), *accepted.row_key()],
    )
