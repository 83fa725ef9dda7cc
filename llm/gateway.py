"""The front door to the providers: whose key opens, and a completion with its retries.

This module and llm/keys.py are the only ones that unseal a secret; here it happens when a reply is
accepted, and the secret lives no longer than the run.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from llm import keys, vault
from llm.providers import anthropic, openai
from llm.providers.base import RETRYABLE, Call, Fault, Limits, Message, Outcome, ProviderError
from llm.routing import KeyState

TWINS = {"openai": openai, "anthropic": anthropic}
MAX_ATTEMPTS = 3
# A provider that asks for a longer wait than this many seconds is not waited for: the member is told.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A provider-key row as the hot path reads it: what its binding needs, its mask, and the sealed parts."""

    id: UUID
    workspace_id: int | None
    provider: str
    mask: str
    sealed: vault.Sealed = field(repr=False)


def open_key(row: SealedKey | None) -> tuple[KeyState, vault.Secret | None]:
    """What state a stored key is in, and its secret when it opens. Never raises: an unreadable key is a state."""
    if row is None:
        return KeyState.MISSING, None
    binding = keys.binding_of(key_id=row.id, workspace_id=row.workspace_id, provider=row.provider)
    try:
        secret = vault.unseal(row.sealed, binding=binding)
    except vault.VaultError:
        return KeyState.UNREADABLE, None
    keys.count_unseal(row.id, purpose="reply")
    return KeyState.READABLE, secret


def estimated_cost(outcome: Outcome, *, input_price: int | None, output_price: int | None) -> int | None:
    """Millionths of a US dollar at list price (µ$ per million tokens), rounded up; None when anything is unknown."""
    if None in (outcome.input_tokens, outcome.output_tokens, input_price, output_price):
        return None
    millionths = outcome.input_tokens * input_price + outcome.output_tokens * output_price  # type: ignore[operator]
    return -(-millionths // 1_000_000)


class Completion:
    """One reply's dealings with its provider: at most three calls, and never a second one after text.

    `outcome` and `attempts` fill while `pieces` is read.
    """

    def __init__(
        self,
        *,
        provider: str,
        model_id: str,
        messages: list[Message],
        temperature: float,
        secret: vault.Secret,
    ) -> None:
        self.twin = TWINS[provider]
        self.call = Call(
            model_id=model_id,
            messages=messages,
            temperature=temperature,
            secret=secret,
            base_url=settings.PROVIDER_BASE_URLS[provider],
            limits=Limits(
                connect_seconds=settings.REPLY_CONNECT_SECONDS,
                first_byte_seconds=settings.REPLY_FIRST_BYTE_SECONDS,
                idle_seconds=settings.REPLY_IDLE_SECONDS,
                wire_bytes=settings.REPLY_WIRE_BYTES,
            ),
        )
        self.outcome = Outcome()
        self.attempts = 0

    async def pieces(self) -> AsyncGenerator[str, None]:
        """Text as it arrives. ProviderError once retries, which change neither model, price nor owner, are spent."""
        spoken = False
        while True:
            self.attempts += 1
            try:
                async for piece in self.twin.stream(self.call, self.outcome):
                    spoken = True
                    yield piece
                return
            except ProviderError as error:
                wait = self._wait_before_retry(error)
                if spoken or wait is None:
                    raise
            await asyncio.sleep(wait)

    def _wait_before_retry(self, error: ProviderError) -> float | None:
        """Seconds to wait, jittered; None when another attempt would be wrong."""
        if error.fault not in RETRYABLE or self.attempts >= MAX_ATTEMPTS:
            return None
        wait = error.retry_after if error.retry_after is not None else 0.25 * 2**self.attempts
        return wait * random.uniform(1, 1.1) if wait <= PATIENCE else None  # noqa: S311 (jitter, not a secret)


def health_error(error: ProviderError) -> Fault | None:
    """The fault to write into a key's health: only those that say something of the key."""
    return error.fault if error.fault in {Fault.REJECTED, Fault.RATE_LIMITED, Fault.NO_FUNDS} else None
