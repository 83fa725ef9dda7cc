"""Waiting until a server has done something."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 20.0, every: float = 0.05) -> T:
    """Call `look` until it returns a true value, for at most `seconds`; returns its last value, for an assertion.

    The default is long, because machines are busy and only a failing test waits to the end.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return seen
