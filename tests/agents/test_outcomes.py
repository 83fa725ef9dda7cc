"""How each ending is charged: the whole table."""

import pytest

from agents.running.outcomes import Cause, Outcome, decide
from llm.providers.base import Finish

STOP, LENGTH, REFUSAL = Finish.STOP, Finish.LENGTH, Finish.REFUSAL
TABLE = [
    # cause, with text, fault, finish: state, ending, captured, error code
    (Cause.FINISHED, True, "", STOP, Outcome("completed", "complete", True)),
    (Cause.FINISHED, False, "", STOP, Outcome("failed", "failed", False, "empty_reply")),
    (Cause.FINISHED, True, "", LENGTH, Outcome("completed", "cut_model", True)),
    (Cause.FINISHED, False, "", LENGTH, Outcome("failed", "thinking_spent", False, "thinking_spent")),
    (Cause.FINISHED, True, "", REFUSAL, Outcome("completed", "declined", True)),
    (Cause.FINISHED, False, "", REFUSAL, Outcome("failed", "declined", False, "declined")),
    (Cause.STOPPED, True, "", None, Outcome("stopped", "stopped", True)),
    (Cause.STOPPED, False, "", None, Outcome("stopped", "stopped", False)),
    (Cause.CAPPED, True, "", None, Outcome("cut", "cut_ours", True)),
    (Cause.CAPPED, False, "", None, Outcome("failed", "failed", False, "provider_timed_out")),
    (Cause.PROVIDER_FAULT, True, "stream_broken", None, Outcome("failed", "failed", False, "stream_broken")),
    (Cause.PROVIDER_FAULT, False, "key_rejected", None, Outcome("failed", "failed", False, "key_rejected")),
    (Cause.PROVIDER_FAULT, False, "declined", None, Outcome("failed", "declined", False, "declined")),
    (Cause.OUR_FAULT, True, "interrupted", None, Outcome("failed", "failed", False, "interrupted")),
    (Cause.OUR_FAULT, False, "", None, Outcome("failed", "failed", False, "internal")),
]


@pytest.mark.parametrize(("cause", "has_text", "fault", "finish", "outcome"), TABLE)
def test_ending_is_charged_as_the_table_says(
    cause: Cause, has_text: bool, fault: str, finish: Finish | None, outcome: Outcome
) -> None:
    assert decide(cause, has_text=has_text, fault=fault, finish=finish) == outcome


def test_table_has_every_cause_with_and_without_text() -> None:
    assert {(cause, has_text) for cause, has_text, *_ in TABLE} == {
        (cause, has_text) for cause in Cause for has_text in (False, True)
    }


@pytest.mark.parametrize("finish", [*Finish, None])
def test_nothing_without_text_is_ever_charged(finish: Finish | None) -> None:
    assert not any(decide(cause, has_text=False, finish=finish).capture for cause in Cause)


def test_no_fault_is_ever_charged() -> None:
    faults = (Cause.PROVIDER_FAULT, Cause.OUR_FAULT)

    assert not any(decide(cause, has_text=text).capture for cause in faults for text in (False, True))
