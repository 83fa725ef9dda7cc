"""What is looked at after a crash, and for how long a soak goes on causing them."""

import os
import time
from collections import Counter
from collections.abc import Iterator

from agents.models import Reply
from billing.models import Hold
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

LEASE, SWEEP = 3.0, 0.5
BRIEF = {"LEASE_SECONDS": str(LEASE), "SWEEP_SECONDS": str(SWEEP)}
# What a busy machine may add to a sweep that is due.
GRACE = 10.0


def rounds(count: int) -> Iterator[int]:
    """At most `count`, and none that would begin after SOAK_SECONDS."""
    over = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "600"))
    for number in range(count):
        if time.monotonic() > over:
            return
        yield number


def all_over() -> bool:
    """No hold is open and no reply is running."""
    return not (
        Hold.objects.filter(state=Hold.State.HELD).exists()
        or Reply.objects.filter(state__in=Reply.RUNNING).exists()
    )


def assert_soon_over() -> None:
    """The sweep ends what the dead left behind, in time."""
    left = Reply.objects.filter(state__in=Reply.RUNNING).values("id", "state", "billing", "renewed_at")
    assert eventually(all_over, seconds=LEASE + SWEEP + GRACE), list(left)


def calls_by_question(double: Double) -> Counter[str]:
    return Counter(call["messages"][-1]["content"] for call in double.calls())
