"""Cleaning up between event loops.

A server has only one, but tests have many, and tasks of an ended loop would be awaited for ever.
"""

import sys
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync


@pytest.fixture(autouse=True)
def nothing_left_of_a_loop() -> Iterator[None]:
    yield
    forget_what_loops_left()


def forget_what_loops_left() -> None:
    """Clear the state of this process's announcements and look-outs; unsent notices are dropped."""
    if "agents.running.lookout" not in sys.modules:
        return
    from agents.running import announcements, lookout  # no module of ours is imported before the settings are

    for kept in (announcements._sending, announcements._changed, lookout._announced, lookout._followed):
        kept.clear()
    lookout._looking, lookout._is_hearing = None, False


@pytest.fixture
def chat_connections() -> Iterator[None]:
    """The chat path's own connections, given back, so that the test database can be dropped."""
    from agents.running import database  # as above

    yield
    async_to_sync(database.close)()
