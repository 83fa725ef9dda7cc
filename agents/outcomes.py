"""How a run ended, and what follows from it: decided once, by one table (docs/help/credits-and-usage.md)."""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    FINISHED = "finished"  # the provider's finish marker was seen
    STOPPED = "stopped"  # a member pressed Stop
    CAPPED = "capped"  # our own limit on time or size
    PROVIDER_FAULT = "provider_fault"
    OUR_FAULT = "our_fault"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reply's final state, and whether its hold is captured (else released)."""

    state: str
    capture: bool
    error_code: str = ""


def decide(ending: Ending, *, has_text: bool, fault: str = "") -> Verdict:
    """`has_text`: at least one non-blank character was received. `fault`: the code of a fault ending."""
    if ending is Ending.FINISHED:
        return Verdict("completed", capture=True) if has_text else Verdict("failed", False, "empty_reply")
    if ending is Ending.STOPPED:
        return Verdict("stopped", capture=has_text)
    if ending is Ending.CAPPED:
        return Verdict("cut", capture=True) if has_text else Verdict("failed", False, "provider_timed_out")
    return Verdict("failed", False, fault or "internal")
