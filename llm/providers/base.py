"""What the provider twins have in common: plain values in and out, one error type, one wire.

A twin takes a `Call` and yields text pieces, leaving what it learnt (finish, usage) on the
`Outcome`. Nothing here or in a twin reads the database, a request or a setting: all is passed in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class RevealsSecret(Protocol):
    """The vault's Secret, as seen from here: the twins may reveal it, at send time only."""

    def reveal(self) -> str: ...


class Fault(StrEnum):
    """Why a provider call failed; each has its words for members and for admins in agents/words.py."""

    REJECTED = "key_rejected"  # 401, 403
    MODEL_MISSING = "model_not_found"  # 404
    BAD_REQUEST = "bad_request"  # 400 and other 4xx
    TOO_LARGE = "prompt_too_large"  # 413
    RATE_LIMITED = "rate_limited"  # 429
    NO_FUNDS = "no_funds"  # 429 insufficient_quota, 402
    UNAVAILABLE = "provider_unavailable"  # 5xx, 529
    UNREACHABLE = "provider_unreachable"  # refused, reset before an answer
    TIMED_OUT = "provider_timed_out"  # connect, first byte or idle
    BROKEN_STREAM = "stream_broken"  # reset or end without a finish marker
    MALFORMED = "stream_malformed"  # not the protocol
    REDIRECTED = "provider_redirected"
    EMPTY = "empty_reply"


# Worth another attempt before any text has been shown.
RETRYABLE = frozenset({Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.UNREACHABLE})


class ProviderError(Exception):
    """A provider call failed. Carries our own code, never the provider's words (they may hold the key).

    `retry_after` in seconds, when the provider gave one that made sense.
    """

    def __init__(
        self, fault: Fault, *, status: int | None = None, retry_after: float | None = None, note: str = ""
    ) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.status = status
        self.retry_after = retry_after
        self.note = note

    @property
    def detail(self) -> str:
        """Facts for an admin: code, status, note."""
        parts = [self.fault.value, f"HTTP {self.status}" if self.status else "", self.note]
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Message:
    role: str  # system, user or assistant
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes that bound one call."""

    connect_seconds: float
    first_byte_seconds: float
    idle_seconds: float
    wire_bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    model_id: str
    messages: list[Message]
    temperature: float
    secret: RevealsSecret = field(repr=False)
    base_url: str
    limits: Limits
    max_output_tokens: int = 4096


class Finish(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    CUT = "cut"  # by our own cap on wire bytes


@dataclass(slots=True)
class Outcome:
    """Filled in while a call runs. Tokens are the provider's own count; None means it gave none."""

    finish: Finish | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class Verdict(StrEnum):
    """What a provider says of a key, without spending a token; the values are ProviderKey.Health's."""

    VALID = "valid"
    REJECTED = "rejected"
    LIMITED = "limited"
    UNREACHABLE = "unreachable"


VERDICT_OF: dict[Fault, Verdict] = {
    Fault.REJECTED: Verdict.REJECTED,
    Fault.RATE_LIMITED: Verdict.LIMITED,
    Fault.NO_FUNDS: Verdict.LIMITED,
}


def verdict(attempt: Callable[[], object]) -> Verdict:
    """Run a token-free call and say what it shows of the key."""
    try:
        attempt()
    except ProviderError as error:
        return VERDICT_OF.get(error.fault, Verdict.UNREACHABLE)
    return Verdict.VALID
