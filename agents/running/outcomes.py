"""How a reply ended, and whether it is charged: decided once, by the table in docs/help/credits-and-usage.md."""

from dataclasses import dataclass
from enum import StrEnum

from agents.errors import OurFault
from agents.models import Reply
from llm.providers.base import Fault, Finish

State, Ending = Reply.State, Reply.Ending


class Cause(StrEnum):
    """What ended the reading of an answer."""

    FINISHED = "finished"  # the provider's finish marker was seen
    STOPPED = "stopped"  # a member pressed Stop
    CAPPED = "capped"  # our own limit on time or size
    PROVIDER_FAULT = "provider_fault"
    OUR_FAULT = "our_fault"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The reply's final state and ending, and whether its hold is captured (else released)."""

    state: str
    ending: str
    capture: bool
    error_code: str = ""


def decide(cause: Cause, *, has_text: bool, fault: str = "", finish: Finish | None = None) -> Outcome:
    """`has_text`: visible text was received. `fault`: the code of a fault. `finish`: the marker's."""
    if cause is Cause.FINISHED:
        return _finished(finish, has_text=has_text)
    if cause is Cause.STOPPED:
        return Outcome(State.STOPPED, Ending.STOPPED, capture=has_text)
    if cause is Cause.CAPPED and has_text:
        return Outcome(State.CUT, Ending.CUT_OURS, capture=True)
    if cause is Cause.CAPPED:
        return _failed(Fault.TIMED_OUT)
    if fault == Fault.DECLINED:
        return _failed(Fault.DECLINED, Ending.DECLINED)
    return _failed(fault or OurFault.INTERNAL)


def _finished(finish: Finish | None, *, has_text: bool) -> Outcome:
    if finish is Finish.REFUSAL:
        return (
            Outcome(State.COMPLETED, Ending.DECLINED, capture=True)
            if has_text
            else _failed(Fault.DECLINED, Ending.DECLINED)
        )
    if finish is Finish.LENGTH:
        return (
            Outcome(State.COMPLETED, Ending.CUT_MODEL, capture=True)
            if has_text
            else _failed(Fault.THINKING_SPENT, Ending.THINKING_SPENT)
        )
    return Outcome(State.COMPLETED, Ending.COMPLETE, capture=True) if has_text else _failed(Fault.EMPTY)


def _failed(code: str, ending: str = Ending.FAILED) -> Outcome:
    return Outcome(State.FAILED, ending, capture=False, error_code=str(code))
