"""Who sends, to which agent, on which facts: one statement for the whole path of a reply.

This is the one place where a single query reads across the apps' tables (never writes). Asking each app in
turn costs a round trip and an object graph per app, which together took longer than the reply itself
(docs/decisions/0007-one-statement-admission.md). What the facts *mean* stays with their owners: roles with
workspaces, the route with llm.routing, the balance with billing.ledger.
"""

import datetime as dt
from collections import namedtuple
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.db import connection
from django.utils.crypto import constant_time_compare

from agents.errors import AgentGone, NoSecondFactor, NoSuchPlace, NotSignedIn, RoleTooSmall
from agents.ids import as_uuid
from agents.models import Reply
from billing.sql import now, quoted, uid
from llm import listing, profiles
from llm.costs import Prices
from llm.gateway import SealedKey
from llm.models import ProviderKey, mask_of
from llm.profiles import ListedProfile, OwnWord, Profile, Wish
from llm.vault import Sealed
from workspaces.models import Role, User
from workspaces.sessions import SessionStore

_WHO = """
FROM workspaces_session s
JOIN workspaces_user u ON u.id = s.user_id
LEFT JOIN workspaces_workspace w ON w.id = COALESCE(
  (SELECT id FROM workspaces_workspace WHERE slug = %(slug)s),
  (SELECT workspace_id FROM workspaces_pastaddress WHERE slug = %(slug)s))
LEFT JOIN workspaces_membership m ON m.workspace_id = w.id AND m.user_id = u.id
"""
# The selected SQL expressions, by the name of the field that holds each.
_CALLER = {
    "user_id": "u.id",
    "password": "u.password",
    "is_active": "u.is_active",
    "session_data": "s.session_data",
    "unexpired": "s.expire_date > {now}",
    "role": "m.role",
    "lacks_factor": "w.second_factor_required AND NOT EXISTS (SELECT 1 FROM mfa_authenticator f"
    f" WHERE f.user_id = u.id AND f.type <> '{Authenticator.Type.RECOVERY_CODES.value}')",
    "suspended_for": "CASE WHEN w.suspended_at IS NOT NULL THEN w.suspended_for END",
    "workspace_id": "w.id",
    "slug": "w.slug",
}


def _row_type(name: str, columns: dict[str, str]) -> Any:
    """A named tuple with one field for each selected expression."""
    return namedtuple(name, columns)


class _Part:
    """Some columns of one table, read from the whole row as a row of their own. `prefix` keeps their names apart."""

    def __init__(self, prefix: str, table: str, names: Iterable[str]) -> None:
        own = {name: f"{prefix}_{name}" for name in names}
        self.columns = {selected: f"{table}.{name}" for name, selected in own.items()}
        self._row = _row_type("Part", own)
        self._values = attrgetter(*own.values())

    def of(self, row: Any) -> Any:
        return self._row._make(self._values(row))


def _names(kind: type[Any]) -> list[str]:
    return [one.name for one in fields(kind)]


# The columns read from an active provider key: what opens it, and its mask.
_KEY = ["id", "workspace_id", "prefix", "tail", "region", *_names(Sealed)]
_KEY_OF = {"workspace": _Part("workspace_key", "wk", _KEY), "platform": _Part("platform_key", "pk", _KEY)}
# What the key's account lists about the agent's chat model, and what operators or admins entered about it.
_LISTED = ["id", *_names(ListedProfile)]
_LISTED_OF = {
    "workspace": _Part("workspace_listed", "wo", _LISTED),
    "platform": _Part("platform_listed", "po", _LISTED),
}
_OWN_WORD = _Part("own", "c", _names(OwnWord))
_IN_USE = quoted([ProviderKey.State.ACTIVE])
_SENDING = _CALLER | {
    "agent_id": "a.id",
    "status": "a.status",
    # A conversation may try other instructions, and another chat model with settings of its own (agents/trying.py).
    "instructions": "COALESCE(v.tried_instructions, a.instructions)",
    "temperature": "CASE WHEN v.tried_model_id IS NULL THEN a.temperature ELSE v.tried_temperature END",
    "effort": "CASE WHEN v.tried_model_id IS NULL THEN a.effort ELSE v.tried_effort END",
    "output_limit": "CASE WHEN v.tried_model_id IS NULL THEN a.output_limit ELSE v.tried_output_limit END",
    "fallback_text": "a.fallback_text",
    "has_knowledge": "EXISTS (SELECT 1 FROM agents_passage p WHERE p.agent_id = a.id)"
    " OR EXISTS (SELECT 1 FROM agents_qapair q WHERE q.agent_id = a.id)",
    "chat_model_id": "c.id",
    "model_name": "c.name",
    "provider": "c.provider",
    "model_id": "c.model_id",
    "price": "c.price",
    "is_custom": "c.workspace_id IS NOT NULL",
    "is_available": "c.enabled AND c.retired_at IS NULL",
    "input_price": "c.input_price",
    "output_price": "c.output_price",
    "cached_input_price": "c.cached_input_price",
    "long_prompt_tokens": "c.long_prompt_tokens",
    "long_prompt_factor": "c.long_prompt_factor",
    "left_out": "c.left_out",
    "byo_enabled": "COALESCE(l.byo_enabled, FALSE)",
    **_OWN_WORD.columns,
    **_KEY_OF["workspace"].columns,
    **_KEY_OF["platform"].columns,
    **_LISTED_OF["workspace"].columns,
    **_LISTED_OF["platform"].columns,
    "account_id": "b.id",
    "available": "b.posted - b.held",
    "held": "b.held",
    "ledger_event_due": "b.next_event_at <= {now}",
    "recent_replies": "(SELECT COUNT(*) FROM (SELECT 1 FROM agents_reply r"
    " WHERE r.member_id = u.id AND r.created_at > {minute_ago} LIMIT %(per_minute)s) recent)",
    "running_own": "(SELECT COUNT(*) FROM (SELECT 1 FROM agents_reply r WHERE {running}"
    " AND r.member_id = u.id LIMIT %(per_member)s) own)",
    "running_here": "(SELECT COUNT(*) FROM (SELECT 1 FROM agents_reply r WHERE {running}"
    " AND r.workspace_id = w.id LIMIT %(per_workspace)s) here)",
}
_SEND = f"""
SELECT {", ".join(_SENDING.values())}
{_WHO}
LEFT JOIN agents_agent a ON a.id = %(agent_id)s AND a.workspace_id = w.id
LEFT JOIN agents_conversation v ON v.id = %(conversation_id)s AND v.agent_id = a.id
LEFT JOIN llm_chatmodel c ON c.id = COALESCE(%(chat_model_id)s, v.tried_model_id, a.chat_model_id)
  AND (c.workspace_id IS NULL OR c.workspace_id = w.id)
LEFT JOIN llm_llmsettings l ON l.workspace_id = w.id
LEFT JOIN llm_providerkey wk ON wk.provider = c.provider AND wk.state = {_IN_USE} AND wk.workspace_id = w.id
LEFT JOIN llm_providerkey pk ON pk.provider = c.provider AND pk.state = {_IN_USE} AND pk.workspace_id IS NULL
LEFT JOIN llm_listedmodel wo ON wo.provider_key_id = wk.id AND wo.model_id = c.model_id
LEFT JOIN llm_listedmodel po ON po.provider_key_id = pk.id AND po.model_id = c.model_id
LEFT JOIN billing_account b ON b.workspace_id = w.id
WHERE s.session_key = %(session_key)s"""
_VIEWING = _CALLER | {"reply_id": "r.id", "member_id": "r.member_id", "deleted_at": "v.deleted_at"}
_VIEW = f"""
SELECT {", ".join(_VIEWING.values())}
{_WHO}
LEFT JOIN agents_reply r ON r.id = %(reply_id)s AND r.workspace_id = w.id
LEFT JOIN agents_conversation v ON v.id = r.conversation_id
WHERE s.session_key = %(session_key)s"""


SendRow = _row_type("SendRow", _SENDING)
ViewRow = _row_type("ViewRow", _VIEWING)


@dataclass(frozen=True, slots=True)
class Caller:
    user_id: int
    role: Role
    workspace_id: int
    slug: str

    @property
    def is_admin(self) -> bool:
        return self.role.is_admin


@dataclass(frozen=True, slots=True)
class Admission:
    """All that decides a reply, as of one moment. `available` and `held` in credits; `wish` is what the agent's settings
    ask for, or those that its conversation tries.

    Which of the two keys runs it, if any, is decided by llm.routing.choose; both are sealed.
    """

    caller: Caller
    agent_id: UUID
    status: str
    instructions: str
    fallback_text: str
    has_knowledge: bool
    chat_model_id: int
    model_name: str
    provider: str
    model_id: str
    price: int
    is_custom: bool
    is_available: bool
    profile: Profile
    wish: Wish
    left_out: frozenset[str]
    prices: Prices
    byo_enabled: bool
    workspace_key: SealedKey | None
    platform_key: SealedKey | None
    account_id: int
    available: int
    held: int
    ledger_event_due: bool
    recent_replies: int
    # The operators' reason for suspending the workspace (nothing runs in it then); None when it is not suspended.
    suspended_for: str | None
    # Counted up to the limits only. A reply whose server has died is not counted once its lease is over.
    running_own: int
    running_here: int


@lru_cache(maxsize=8)
def _sql(template: str, vendor: str, lease_seconds: float) -> str:
    def ago(seconds: float) -> str:
        return (
            f"STATEMENT_TIMESTAMP() - INTERVAL '{seconds} seconds'"
            if vendor == "postgresql"
            else f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '-{seconds} seconds')"
        )

    # This condition must match the partial index of running replies.
    running = f"r.state IN ({quoted(Reply.RUNNING)}) AND r.renewed_at > {ago(lease_seconds)}"
    return template.format(now=now(connection), minute_ago=ago(60), running=running)


def _statement(template: str) -> str:
    return _sql(template, connection.vendor, settings.LEASE_SECONDS)


def _fetch(statement: str, params: dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        row = cursor.fetchone()
    if row is None:
        raise NotSignedIn
    return tuple(row)


def _caller(row: Any, *, needs: Role) -> Caller:
    """The sender, checked as strictly as by Django's middleware for sessions and login.

    `row` has the columns of _CALLER.
    """
    claimed = SessionStore().decode(row.session_data).get(HASH_SESSION_KEY, "") if row.unexpired else ""
    user = User(pk=row.user_id, password=row.password)
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    if not row.is_active or not any(constant_time_compare(claimed, known) for known in hashes):
        raise NotSignedIn
    if row.role is None:
        raise NoSuchPlace
    if row.lacks_factor:
        raise NoSecondFactor
    if not Role(row.role).at_least(needs):
        raise RoleTooSmall
    return Caller(user_id=row.user_id, role=Role(row.role), workspace_id=row.workspace_id, slug=row.slug)


def statement_to_send(
    *, session_key: str, slug: str, agent_id: UUID, conversation_id: UUID | None, chat_model_id: int | None
) -> tuple[str, dict[str, Any]]:
    """What `to_send` asks the database, and with what; the bench measures just this (bench/growth.py)."""
    return _statement(_SEND), {
        "session_key": session_key,
        "slug": slug,
        "agent_id": uid(connection, agent_id),
        "conversation_id": uid(connection, conversation_id) if conversation_id else None,
        "chat_model_id": chat_model_id,
        "per_minute": settings.REPLIES_PER_MINUTE,
        "per_member": settings.RUNNING_PER_MEMBER,
        "per_workspace": settings.RUNNING_PER_WORKSPACE,
    }


def to_send(
    *,
    session_key: str,
    slug: str,
    agent_id: UUID,
    conversation_id: UUID | None = None,
    chat_model_id: int | None = None,
) -> Admission:
    """The facts for one send. What its conversation tries replaces the agent's own settings.

    `chat_model_id`: the chat model that a new conversation is to try. Raises NotSignedIn, RoleTooSmall,
    AgentGone for an agent that this workspace does not have, and NoSuchPlace for a stranger or another
    workspace's chat model.
    """
    statement, params = statement_to_send(
        session_key=session_key,
        slug=slug,
        agent_id=agent_id,
        conversation_id=conversation_id,
        chat_model_id=chat_model_id,
    )
    row = SendRow._make(_fetch(statement, params))
    caller = _caller(row, needs=Role.EDITOR)
    if row.agent_id is None:
        raise AgentGone(caller.role)
    if row.chat_model_id is None:
        raise NoSuchPlace
    return _admission(caller, row)


def _admission(caller: Caller, row: Any) -> Admission:
    return Admission(
        caller=caller,
        agent_id=as_uuid(row.agent_id),
        status=row.status,
        instructions=row.instructions,
        fallback_text=row.fallback_text,
        has_knowledge=bool(row.has_knowledge),
        chat_model_id=row.chat_model_id,
        model_name=row.model_name,
        provider=row.provider,
        model_id=row.model_id,
        price=row.price,
        is_custom=bool(row.is_custom),
        is_available=bool(row.is_available),
        profile=_profile(row),
        wish=Wish(temperature=row.temperature, effort=row.effort, output_limit=row.output_limit),
        left_out=frozenset(row.left_out.split()),
        prices=Prices(
            input=row.input_price,
            output=row.output_price,
            cached_input=row.cached_input_price,
            long_prompt_tokens=row.long_prompt_tokens,
            long_prompt_factor=row.long_prompt_factor,
        ),
        byo_enabled=bool(row.byo_enabled),
        workspace_key=_sealed_key(row, "workspace"),
        platform_key=_sealed_key(row, "platform"),
        account_id=row.account_id,
        available=row.available or 0,
        held=row.held or 0,
        ledger_event_due=bool(row.ledger_event_due),
        recent_replies=row.recent_replies,
        suspended_for=row.suspended_for,
        running_own=row.running_own,
        running_here=row.running_here,
    )


def _profile(row: Any) -> Profile:
    """What may be asked of the agent's chat model, from everything stored about it."""
    listed = _LISTED_OF["workspace" if row.byo_enabled else "platform"].of(row)
    return profiles.resolve(
        row.provider,
        row.model_id,
        listed=None if listed.id is None else listing.said(_dated(listed)),
        left_out=row.left_out,
        own_word=listing.own_word(_dated(_OWN_WORD.of(row))),
    )


def _dated(row: Any) -> Any:
    """The row with its last day as a date; SQLite's driver returns text."""
    day = row.shuts_down_on
    return row._replace(shuts_down_on=dt.date.fromisoformat(day)) if isinstance(day, str) else row


def _sealed_key(row: Any, owner: str) -> SealedKey | None:
    found = _KEY_OF[owner].of(row)
    if found.id is None:
        return None
    return SealedKey(
        id=as_uuid(found.id),
        workspace_id=found.workspace_id,
        provider=row.provider,
        mask=mask_of(found.prefix, found.tail),
        region=found.region,
        sealed=Sealed(
            kek_id=found.kek_id,
            wrapped_dek=bytes(found.wrapped_dek),
            nonce=bytes(found.nonce),
            ciphertext=bytes(found.ciphertext),
        ),
    )


def to_reply(
    *, session_key: str, slug: str, reply_id: UUID, needs: Role = Role.VIEWER, to_read: bool = False
) -> tuple[Caller, int | None]:
    """The caller of a page about one reply, and the id of the member who sent its message.

    Raises NoSuchPlace unless the caller is a member of the reply's workspace.

    `to_read`: the page shows the reply's text; then NoSuchPlace is also raised for a deleted conversation.
    """
    params = {"session_key": session_key, "slug": slug, "reply_id": uid(connection, reply_id)}
    row = ViewRow._make(_fetch(_statement(_VIEW), params))
    caller = _caller(row, needs=needs)
    if row.reply_id is None or (to_read and row.deleted_at is not None):
        raise NoSuchPlace
    return caller, row.member_id
