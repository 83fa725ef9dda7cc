"""The gateway to the providers: opens the key of a reply, and makes a completion with its retries.

Only this module and llm/keys/opening.py unseal a secret. Here that happens when a reply is accepted, and the secret
is kept no longer than the run.
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
# If a provider asks for a longer wait than this many seconds, the reply fails at once and the member is told.
PATIENCE = 5.0
# The least number of seconds between two attempts, even if a provider asks for less.
SHORTEST_WAIT = 0.25
# Loaded when the server starts, so that no reply waits for an SDK to load.
TWINS = {one.name: twin_of(one.name) for one in roster.KEYED}


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A provider key as read on the path of a reply: the values of its binding, its mask, and the sealed parts."""

    id: UUID
    workspace_id: int | None
    provider: str
    mask: str
    region: str
    sealed: vault.Sealed = field(repr=False)


def open_key(row: SealedKey) -> tuple[KeyState, vault.Secret | None]:
    """The state of a stored key, and its secret if it opens.

    Does not raise for an unreadable key, since that is one of the states.
    """
    binding = keys.binding_of(key_id=row.id, workspace_id=row.workspace_id, provider=row.provider)
    try:
        secret = vault.unseal(row.sealed, binding=binding)
    except vault.VaultError:
        return KeyState.UNREADABLE, None
    keys.count_unseal(row.id, purpose="reply")
    return KeyState.READABLE, secret


class _NoSecret:
    """Takes the place of a secret in a request that is only shown, not sent."""

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
    """The JSON body that a Completion with the same values would send first, made by the same code."""
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
    """The provider calls of one reply: at most three, and no further one once text has come.

    `metadata`, `attempts` and `left_out` are filled in while `text` is read.
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
        # When the current attempt began, by time.monotonic; None between attempts.
        self.asked_at: float | None = None
        # The parameters that were left out because the provider refused them; and which of these the model never
        # takes.
        self.left_out: list[str] = []
        self.learnt: list[str] = []

    async def text(self) -> AsyncGenerator[str, None]:
        """Text as it arrives. Raises ProviderError when no retry is left.

        A retry uses the same chat model, price and key.
        """
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
        """Seconds to wait before the next attempt, with random extra; None when there must be none."""
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
        """Leave out the parameter that a refusal names, if we set it and may omit it. Returns whether it was left out."""
        if not error.names:
            return False
        self.left_out.append(error.names)
        if error.is_lasting:
            self.learnt.append(error.names)
        self.call = replace(self.call, left_out=self.call.left_out | {error.names})
        return True
