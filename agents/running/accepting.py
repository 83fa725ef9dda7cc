"""Accepting a message: the first of the charging machine's two transactions.

    accept  look up → route → search → T1: reply and hold together, or nothing

Then no transaction is open and no connection is held while agents/running/runs.py does the work, until
agents/running/settlement.py ends it with the second.
"""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from agents import faults, sent_prompts
from agents.errors import (
    BadMessage,
    IdempotencyConflict,
    MessageTooLarge,
    NoSuchPlace,
    NotReplaceable,
    NotRunnable,
    ReplyRefused,
    TooFast,
    TooManyRunning,
    WorkspaceSuspended,
)
from agents.ids import as_uuid, new_id
from agents.knowledge import finding, index, prompt
from agents.models import Reply
from agents.running import admission, instances, local
from billing import holds, ledger
from billing.errors import CreditsExhausted
from billing.models import Account
from billing.sql import now, quoted, uid
from llm import gateway, keys, outlook, profiles, routing
from llm.costs import Prices
from llm.gateway import SealedKey
from llm.profiles import Parameters
from llm.providers.base import Message
from llm.routing import Credential, KeyState
from llm.vault import Secret
from workspaces import limits_reached
from workspaces.models import Role

QUESTION_CHARACTERS = 20_000
STORED_ANSWER, CLOSEST_ANSWER = "Stored answer", "Closest stored answer"
# Earlier turns that may go into a prompt; agents/knowledge/prompt.py also bounds their size.
HISTORY_TURNS = 12


@dataclass(frozen=True, slots=True)
class Submission:
    """One press of Send, as it came in."""

    session_key: str = field(repr=False)
    slug: str
    agent_id: UUID
    text: str = field(repr=False)
    idempotency_key: str
    conversation_id: UUID | None = None
    # A reply of that conversation whose place the new one takes: the conversation goes on from before it.
    instead_of: UUID | None = None
    # The chat model that a new conversation tries; the agent's own when there is none.
    chat_model_id: int | None = None
    # What the sender was told that it costs, in credits: a reply that costs more by now is refused.
    price_said: int | None = None

    @property
    def fingerprint(self) -> str:
        content = [str(self.agent_id), str(self.conversation_id or ""), self.text]
        if self.instead_of:
            content.append(str(self.instead_of))
        if self.chat_model_id is not None:
            content.append(str(self.chat_model_id))
        return hashlib.sha256("\0".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AcceptedReply:
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
    # In credits, this reply's own hold counted in.
    available: int = 0
    held: int = 0
    messages: list[Message] = field(default_factory=list, repr=False)
    # What is stored of them, where a provider is asked.
    kept_prompt: bytes | None = field(default=None, repr=False)
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


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message asks, and of which model, before anybody is asked: for a reply and for the prompt inspector alike.

    `found`: the passages that go along, or those that a built-in answer cites. `turns`: the earlier ones that go along.
    `ready_text`: the whole answer, where no provider is asked.
    """

    admitted: admission.Admission
    is_qa_match: bool
    # Whether that pair is only clearly meant, and not the very question.
    is_closest: bool
    found: list[index.Found] = field(repr=False)
    turns: list[prompt.Turn] = field(repr=False)
    messages: list[Message] = field(repr=False)
    parameters: Parameters
    ready_text: str | None = field(repr=False)


class _SentBefore(Exception):
    """Rolls T1 back when the idempotency key is taken."""


def accept(send: Submission) -> AcceptedReply | Existing:
    """Store the reply and its hold, or raise a ReplyRefused and store nothing. Makes no network call."""
    _check(send)
    admitted = _admit(send)
    try:
        return _accept(send, admitted)
    except ReplyRefused as refusal:
        refusal.role = admitted.caller.role
        raise


def draft(send: Submission) -> Draft:
    """What `send` would ask, without asking it or storing anything. Raises ReplyRefused for who may not, or nowhere."""
    return _draft(send, _admit(send))


def _admit(send: Submission) -> admission.Admission:
    return admission.to_send(
        session_key=send.session_key,
        slug=send.slug,
        agent_id=send.agent_id,
        conversation_id=send.conversation_id,
        chat_model_id=send.chat_model_id,
    )


def _accept(send: Submission, admitted: admission.Admission) -> AcceptedReply | Existing:
    if admitted.suspended_for is not None:
        return _sent_before_or_raise(send, admitted, WorkspaceSuspended(admitted.suspended_for))
    if settings.REPLIES_PER_MINUTE and admitted.recent_replies >= settings.REPLIES_PER_MINUTE:
        return _sent_before_or_raise(send, admitted, _too_fast(admitted))
    for running, most, code in (
        (admitted.running_own, settings.RUNNING_PER_MEMBER, "too_many_running"),
        (admitted.running_here, settings.RUNNING_PER_WORKSPACE, "too_many_running_here"),
    ):
        if most and running >= most:
            return _sent_before_or_raise(send, admitted, TooManyRunning(code, most=most))
    try:
        planned = _plan(send, admitted)
        if send.price_said is not None and planned.route.price > send.price_said:
            raise NotRunnable("price_changed", price=planned.route.price, said=send.price_said)
        account = _make_credits_available(planned.route.price, admitted)
    except NotRunnable as refusal:
        return _sent_before_or_raise(send, admitted, refusal)
    if account:
        price = planned.route.price
        planned = dataclasses.replace(planned, available=account.available - price, held=account.held + price)
    return _store(send, admitted, planned)


def _too_fast(admitted: admission.Admission) -> TooFast:
    """With the seconds until the oldest of the replies that fill the minute is a minute old."""
    most = settings.REPLIES_PER_MINUTE
    latest = Reply.objects.filter(member=admitted.caller.user_id).order_by("-created_at")
    oldest = latest.values_list("created_at", flat=True)[most - 1 : most]
    age = max(0.0, (timezone.now() - oldest[0]).total_seconds()) if oldest else 0.0
    return TooFast(per_minute=most, retry_after=max(1, math.ceil(60 - age)))


def _check(send: Submission) -> None:
    if not any(sign.isprintable() and not sign.isspace() for sign in send.text):
        raise BadMessage("message_empty")
    if len(send.text) > QUESTION_CHARACTERS:
        raise MessageTooLarge(QUESTION_CHARACTERS)
    if send.chat_model_id is not None and send.conversation_id is not None:
        raise BadMessage("malformed")
    if not 8 <= len(send.idempotency_key) <= 100 or not send.idempotency_key.isprintable():
        raise BadMessage("idempotency_key_missing")
    if send.instead_of and not send.conversation_id:
        raise BadMessage("malformed")


# --- Planning ----------------------------------------------------------------------------------


def _plan(send: Submission, admitted: admission.Admission) -> AcceptedReply:
    """The reply as it will be stored. NotRunnable when its route is refused."""
    if admitted.status == "archived":
        raise NotRunnable("agent_archived")
    asked = _draft(send, admitted)
    stored = routing.QA_CLOSEST if asked.is_closest else routing.QA_MATCH
    route, sealed, secret = (stored, None, None) if asked.is_qa_match else _route(admitted)
    return AcceptedReply(
        reply_id=new_id(),
        conversation_id=send.conversation_id or new_id(),
        slug=admitted.caller.slug,
        agent_id=admitted.agent_id,
        role=admitted.caller.role,
        route=route,
        provider=admitted.provider,
        # A stored answer is no chat model's.
        model_id="" if asked.is_qa_match else admitted.model_id,
        model_name=_answered_by(asked),
        credential_mask=sealed.mask if sealed else "",
        credential_id=sealed.id if sealed else None,
        region=sealed.region if sealed else "",
        workspace_id=admitted.caller.workspace_id,
        chat_model_id=admitted.chat_model_id,
        parameters=asked.parameters,
        left_out=admitted.left_out,
        may_think=sealed is not None and admitted.profile.may_think,
        prices=admitted.prices,
        lease_token=uuid4(),
        hold_id=new_id() if route.billing is routing.Billing.CREDITS else None,
        available=admitted.available - route.price,
        held=admitted.held + route.price,
        sources=[_as_source(one) for one in asked.found],
        messages=asked.messages,
        kept_prompt=_kept(asked) if secret else None,
        ready_text=asked.ready_text,
        secret=secret,
    )


def _as_source(found: index.Found) -> dict[str, str]:
    """A passage as it is stored with its reply; of a page of a website with its address."""
    source = {"title": found.source, "heading": found.heading, "text": found.text}
    return {**source, "url": found.url} if found.url else source


def _draft(send: Submission, admitted: admission.Admission) -> Draft:
    hits = finding.search(admitted.agent_id, send.text) if admitted.has_knowledge else index.Hits(None, [])
    ready, found = hits.answer, [] if hits.answer is not None else prompt.facts_within_budget(hits.passages)
    if ready is None and admitted.provider == "local":
        answer = local.answer(send.text, hits, fallback=admitted.fallback_text)
        ready, found = answer.marked, answer.citations
    history = _history(send.conversation_id, admitted, send.instead_of) if send.conversation_id else []
    parameters = profiles.parameters(admitted.profile, admitted.wish)
    context = admitted.profile.context_tokens
    messages = prompt.build(
        instructions=admitted.instructions,
        fallback=admitted.fallback_text,
        has_knowledge=admitted.has_knowledge,
        facts=found,
        history=history,
        question=send.text,
        # What the answer may take is not for the prompt.
        tokens=context - parameters.max_output_tokens if context else None,
    )
    return Draft(
        admitted,
        is_qa_match=hits.answer is not None,
        is_closest=hits.is_closest,
        found=found,
        turns=prompt.turns_in(messages, history),
        messages=messages,
        parameters=parameters,
        ready_text=ready,
    )


def _answered_by(asked: Draft) -> str:
    if asked.is_qa_match:
        return CLOSEST_ANSWER if asked.is_closest else STORED_ANSWER
    return asked.admitted.model_name


def _kept(asked: Draft) -> bytes:
    return sent_prompts.kept(
        asked.messages,
        asked.turns,
        with_facts=asked.admitted.has_knowledge,
        parameters=asked.parameters,
        left_out=asked.admitted.left_out,
    )


def _route(admitted: admission.Admission) -> tuple[routing.Route, SealedKey | None, Secret | None]:
    """The route with the key that runs it, opened; the other key stays sealed. NotRunnable when it is refused."""
    keys_at_hand = {Credential.WORKSPACE: admitted.workspace_key, Credential.PLATFORM: admitted.platform_key}
    states = {
        credential: KeyState.READABLE if sealed else KeyState.MISSING
        for credential, sealed in keys_at_hand.items()
    }
    choice = _choice(admitted, states)
    sealed = secret = None
    if isinstance(choice, routing.Route):
        sealed = keys_at_hand.get(choice.credential)
    if isinstance(choice, routing.Route) and sealed:
        states[choice.credential], secret = gateway.open_key(sealed)
        if secret is None:
            keys.note_unreadable(sealed.id)
            choice = _choice(admitted, states)
    if isinstance(choice, routing.Refusal):
        raise NotRunnable(
            choice.code.value,
            provider=choice.provider,
            model=admitted.model_name,
            replacement=admitted.profile.replaced_by,
        )
    return choice, sealed, secret


def _choice(
    admitted: admission.Admission, states: dict[Credential, KeyState]
) -> routing.Route | routing.Refusal:
    return routing.choose(
        outlook.facts(
            provider=admitted.provider,
            price=admitted.price,
            is_custom=admitted.is_custom,
            is_available=admitted.is_available,
            is_shut_down=admitted.profile.is_gone(timezone.now().date()),
            byo_enabled=admitted.byo_enabled,
            workspace_key=states[Credential.WORKSPACE],
            platform_key=states[Credential.PLATFORM],
        )
    )


def _history(
    conversation_id: UUID, admitted: admission.Admission, instead_of: UUID | None = None
) -> list[prompt.Turn]:
    """The turns that the message follows, oldest first; NoSuchPlace unless the conversation is this agent's, and not deleted."""
    before, replaced = "", []
    if instead_of:
        before = "AND r.created_at < (SELECT o.created_at FROM agents_reply o WHERE o.id = %s)"
        replaced = [uid(connection, instead_of)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT r.question, substr(r.text, 1, %s), r.id FROM agents_conversation c
               LEFT JOIN agents_reply r ON r.conversation_id = c.id AND r.state IN ({quoted(Reply.ANSWERED)})
                 AND r.ending <> '{Reply.Ending.DECLINED.value}' AND r.superseded_by_id IS NULL {before}
               WHERE c.id = %s AND c.agent_id = %s AND c.deleted_at IS NULL ORDER BY r.created_at DESC LIMIT %s""",
            # Of an answer beyond the budget, which is left out, no more than shows that it is.
            [
                prompt.HISTORY_BUDGET + 1,
                *replaced,
                uid(connection, conversation_id),
                uid(connection, admitted.agent_id),
                HISTORY_TURNS,
            ],
        )
        rows = cursor.fetchall()
    if not rows:
        raise NoSuchPlace
    return [
        prompt.Turn(question, text, as_uuid(reply_id))
        for question, text, reply_id in reversed(rows)
        if reply_id is not None
    ]


def _make_credits_available(price: int, admitted: admission.Admission) -> Account | None:
    """Before a refusal, and when the ledger has something due: sweep, expire, allot, then look again.

    Returns the account as it was then; None when nobody had to look.
    """
    if price <= admitted.available and not (price and admitted.ledger_event_due):
        return None
    account = ledger.refresh(Account.objects.get(pk=admitted.account_id))
    if price > account.available:
        raise _too_few(account.available, price, admitted)
    return account


def _too_few(available: int, price: int, admitted: admission.Admission) -> NotRunnable:
    return NotRunnable("credits_exhausted", price=price, available=available, provider=admitted.provider)


# --- T1 ----------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _insert_sql(columns: tuple[str, ...], vendor_now: str) -> str:
    return (
        f"INSERT INTO agents_reply ({', '.join(columns)}, created_at, renewed_at) "
        f"VALUES ({', '.join(['%s'] * len(columns))}, {vendor_now}, {vendor_now}) "
        "ON CONFLICT (workspace_id, member_id, idempotency_key) DO NOTHING RETURNING id"
    )


def _store(
    send: Submission, admitted: admission.Admission, planned: AcceptedReply
) -> AcceptedReply | Existing:
    faults.reach("before_hold")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if send.conversation_id is None:
                _insert_conversation(cursor, admitted, planned, tried=send.chat_model_id)
            row = _columns(send, admitted, planned)
            cursor.execute(_insert_sql(tuple(row), now(connection)), list(row.values()))
            if cursor.fetchone() is None:
                raise _SentBefore
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
    except _SentBefore:
        return _sent_before_or_raise(send, admitted, IdempotencyConflict())
    except CreditsExhausted:
        available = ledger.refresh(Account.objects.get(pk=admitted.account_id)).available
        return _sent_before_or_raise(send, admitted, _too_few(available, planned.route.price, admitted))
    faults.reach("after_hold")
    return planned


def _insert_conversation(
    cursor: Any, admitted: admission.Admission, planned: AcceptedReply, *, tried: int | None
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
    """Let the new reply take the place of `replaced` and of all after it; NoSuchPlace, or NotReplaceable, if it cannot.

    Two that replace in one conversation wait for each other, and the second finds nothing left to replace.
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


def _columns(send: Submission, admitted: admission.Admission, planned: AcceptedReply) -> dict[str, Any]:
    """A reply as it is stored when it is accepted, by column; its times are the database's."""
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


def _sent_before_or_raise(send: Submission, admitted: admission.Admission, refusal: Exception) -> Existing:
    """The reply that this press of Send already made; without one, `refusal` stands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, conversation_id, fingerprint FROM agents_reply"
            " WHERE workspace_id = %s AND member_id = %s AND idempotency_key = %s",
            [admitted.caller.workspace_id, admitted.caller.user_id, send.idempotency_key],
        )
        row = cursor.fetchone()
    if row is None:
        if isinstance(refusal, TooFast | TooManyRunning):
            limits_reached.note(admitted.caller.workspace_id, refusal.code, refusal.most)
        raise refusal
    if row[2] != send.fingerprint:
        raise IdempotencyConflict
    conversation_id = as_uuid(row[1]) if row[1] else None
    return Existing(as_uuid(row[0]), conversation_id, admitted.caller.slug, admitted.caller.role)
