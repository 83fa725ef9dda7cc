"""The interface of the provider twins: plain values in and out, and one error type.

A twin takes a `Call` and yields text. It writes the rest of the response (how it finished, token counts, headers)
into a `ResponseMetadata`. Nothing here or in a twin reads the database, a request or a setting; callers pass in
everything.
"""

import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from llm.profiles import ListedProfile, Parameters


class RevealsSecret(Protocol):
    """The part of the vault's Secret that a twin uses. It is revealed only when a request is sent."""

    def reveal(self) -> str: ...


class Fault(StrEnum):
    """Why a provider call failed; agents/wording.py words it for members and admins.

    Each twin has a table of which answer means which fault; llm/providers/refusals.py reads it.
    """

    REJECTED = "key_rejected"  # the key is not accepted at all
    LACKS_PERMISSION = "key_lacks_permission"  # the key is accepted, but not for this
    NOT_ALLOWED = "not_allowed"  # for a reason that is not the key
    WRONG_REGION = "wrong_region"  # the key's project is in another data-residency region
    ADDRESS_REFUSED = "address_refused"  # this server is not on the account's list of addresses
    PLACE_NOT_SERVED = "place_not_served"  # the provider does not serve this server's country
    MODEL_MISSING = "model_not_found"
    OTHER_API = "other_api_needed"  # the model does not chat, or only through another API
    ORGANISATION_UNVERIFIED = "organisation_unverified"
    ORGANISATION_DISABLED = "organisation_disabled"
    BAD_REQUEST = "bad_request"
    DECLINED = "declined"
    TOO_LARGE = "prompt_too_large"
    RATE_LIMITED = "rate_limited"
    NO_FUNDS = "no_funds"
    UNAVAILABLE = "provider_unavailable"
    UNREACHABLE = "provider_unreachable"  # no connection, or it was reset before an answer
    NOT_THE_PROVIDER = "not_the_provider"  # an answer that is not in the provider's own shape
    TIMED_OUT = "provider_timed_out"  # connect, first byte or idle
    BROKEN_STREAM = "stream_broken"  # reset or end without a finish marker
    MALFORMED = "stream_malformed"  # not the protocol
    REDIRECTED = "provider_redirected"
    EMPTY = "empty_reply"
    THINKING_SPENT = "thinking_spent"  # thinking used the whole output allowance, so there is no text


# Faults that may be gone at another attempt, which is made only before any text has been shown.
RETRYABLE = frozenset({Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.UNREACHABLE})

# An identifier from a provider, safe to store: too short, and of too few kinds of characters, to be anything else.
SAFE_CODE = re.compile(r"[a-z0-9_.\[\]]{1,40}")
SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class ProviderError(Exception):
    """A provider call failed. Carries our own fault, never the provider's text, which may contain the key.

    `code` and `param` are the provider's, when they are short identifiers; `request_id` is what its support asks
    for; `retry_after` in seconds, when the provider gave one that made sense; `retryable`: another attempt may help;
    `names`: the parameter of ours that an invalid request is said to be about, where we may leave it out.
    """

    def __init__(
        self,
        fault: Fault,
        *,
        status: int | None = None,
        code: str = "",
        param: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        retryable: bool | None = None,
        names: str = "",
        note: str = "",
    ) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.status = status
        self.code = code if SAFE_CODE.fullmatch(code) else ""
        self.param = param if SAFE_CODE.fullmatch(param) else ""
        self.request_id = request_id if SAFE_REQUEST_ID.fullmatch(request_id) else ""
        self.retry_after = retry_after
        self.retryable = fault in RETRYABLE if retryable is None else retryable
        self.names = names
        self.is_lasting = False  # True: the model refuses the parameter whatever its value
        self.note = note

    @property
    def detail(self) -> str:
        """Details for an admin: code, status, note."""
        parts = [self.fault.value, f"HTTP {self.status}" if self.status else "", self.note]
        return ", ".join(filter(None, parts))


class MessageRole(StrEnum):
    """Who says a message of a prompt. The digests of stored prompts contain these words."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """`stable`: the conversation's next request will begin with the same messages up to this one."""

    role: MessageRole
    text: str = field(repr=False)
    stable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one call, in seconds and bytes. `idle_seconds` applies once text has come."""

    connect_seconds: float
    first_byte_seconds: float
    idle_seconds: float
    wire_bytes: int
    # How long to wait for the token counts after the finish marker.
    finish_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `left_out`: the parameters that it does not send, in the provider's words."""

    model_id: str
    messages: list[Message]
    parameters: Parameters
    secret: RevealsSecret = field(repr=False)
    base_url: str
    limits: Limits
    left_out: frozenset[str] = frozenset()


class Finish(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    CUT = "cut"  # ended by our limit on bytes received


@dataclass(slots=True)
class ResponseMetadata:
    """Filled in while a call runs. Tokens are the provider's own counts; None where it gave none.

    `input_tokens` counts the whole prompt. Of these, `cached_tokens` came from the provider's prompt cache and
    `cache_write_tokens` were stored there. `thinking_tokens` are part of `output_tokens`.
    """

    finish: Finish | None = None
    declined: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    thinking_tokens: int | None = None
    request_id: str = ""
    headroom: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One model in an account's list."""

    model_id: str
    name: str
    listed: ListedProfile


class KeyHealth(StrEnum):
    """What a token-free check shows about a key. The values are a subset of ProviderKey.Health's."""

    VALID = "valid"
    UNVERIFIED = "unverified"  # the provider answered something that tells nothing about the key
    REJECTED = "rejected"
    LIMITED = "limited"
    UNREACHABLE = "unreachable"


HEALTH_BY_CHECK: dict[Fault, KeyHealth] = {
    Fault.REJECTED: KeyHealth.REJECTED,
    Fault.RATE_LIMITED: KeyHealth.LIMITED,
    Fault.NO_FUNDS: KeyHealth.LIMITED,
    Fault.ORGANISATION_DISABLED: KeyHealth.LIMITED,
    Fault.LACKS_PERMISSION: KeyHealth.UNVERIFIED,
    Fault.NOT_ALLOWED: KeyHealth.UNVERIFIED,
    Fault.WRONG_REGION: KeyHealth.UNVERIFIED,
    Fault.ADDRESS_REFUSED: KeyHealth.UNVERIFIED,
    Fault.PLACE_NOT_SERVED: KeyHealth.UNVERIFIED,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a token-free check: the key's health, the fault that caused it, and the models if there was a list."""

    health: KeyHealth
    fault: Fault | None = None
    models: list[Listing] = field(default_factory=list)

    @property
    def may_list(self) -> bool:
        return self.fault is not Fault.LACKS_PERMISSION


async def check(listing: Awaitable[list[Listing]]) -> Checked:
    """Await a list of models and derive the key's health from it."""
    try:
        return Checked(KeyHealth.VALID, models=await listing)
    except ProviderError as error:
        return Checked(HEALTH_BY_CHECK.get(error.fault, KeyHealth.UNREACHABLE), error.fault)
