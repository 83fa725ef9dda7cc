"""How each ending is charged: the whole table."""

import pytest

from agents.outcomes import Ending, Verdict, decide

TABLE = [
    # ending, with text, fault: state, captured, error code
    (Ending.FINISHED, True, "", Verdict("completed", True)),
    (Ending.FINISHED, False, "", Verdict("failed", False, "empty_reply")),
    (Ending.STOPPED, True, "", Verdict("stopped", True)),
    (Ending.STOPPED, False, "", Verdict("stopped", False)),
    (Ending.CAPPED, True, "", Verdict("cut", True)),
    (Ending.CAPPED, False, "", Verdict("failed", False, "provider_timed_out")),
    (Ending.PROVIDER_FAULT, True, "stream_broken", Verdict("failed", False, "stream_broken")),
    (Ending.PROVIDER_FAULT, False, "key_rejected", Verdict("failed", False, "key_rejected")),
    (Ending.OUR_FAULT, True, "interrupted", Verdict("failed", False, "interrupted")),
    (Ending.OUR_FAULT, False, "", Verdict("failed", False, "internal")),
]


@pytest.mark.parametrize(("ending", "has_text", "fault", "verdict"), TABLE)
def test_ending_is_charged_as_the_table_says(
    ending: Ending, has_text: bool, fault: str, verdict: Verdict
) -> None:
    assert decide(ending, has_text=has_text, fault=fault) == verdict


def test_table_has_every_ending_with_and_without_text() -> None:
    assert {(ending, has_text) for ending, has_text, _, _ in TABLE} == {
        (ending, has_text) for ending in Ending for has_text in (False, True)
    }


def test_nothing_without_text_is_ever_charged() -> None:
    assert not any(decide(ending, has_text=False).capture for ending in Ending)


def test_no_fault_is_ever_charged() -> None:
    faults = (Ending.PROVIDER_FAULT, Ending.OUR_FAULT)

    assert not any(decide(ending, has_text=text).capture for ending in faults for text in (False, True))
