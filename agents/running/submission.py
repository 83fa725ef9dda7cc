"""What accepting a message takes, and what it returns."""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from billing.sql import uid
from llm import routing
from llm.costs import Prices
from llm.profiles import Parameters
from llm.providers.base import Message
from llm.vault import Secret
from workspaces.models import Role


@dataclass(frozen=True, slots=True)
class Submission:
    """One press of Send, as the browser sent it."""

    session_key: str = field(repr=False)
    slug: str
    agent_id: UUID
    text: str = field(repr=False)
    idempotency_key: str
    conversation_id: UUID | None = None
    # A reply of that conversation that the new one replaces: the conversation continues from before it.
    instead_of: UUID | None = None
    # The chat model that a new conversation tries; None for the agent's own.
    chat_model_id: int | None = None
    # The price in credits that the sender was shown: a reply that now costs more is refused.
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
    """A stored reply that does not run yet, with everything that its run needs, so that the run makes no queries."""

    reply_id: UUID
    conversation_id: UUID
    slug: str
    agent_id: UUID
    role: Role  # the sender's; it decides what a failure message tells
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
    # In credits, after this reply's own hold.
    available: int = 0
    held: int = 0
    messages: list[Message] = field(default_factory=list, repr=False)
    # The stored form of `messages`, where a provider is asked.
    kept_prompt: bytes | None = field(default=None, repr=False)
    # The whole answer where no provider is asked.
    ready_text: str | None = field(default=None, repr=False)
    secret: Secret | None = field(default=None, repr=False)

    def row_key(self) -> tuple[Any, Any]:
        """Id and lease token as parameters of raw SQL. Together they match the row only while this run holds its lease."""
        return uid(connection, self.reply_id), uid(connection, self.lease_token)


@dataclass(frozen=True, slots=True)
class Existing:
    """The reply, running or ended, that the same press of Send made before."""

    reply_id: UUID
    conversation_id: UUID | None
    slug: str
    role: Role
