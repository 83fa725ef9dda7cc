"""A server has one event loop for life and tests have many: the tasks of one that ended would be waited for without end."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_left_of_a_loop() -> Iterator[None]:
    yield
    forget_what_loops_left()


def forget_what_loops_left() -> None:
    """What this process's announcements and look-outs have kept; notices that are still to be sent are let go."""
    if "agents.running.lookout" not in sys.modules:
        return
    from agents.running import announcements, lookout  # no module of ours is imported before the settings are

    for kept in (announcements._sending, announcements._changed, lookout._announced, lookout._followed):
        kept.clear()
    lookout._looking, lookout._is_hearing = None, False
