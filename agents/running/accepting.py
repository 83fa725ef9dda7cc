"""Accepting a message: the first of the charging machine's two transactions.

    accept  look up → route → search → T1: reply and hold together, or nothing

Then no transaction is open and no connection is held while agents/running/runs.py does the work, until
agents/running/settlement.py ends it with the second.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from agents import faults
from agents.errors import (
    BadMessage,
    IdempotencyConflict,
    MessageTooLarge,
    NoSuchPlace,
    NotRunnable,
    ReplyRefused,
    TooFast,
)
from agents.ids import as_uuid, new_id
from agents.knowledge import index, prompt
from agents.running import admission, instances, local
from billing import holds, ledger
from billing.errors import CreditsExhausted
from billing.models import Account
from billing.sql import now, uid
from llm import gateway, keys, outlook, profiles, routing
from llm.costs import Prices
from llm.gateway import SealedKey
from llm.profiles import Parameters
from llm.providers.base import Message
from llm.routing import Credential, KeyState
from llm.vault import Secret
from workspaces.models import Role

QUESTION_CHARACTERS = 20_000
# Earlier turns that may go into a prompt; agents/knowledge/prompt.py also bounds their size.
HISTORY_TURNS = 12


@dataclass(frozen=True, slots=True)
class Send:
    """One press of Send, as it came in."""

    session_key: str = field(repr=False)
    slug: str
    agent_id: UUID
    text: str = field(repr=False)
    idempotency_key: str
    conversation_id: UUID | None = None

    @property
    def fingerprint(self) -> str:
        content = [str(self.agent_id), str(self.conversation_id or ""), self.text]
        return hashlib.sha256("\0".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored reply that nobody runs yet: all that its run needs, so that the run reads nothing."""

    reply_id: UUID
    conversation_id: UUID
    slug: str
    agent_id: UUID
    role: Role  # the sender's, who is told of a failure what that role may know and do
    route: routing.Route
    provider: str
    model_id: str
    model_name: str
    credential_mask: str
    credential_id: UUID | None
    region: str
    workspace_id: int
    chat_model_id: int
    parameters: Parameters
    left_out: frozenset[str]
    may_think: bool
    prices: Prices
    lease_token: UUID
    hold_id: UUID | None
    sources: list[dict[str, str]]
    messages: list[Message] = field(default_factory=list, repr=False)
    # The whole answer where no provider is asked.
    ready_text: str | None = field(default=None, repr=False)
    secret: Secret | None = field(default=None, repr=False)

    def row_key(self) -> tuple[Any, Any]:
        """Id and lease token as raw statements take them: together they name the row while its lease is this run's."""
        return uid(connection, self.reply_id), uid(connection, self.lease_token)


@dataclass(frozen=True, slots=True)
class Existing:
    """The same press of Send came before: this is its reply, running or done."""

    reply_id: UUID
    conversation_id: UUID | None
    slug: str
    role: Role


class _SentBefore(Exception):
    """Rolls T1 back when the idempotency key is taken."""


def accept(send: Send) -> Accepted | Existing:
    """Store the reply and its hold, or raise a ReplyRefused and store nothing. Makes no network call."""
    _check(send)
    facts = admission.to_send(session_key=send.session_key, slug=send.slug, agent_id=send.agent_id)
    try:
        return _accept(send, facts)
    except ReplyRefused as refusal:
        refusal.role = facts.caller.role
        raise


def _accept(send: Send, facts: admission.Facts) -> Accepted | Existing:
    if settings.REPLIES_PER_MINUTE and facts.recent_replies >= settings.REPLIES_PER_MINUTE:
        return _sent_before_or_raise(
            send, facts, TooFast(per_minute=settings.REPLIES_PER_MINUTE, retry_after=60)
        )
    try:
        planned = _plan(send, facts)
        _make_credits_available(planned.route.price, facts)
    except NotRunnable as refusal:
        return _sent_before_or_raise(send, facts, refusal)
    return _store(send, facts, planned)


def _check(send: Send) -> None:
    if not send.text.strip():
        raise BadMessage("message_empty")
    if len(send.text) > QUESTION_CHARACTERS:
        raise MessageTooLarge(QUESTION_CHARACTERS)
    if not 8 <= len(send.idempotency_key) <= 100 or not send.idempotency_key.isprintable():
        raise BadMessage("idempotency_key_missing")


# --- Planning ----------------------------------------------------------------------------------


def _plan(send: Send, facts: admission.Facts) -> Accepted:
    """The reply as it will be stored. NotRunnable when its route is refused."""
    if facts.status == "archived":
        raise NotRunnable("agent_archived")
    hits = index.search(facts.agent_id, send.text) if facts.has_knowledge else index.Hits(None, [])
    sealed = secret = None
    if hits.answer is not None:
        route, ready, found = routing.QA_MATCH, hits.answer, []
    else:
        route, sealed, secret = _route(facts)
        found = prompt.facts_within_budget(hits.passages)
        ready = None
        if route.billing is routing.Billing.LOCAL:
            answer = local.answer(send.text, hits.passages, fallback=facts.fallback_text)
            ready, found = answer.text, answer.citations
    return Accepted(
        reply_id=new_id(),
        conversation_id=send.conversation_id or new_id(),
        slug=facts.caller.slug,
        agent_id=facts.agent_id,
        role=facts.caller.role,
        route=route,
        provider=facts.provider,
        model_id=facts.model_id,
        model_name=facts.model_name,
        credential_mask=sealed.mask if sealed else "",
        credential_id=sealed.id if sealed else None,
        region=sealed.region if sealed else "",
        workspace_id=facts.caller.workspace_id,
        chat_model_id=facts.chat_model_id,
        parameters=profiles.parameters(facts.profile, facts.wish),
        left_out=facts.left_out,
        may_think=sealed is not None and facts.profile.may_think,
        prices=facts.prices,
        lease_token=uuid4(),
        hold_id=new_id() if route.billing is routing.Billing.CREDITS else None,
        sources=[{"title": p.source, "heading": p.heading, "text": p.text} for p in found],
        messages=_messages(send, facts, found),
        ready_text=ready,
        secret=secret,
    )


def _route(facts: admission.Facts) -> tuple[routing.Route, SealedKey | None, Secret | None]:
    """The route with the key that runs it, opened; the other key stays sealed. NotRunnable when it is refused."""
    keys_at_hand = {Credential.WORKSPACE: facts.workspace_key, Credential.PLATFORM: facts.platform_key}
    states = {
        credential: KeyState.READABLE if sealed else KeyState.MISSING
        for credential, sealed in keys_at_hand.items()
    }
    choice = _choice(facts, states)
    sealed = secret = None
    if isinstance(choice, routing.Route):
        sealed = keys_at_hand.get(choice.credential)
    if isinstance(choice, routing.Route) and sealed:
        states[choice.credential], secret = gateway.open_key(sealed)
        if secret is None:
            keys.note_unreadable(sealed.id)
            choice = _choice(facts, states)
    if isinstance(choice, routing.Refusal):
        raise NotRunnable(
            choice.code.value,
            provider=choice.provider,
            model=facts.model_name,
            replacement=facts.profile.replaced_by,
        )
    return choice, sealed, secret


def _choice(facts: admission.Facts, states: dict[Credential, KeyState]) -> routing.Route | routing.Refusal:
    return routing.choose(
        outlook.facts(
            provider=facts.provider,
            price=facts.price,
            is_custom=facts.is_custom,
            is_available=facts.is_available,
            is_shut_down=facts.profile.is_gone(timezone.now().date()),
            byo_enabled=facts.byo_enabled,
            workspace_key=states[Credential.WORKSPACE],
            platform_key=states[Credential.PLATFORM],
        )
    )


def _messages(send: Send, facts: admission.Facts, found: list[index.Found]) -> list[Message]:
    history = _history(send.conversation_id, facts) if send.conversation_id else []
    return prompt.build(
        instructions=facts.instructions,
        fallback=facts.fallback_text,
        has_knowledge=facts.has_knowledge,
        facts=found,
        history=history,
        question=send.text,
    )


def _history(conversation_id: UUID, facts: admission.Facts) -> list[tuple[str, str]]:
    """Earlier turns, oldest first; NoSuchPlace unless the conversation is this agent's."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT r.question, substr(r.text, 1, %s) FROM agents_conversation c
               LEFT JOIN agents_reply r ON r.conversation_id = c.id AND r.state IN ('completed', 'stopped', 'cut')
                 AND r.ending <> 'declined'
               WHERE c.id = %s AND c.agent_id = %s ORDER BY r.created_at DESC LIMIT %s""",
            # Of an answer beyond the budget, which is left out, no more than shows that it is.
            [
                prompt.HISTORY_BUDGET + 1,
                uid(connection, conversation_id),
                uid(connection, facts.agent_id),
                HISTORY_TURNS,
            ],
        )
        rows = cursor.fetchall()
    if not rows:
        raise NoSuchPlace
    return [(question, text) for question, text in reversed(rows) if question is not None]


def _make_credits_available(price: int, facts: admission.Facts) -> None:
    """Before a refusal, and when the ledger has something due: sweep, expire, allot, then look again."""
    if price <= facts.available and not (price and facts.ledger_event_due):
        return
    account = ledger.refresh(Account.objects.get(pk=facts.account_id))
    if price > account.available:
        raise NotRunnable("credits_exhausted", price=price, available=account.available)


# --- T1 ----------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _insert_sql(columns: tuple[str, ...], vendor_now: str) -> str:
    return (
        f"INSERT INTO agents_reply ({', '.join(columns)}, created_at, renewed_at) "
        f"VALUES ({', '.join(['%s'] * len(columns))}, {vendor_now}, {vendor_now}) "
        "ON CONFLICT (workspace_id, member_id, idempotency_key) DO NOTHING RETURNING id"
    )


def _store(send: Send, facts: admission.Facts, planned: Accepted) -> Accepted | Existing:
    faults.reach("before_hold")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if send.conversation_id is None:
                _insert_conversation(cursor, facts, planned)
            row = _columns(send, facts, planned)
            cursor.execute(_insert_sql(tuple(row), now(connection)), list(row.values()))
            if cursor.fetchone() is None:
                raise _SentBefore
            if planned.hold_id:
                holds.insert_hold(
                    cursor,
                    hold_id=planned.hold_id,
                    account_id=facts.account_id,
                    amount=planned.route.price,
                    reply_id=planned.reply_id,
                    lease_token=planned.lease_token,
                )
    except _SentBefore:
        return _sent_before_or_raise(send, facts, IdempotencyConflict())
    except CreditsExhausted:
        available = ledger.refresh(Account.objects.get(pk=facts.account_id)).available
        refusal = NotRunnable("credits_exhausted", price=planned.route.price, available=available)
        return _sent_before_or_raise(send, facts, refusal)
    faults.reach("after_hold")
    return planned


def _insert_conversation(cursor: Any, facts: admission.Facts, planned: Accepted) -> None:
    cursor.execute(
        f"INSERT INTO agents_conversation (id, agent_id, started_by_id, created_at) VALUES (%s, %s, %s, {now(connection)})",
        [uid(connection, planned.conversation_id), uid(connection, facts.agent_id), facts.caller.user_id],
    )


def _columns(send: Send, facts: admission.Facts, planned: Accepted) -> dict[str, Any]:
    """A reply as it is stored when it is accepted, by column; its times are the database's."""
    instance = instances.current()
    return {
        "id": uid(connection, planned.reply_id),
        "workspace_id": facts.caller.workspace_id,
        "agent_id": uid(connection, facts.agent_id),
        "conversation_id": uid(connection, planned.conversation_id),
        "member_id": facts.caller.user_id,
        "idempotency_key": send.idempotency_key,
        "fingerprint": send.fingerprint,
        "question": send.text.replace("\0", ""),
        "text": "",
        "sources": json.dumps(planned.sources),
        "state": "reserved",
        "error_code": "",
        "error_detail": "",
        "chat_model_id": facts.chat_model_id,
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


def _sent_before_or_raise(send: Send, facts: admission.Facts, refusal: Exception) -> Existing:
    """The reply that this press of Send already made; without one, `refusal` stands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, conversation_id, fingerprint FROM agents_reply"
            " WHERE workspace_id = %s AND member_id = %s AND idempotency_key = %s",
            [facts.caller.workspace_id, facts.caller.user_id, send.idempotency_key],
        )
        row = cursor.fetchone()
    if row is None:
        raise refusal
    if row[2] != send.fingerprint:
        raise IdempotencyConflict
    conversation_id = as_uuid(row[1]) if row[1] else None
    return Existing(as_uuid(row[0]), conversation_id, facts.caller.slug, facts.caller.role)
