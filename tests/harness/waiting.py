"""Waiting for what a server does in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 20.0, every: float = 0.05) -> T:
    """`look()` until it is true, at most `seconds`; returns the last it gave, for an assertion to judge.

    Long, as machines are busy and only a failing test waits to the end.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return seen
