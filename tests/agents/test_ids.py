"""Ids of replies and holds: unique and ordered by time, so that new rows share index pages."""

import time
from uuid import RFC_4122

import pytest

from agents.ids import new_id


def test_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000

    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after


def test_ids_of_one_millisecond_differ_and_a_later_one_sorts_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    same_moment = [new_id() for _ in range(1000)]
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_001_000_000)

    assert len(set(same_moment)) == 1000
    assert new_id() > max(same_moment)
