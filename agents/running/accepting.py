"""Accepting a message: the first of the charging machine's two transactions.

    accept  look up → route → search → T1: reply and hold together, or nothing

After T1, agents/running/runs.py does the work with no transaction open and no connection held. The second
transaction, T2, is in agents/running/settlement.py.
"""

import dataclasses
import math

from django.conf import settings
from django.utils import timezone

from agents.errors import (
    BadMessage,
    IdempotencyConflict,
    MessageTooLarge,
    NotRunnable,
    ReplyRefused,
    TooFast,
    TooManyRunning,
    WorkspaceSuspended,
)
from agents.models import Reply
from agents.running import admission, planning, storing
from agents.running.submission import AcceptedReply, Existing, Submission
from billing import ledger
from billing.errors import CreditsExhausted
from billing.models import Account
from workspaces import limits_reached
from workspaces.one_line import is_seen

QUESTION_CHARACTERS = 20_000


def accept(send: Submission) -> AcceptedReply | Existing:
    """Store the reply and its hold, or raise a ReplyRefused and store nothing. Makes no network call."""
    _check(send)
    admitted = _admit(send)
    try:
        return _accept(send, admitted)
    except ReplyRefused as refusal:
        refusal.role = admitted.caller.role
        raise


def draft(send: Submission) -> planning.Draft:
    """The request that `send` would make; nothing is sent or stored.

    Raises ReplyRefused when the sender may not ask, or there is no such agent or chat model.
    """
    return planning.draft(send, _admit(send))


def _admit(send: Submission) -> admission.Admission:
    return admission.to_send(
        session_key=send.session_key,
        slug=send.slug,
        agent_id=send.agent_id,
        conversation_id=send.conversation_id,
        chat_model_id=send.chat_model_id,
    )


def _accept(send: Submission, admitted: admission.Admission) -> AcceptedReply | Existing:
    try:
        _require_room(admitted)
        planned = _planned(send, admitted)
        storing.store(send, admitted, planned)
    except storing.SentBefore:
        return storing.sent_before_or_raise(send, admitted, IdempotencyConflict())
    except CreditsExhausted:
        available = ledger.refresh(Account.objects.get(pk=admitted.account_id)).available
        return storing.sent_before_or_raise(
            send, admitted, _too_few(available, planned.route.price, admitted)
        )
    except (TooFast, TooManyRunning) as refusal:
        try:
            return storing.sent_before_or_raise(send, admitted, refusal)
        except (TooFast, TooManyRunning):
            limits_reached.note(admitted.caller.workspace_id, refusal.code, refusal.most)
            raise
    except (WorkspaceSuspended, NotRunnable) as refusal:
        return storing.sent_before_or_raise(send, admitted, refusal)
    return planned


def _require_room(admitted: admission.Admission) -> None:
    """Raises WorkspaceSuspended, TooFast or TooManyRunning."""
    if admitted.suspended_for is not None:
        raise WorkspaceSuspended(admitted.suspended_for)
    if settings.REPLIES_PER_MINUTE and admitted.recent_replies >= settings.REPLIES_PER_MINUTE:
        raise _too_fast(admitted)
    for running, most, code in (
        (admitted.running_own, settings.RUNNING_PER_MEMBER, "too_many_running"),
        (admitted.running_here, settings.RUNNING_PER_WORKSPACE, "too_many_running_here"),
    ):
        if most and running >= most:
            raise TooManyRunning(code, most=most)


def _planned(send: Submission, admitted: admission.Admission) -> AcceptedReply:
    """The reply to store, with the credits left after it.

    Raises NotRunnable when its route is refused, costs more than the page said, or is not covered by credits.
    """
    planned = planning.plan(send, admitted)
    price = planned.route.price
    if send.price_said is not None and price > send.price_said:
        raise NotRunnable("price_changed", price=price, said=send.price_said)
    account = _make_credits_available(price, admitted)
    if account is None:
        return planned
    return dataclasses.replace(planned, available=account.available - price, held=account.held + price)


def _too_fast(admitted: admission.Admission) -> TooFast:
    """The refusal, with the seconds to wait: until the oldest of the replies that fill the limit is a minute old."""
    most = settings.REPLIES_PER_MINUTE
    latest = Reply.objects.filter(member=admitted.caller.user_id).order_by("-created_at")
    oldest = latest.values_list("created_at", flat=True)[most - 1 : most]
    age = max(0.0, (timezone.now() - oldest[0]).total_seconds()) if oldest else 0.0
    return TooFast(per_minute=most, retry_after=max(1, math.ceil(60 - age)))


def _check(send: Submission) -> None:
    if not is_seen(send.text):
        raise BadMessage("message_empty")
    if len(send.text) > QUESTION_CHARACTERS:
        raise MessageTooLarge(QUESTION_CHARACTERS)
    if send.chat_model_id is not None and send.conversation_id is not None:
        raise BadMessage("malformed")
    if not 8 <= len(send.idempotency_key) <= 100 or not send.idempotency_key.isprintable():
        raise BadMessage("idempotency_key_missing")
    if send.instead_of and not send.conversation_id:
        raise BadMessage("malformed")


def _make_credits_available(price: int, admitted: admission.Admission) -> Account | None:
    """Bring the account up to date if credits are short or the ledger has something due; then check the price again.

    Returns the updated account; None when no update was needed.
    """
    if price <= admitted.available and not (price and admitted.ledger_event_due):
        return None
    account = ledger.refresh(Account.objects.get(pk=admitted.account_id))
    if price > account.available:
        raise _too_few(account.available, price, admitted)
    return account


def _too_few(available: int, price: int, admitted: admission.Admission) -> NotRunnable:
    return NotRunnable("credits_exhausted", price=price, available=available, provider=admitted.provider)
