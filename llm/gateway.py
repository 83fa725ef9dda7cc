"""The front door to the providers: whose key opens, and a completion with its retries.

This module and llm/keys/opening.py are the only ones that unseal a secret; here it happens when a reply is
accepted, and the secret lives no longer than the run.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.conf import settings

from llm import keys, vault
from llm.profiles import Parameters
from llm.providers import roster
from llm.providers.base import Call, Fault, Limits, Message, ProviderError, ResponseMetadata
from llm.providers.twins import twin_of
from llm.routing import KeyState

MAX_ATTEMPTS = 3
# A provider that asks for a longer wait than this many seconds is not waited for: the member is told.
PATIENCE = 5.0
# Seconds between two attempts, at the least, whatever a provider says.
SHORTEST_WAIT = 0.25
# Loaded with the server, so that no reply waits for an SDK.
TWINS = {one.name: twin_of(one.name) for one in roster.KEYED}


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A provider-key row as the hot path reads it: what its binding needs, its mask, and the sealed parts."""

    id: UUID
    workspace_id: int | None
    provider: str
    mask: str
    region: str
    sealed: vault.Sealed = field(repr=False)


def open_key(row: SealedKey) -> tuple[KeyState, vault.Secret | None]:
    """What state a stored key is in, and its secret when it opens. Never raises: an unreadable key is a state."""
    binding = keys.binding_of(key_id=row.id, workspace_id=row.workspace_id, provider=row.provider)
    try:
        secret = vault.unseal(row.sealed, binding=binding)
    except vault.VaultError:
        return KeyState.UNREADABLE, None
    keys.count_unseal(row.id, purpose="reply")
    return KeyState.READABLE, secret


class _NoSecret:
    """In the place of a secret, for a request that is only looked at."""

    def reveal(self) -> str:
        raise AssertionError("this request is not sent")


def request_body(
    *,
    provider: str,
    model_id: str,
    messages: list[Message],
    parameters: Parameters,
    left_out: frozenset[str] = frozenset(),
) -> dict[str, object]:
    """The JSON body that a Completion of the same values begins with, from the function that sends it."""
    twin = twin_of(provider)
    call = Call(
        model_id=model_id,
        messages=messages,
        parameters=parameters,
        secret=_NoSecret(),
        base_url="",
        limits=Limits(connect_seconds=0, first_byte_seconds=0, idle_seconds=0, wire_bytes=0),
        left_out=left_out & twin.optional,
    )
    return twin.sent(call)


class Completion:
    """One reply's dealings with its provider: at most three calls, and never a second one after text.

    `metadata`, `attempts` and `left_out` fill while `text` is read.
    """

    def __init__(
        self,
        *,
        provider: str,
        model_id: str,
        messages: list[Message],
        parameters: Parameters,
        secret: vault.Secret,
        region: str = "",
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        self.twin = twin_of(provider)
        self.call = Call(
            model_id=model_id,
            messages=messages,
            parameters=parameters,
            secret=secret,
            base_url=keys.base_url(provider, region),
            limits=Limits(
                connect_seconds=settings.REPLY_CONNECT_SECONDS,
                first_byte_seconds=settings.REPLY_FIRST_BYTE_SECONDS,
                idle_seconds=settings.REPLY_IDLE_SECONDS,
                wire_bytes=settings.REPLY_WIRE_BYTES,
            ),
            left_out=left_out & self.twin.optional,
        )
        self.metadata = ResponseMetadata()
        self.attempts = 0
        # When the present attempt began, by time.monotonic; None while there is none.
        self.asked_at: float | None = None
        # What this reply did without, and which of it the model takes in no reply.
        self.left_out: list[str] = []
        self.learnt: list[str] = []

    async def text(self) -> AsyncGenerator[str, None]:
        """Text as it arrives. ProviderError once retries, which change neither model, price nor owner, are spent."""
        spoken = False
        while True:
            self.attempts += 1
            self.asked_at = time.monotonic()
            self.metadata = ResponseMetadata()
            try:
                async for piece in self.twin.stream(self.call, self.metadata):
                    spoken = True
                    yield piece
                return
            except ProviderError as error:
                self.asked_at = None
                wait = None if spoken else self._wait_before_retry(error)
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    def _wait_before_retry(self, error: ProviderError) -> float | None:
        """Seconds to wait, jittered upwards; None when another attempt would be wrong."""
        if self.attempts >= MAX_ATTEMPTS:
            return None
        if error.fault is Fault.BAD_REQUEST:
            return SHORTEST_WAIT if self._leave_out(error) else None
        if not error.retryable:
            return None
        asked = error.retry_after if error.retry_after is not None else 0.25 * 2**self.attempts
        wait = max(asked, SHORTEST_WAIT)
        return wait * random.uniform(1, 1.1) if wait <= PATIENCE else None  # noqa: S311 (jitter, not a secret)

    def _leave_out(self, error: ProviderError) -> bool:
        """Do without the parameter that a refusal names, if it is one that we set and may leave out."""
        if not error.names:
            return False
        self.left_out.append(error.names)
        if error.is_lasting:
            self.learnt.append(error.names)
        self.call = replace(self.call, left_out=self.call.left_out | {error.names})
        return True
