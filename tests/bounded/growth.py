"""How the CPU time of a piece of work grows with its text: twice the text may take two and a half times as long.

The work begins with little text and is given twice as much each time, so that one that takes the square of it is
found in a second instead of after hours; where even the square would take no longer than that, the last doubling tells.
CPU time of this process, not the clock's: other work does not count.
"""

import gc
import time
from collections.abc import Callable

import pytest

from tests.bounded.texts import TextOf

MOST_GROWTH = 2.5
# Seconds. Less is lost in the noise of measuring, and harms nobody.
FLOOR = 0.05
# So much a busy machine adds to one measurement and not to the other: its caches are full of other work.
NOISE = 0.02
TRIES = 5
MOMENT = 1.0
# Characters: enough to find what is steep in every run of the tests, and the whole megabyte in `make soak`.
sizes = pytest.mark.parametrize(
    "most", [32_000, pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)


def seconds(work: Callable[[str], object], text: str) -> float:
    # A collection goes through all that earlier tests left behind, and comes when it likes.
    gc.disable()
    try:
        began = time.process_time()
        work(text)
        return time.process_time() - began
    finally:
        gc.enable()


def too_steep(work: Callable[[str], object], text_of: TextOf, most: int) -> str | None:
    """None when `work` keeps within the bound up to `most` characters; else what was seen, in words."""
    size = most
    while size > 2_000:
        size //= 2
    before = seconds(work, text_of(size))
    if (most / size) ** 2 * before < MOMENT:
        # Even if it took the square, all of it would end in a moment: of the way there, the last step is measured.
        now = seconds(work, text_of(most))
        before = now if now <= FLOOR else seconds(work, text_of(most // 2))
        return _said_if_too_steep(work, text_of, most, before, now)
    while (size := 2 * size) <= most:
        now = seconds(work, text_of(size))
        said = _said_if_too_steep(work, text_of, size, before, now)
        if said:
            return said
        before = now
    return None


def _said_if_too_steep(
    work: Callable[[str], object], text_of: TextOf, size: int, before: float, now: float
) -> str | None:
    if _is_too_much(before, now):
        before, now = _look_again(work, text_of, size)
        if _is_too_much(before, now):
            return f"{size // 2:,} characters took {before:.3f} s, {size:,} took {now:.3f} s"
    return None


def _is_too_much(before: float, now: float) -> bool:
    return now > FLOOR and now > MOST_GROWTH * before + NOISE


def _look_again(work: Callable[[str], object], text_of: TextOf, size: int) -> tuple[float, float]:
    """The least of several measurements, of half of `size` characters and of all of them.

    Each text is a little shorter than the one before: some libraries remember what they have seen.
    """
    shorter = [size - 64 * (number + 1) for number in range(TRIES)]
    pairs = [(seconds(work, text_of(length // 2)), seconds(work, text_of(length))) for length in shorter]
    return min(before for before, _ in pairs), min(now for _, now in pairs)
