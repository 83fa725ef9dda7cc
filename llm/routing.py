"""Which credential runs a reply, who pays, and why: decided from facts alone.

No database, request or setting is read here: the caller passes `Facts` and gets a `Route` or a `Refusal`. The rules
are those of the table in docs/help/bring-your-own-keys.md; the tests repeat it as a truth table. There is no
fallback between a workspace's key and ours in either direction.
"""

from dataclasses import dataclass
from enum import StrEnum


class KeyState(StrEnum):
    MISSING = "missing"
    READABLE = "readable"
    UNREADABLE = "unreadable"


class Credential(StrEnum):
    PLATFORM = "platform"
    WORKSPACE = "workspace"
    NONE = "none"


class Billing(StrEnum):
    CREDITS = "credits"
    BYO = "byo"
    LOCAL = "local"
    UNMETERED = "unmetered"


class Why(StrEnum):
    """Why a route was chosen. Stored with each reply and explained on its receipt."""

    BYO_OFF = "byo_off"
    BYO_ON = "byo_on"
    LOCAL_MODEL = "local_model"
    METERING_OFF = "metering_off"
    QA_MATCH = "qa_match"
    QA_CLOSEST = "qa_closest"


class RefusalCode(StrEnum):
    PLATFORM_KEY_MISSING = "platform_key_missing"
    BYO_KEY_MISSING = "byo_key_missing"
    BYO_KEY_UNREADABLE = "byo_key_unreadable"
    MODEL_REQUIRES_BYO = "model_requires_byo"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_SHUT_DOWN = "model_shut_down"
    PLATFORM_KEY_UNREADABLE = "platform_key_unreadable"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a route is chosen from. `price` is in credits; the key states are those of the keys for `provider`."""

    provider: str
    price: int
    is_local: bool = False
    is_custom: bool = False
    is_available: bool = True
    is_shut_down: bool = False  # the provider has shut the model down
    byo_enabled: bool = False
    workspace_key: KeyState = KeyState.MISSING
    platform_key: KeyState = KeyState.MISSING
    metering: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """Who runs the reply and who pays. `price` is in credits, and above zero only when billing is credits."""

    credential: Credential
    billing: Billing
    price: int
    why: Why


@dataclass(frozen=True, slots=True)
class Refusal:
    code: RefusalCode
    provider: str


LOCAL = Route(Credential.NONE, Billing.LOCAL, 0, Why.LOCAL_MODEL)
QA_MATCH = Route(Credential.NONE, Billing.LOCAL, 0, Why.QA_MATCH)
QA_CLOSEST = Route(Credential.NONE, Billing.LOCAL, 0, Why.QA_CLOSEST)
# The reasons of stored answers.
STORED = (Why.QA_MATCH, Why.QA_CLOSEST)


def choose(facts: Facts) -> Route | Refusal:
    """The route of one reply, or the refusal."""
    if not facts.is_available:
        return Refusal(RefusalCode.MODEL_UNAVAILABLE, facts.provider)
    if facts.is_local:
        return LOCAL
    if facts.is_shut_down:
        return Refusal(RefusalCode.MODEL_SHUT_DOWN, facts.provider)
    if facts.byo_enabled:
        return _on_the_workspace(facts)
    return _on_the_platform(facts)


def _on_the_workspace(facts: Facts) -> Route | Refusal:
    if facts.workspace_key is KeyState.MISSING:
        return Refusal(RefusalCode.BYO_KEY_MISSING, facts.provider)
    if facts.workspace_key is KeyState.UNREADABLE:
        return Refusal(RefusalCode.BYO_KEY_UNREADABLE, facts.provider)
    return Route(Credential.WORKSPACE, Billing.BYO, 0, Why.BYO_ON)


def _on_the_platform(facts: Facts) -> Route | Refusal:
    if facts.is_custom:
        return Refusal(RefusalCode.MODEL_REQUIRES_BYO, facts.provider)
    if facts.platform_key is KeyState.MISSING:
        return Refusal(RefusalCode.PLATFORM_KEY_MISSING, facts.provider)
    if facts.platform_key is KeyState.UNREADABLE:
        return Refusal(RefusalCode.PLATFORM_KEY_UNREADABLE, facts.provider)
    if not facts.metering:
        return Route(Credential.PLATFORM, Billing.UNMETERED, 0, Why.METERING_OFF)
    return Route(Credential.PLATFORM, Billing.CREDITS, facts.price, Why.BYO_OFF)
