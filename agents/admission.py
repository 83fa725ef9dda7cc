"""Who sends, to which agent, on which facts: one statement for the whole path of a reply.

This is the one place where a single query reads across the apps' tables (never writes). Asking each
app in turn costs a round trip and an object graph each, which came to more than the reply itself
(docs/decisions/0007-one-statement-admission.md). What the facts *mean* stays with their owners:
roles with workspaces, the route with llm.routing, the balance with billing.ledger.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.db import connection
from django.utils.crypto import constant_time_compare

from agents.database import as_uuid
from agents.errors import NoSuchPlace, NotSignedIn, RoleTooSmall
from billing.sql import now, uid
from llm.gateway import SealedKey
from llm.vault import Sealed
from workspaces.models import Role, User
from workspaces.sessions import SessionStore

_WHO = """
FROM workspaces_session s
JOIN workspaces_user u ON u.id = s.user_id
LEFT JOIN workspaces_workspace w ON w.slug = %s
LEFT JOIN workspaces_membership m ON m.workspace_id = w.id AND m.user_id = u.id
"""
_WHO_COLUMNS = "u.id, u.password, u.is_active, s.session_data, s.expire_date > {now}, m.role, w.id, w.slug"

_SEND = (
    "SELECT "
    + _WHO_COLUMNS
    + """,
  a.id, a.status, a.instructions, a.temperature, a.fallback_text,
  EXISTS (SELECT 1 FROM agents_passage p WHERE p.agent_id = a.id) OR EXISTS (SELECT 1 FROM agents_qapair q WHERE q.agent_id = a.id),
  c.id, c.name, c.provider, c.model_id, c.price, c.workspace_id IS NOT NULL, c.enabled AND c.retired_at IS NULL,
  c.input_price, c.output_price,
  COALESCE(l.byo_enabled, FALSE),
  k.id, k.workspace_id, k.prefix, k.tail, k.kek_id, k.wrapped_dek, k.nonce, k.ciphertext,
  b.id, b.posted - b.held, b.next_event_at <= {now},
  (SELECT COUNT(*) FROM (SELECT 1 FROM agents_reply r
     WHERE r.member_id = u.id AND r.created_at > {minute_ago} LIMIT %s) recent)
"""
    + _WHO
    + """
LEFT JOIN agents_agent a ON a.id = %s AND a.workspace_id = w.id
LEFT JOIN llm_chatmodel c ON c.id = a.chat_model_id
LEFT JOIN llm_llmsettings l ON l.workspace_id = w.id
LEFT JOIN llm_providerkey k ON k.provider = c.provider AND k.state = 'active'
  AND ((COALESCE(l.byo_enabled, FALSE) AND k.workspace_id = w.id)
       OR (NOT COALESCE(l.byo_enabled, FALSE) AND k.workspace_id IS NULL))
LEFT JOIN billing_account b ON b.workspace_id = w.id
WHERE s.session_key = %s"""
)

_REPLY = (
    "SELECT "
    + _WHO_COLUMNS
    + ", r.id, r.member_id "
    + _WHO
    + """
LEFT JOIN agents_reply r ON r.id = %s AND r.workspace_id = w.id
WHERE s.session_key = %s"""
)


@dataclass(frozen=True, slots=True)
class Caller:
    user_id: int
    role: Role
    workspace_id: int
    slug: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that decides a reply, as of one moment. `available` in credits."""

    caller: Caller
    agent_id: UUID
    status: str
    instructions: str
    temperature: float
    fallback_text: str
    has_knowledge: bool
    chat_model_id: int
    model_name: str
    provider: str
    model_id: str
    price: int
    is_custom: bool
    is_available: bool
    input_price: int | None
    output_price: int | None
    byo_enabled: bool
    provider_key: SealedKey | None
    account_id: int
    available: int
    ledger_event_due: bool
    recent_replies: int


@lru_cache(maxsize=8)
def _sql(template: str, vendor: str) -> str:
    minute_ago = (
        "STATEMENT_TIMESTAMP() - INTERVAL '60 seconds'"
        if vendor == "postgresql"
        else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '-60 seconds')"
    )
    return template.format(now=now(connection), minute_ago=minute_ago)


def _fetch(template: str, params: list[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_sql(template, connection.vendor), params)
        row = cursor.fetchone()
    if row is None:
        raise NotSignedIn
    return tuple(row)


def _caller(row: tuple[Any, ...], *, needs: Role) -> Caller:
    """The sender out of a row's first columns: as strict as Django's own session and login middleware."""
    user_id, password, is_active, session_data, unexpired, role, workspace_id, slug = row[:8]
    claimed = SessionStore().decode(session_data).get(HASH_SESSION_KEY, "") if unexpired else ""
    user = User(pk=user_id, password=password)
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    if not is_active or not any(constant_time_compare(claimed, known) for known in hashes):
        raise NotSignedIn
    if role is None:
        raise NoSuchPlace
    if Role(role).rank < needs.rank:
        raise RoleTooSmall
    return Caller(user_id, Role(role), workspace_id, slug)


def to_send(*, session_key: str, slug: str, agent_id: UUID) -> Facts:
    """The facts for one send. NotSignedIn, NoSuchPlace for a stranger or another workspace's agent, RoleTooSmall."""
    row = _fetch(_SEND, [settings.REPLIES_PER_MINUTE, slug, uid(connection, agent_id), session_key])
    caller = _caller(row, needs=Role.EDITOR)
    agent, model, byo, stored, account, recent = (
        row[8:14],
        row[14:23],
        row[23],
        row[24:32],
        row[32:35],
        row[35],
    )
    if agent[0] is None:
        raise NoSuchPlace
    return Facts(
        caller,
        as_uuid(agent[0]),
        status=agent[1],
        instructions=agent[2],
        temperature=agent[3],
        fallback_text=agent[4],
        has_knowledge=bool(agent[5]),
        chat_model_id=model[0],
        model_name=model[1],
        provider=model[2],
        model_id=model[3],
        price=model[4],
        is_custom=bool(model[5]),
        is_available=bool(model[6]),
        input_price=model[7],
        output_price=model[8],
        byo_enabled=bool(byo),
        provider_key=_sealed_key(model[2], stored),
        account_id=account[0],
        available=account[1] or 0,
        ledger_event_due=bool(account[2]),
        recent_replies=recent,
    )


def _sealed_key(provider: str, stored: tuple[Any, ...]) -> SealedKey | None:
    if stored[0] is None:
        return None
    row_id, workspace_id, prefix, tail, kek_id, wrapped_dek, nonce, ciphertext = stored
    sealed = Sealed(
        kek_id=kek_id, wrapped_dek=bytes(wrapped_dek), nonce=bytes(nonce), ciphertext=bytes(ciphertext)
    )
    return SealedKey(as_uuid(row_id), workspace_id, provider, f"{prefix}…{tail}", sealed)


def to_reply(
    *, session_key: str, slug: str, reply_id: UUID, needs: Role = Role.VIEWER
) -> tuple[Caller, int | None]:
    """The caller of a page about one reply, and the member who asked; NoSuchPlace unless both are of one workspace."""
    row = _fetch(_REPLY, [slug, uid(connection, reply_id), session_key])
    caller = _caller(row, needs=needs)
    if row[8] is None:
        raise NoSuchPlace
    return caller, row[9]
