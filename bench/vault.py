"""What sealing and opening a provider key costs, as a share of one reply."""

import time
from collections.abc import Callable

from bench.report import Table, number, spread
from bench.stage import REPLY, Stage

REPEATS = 500


def measure(stage: Stage) -> list[Table]:
    from llm import vault

    binding = vault.Binding("provider_key", "42", "openai", "0b6f2b44-0000-4000-8000-000000000000")
    secret = vault.Secret("sk-bench7Qm2xV9dLr4TzK8wYp3NcB6hJf1Gs5Dv0Ea")
    sealed = vault.seal(secret, binding=binding)
    costs = {
        "seal": _microseconds(lambda: vault.seal(secret, binding=binding)),
        "open": _microseconds(lambda: vault.unseal(sealed, binding=binding)),
    }
    reply = [stage.ours.loop(REPLY, connections=16, seconds=3).cpu_ms for _ in range(stage.rounds)]
    table = Table("The vault, beside a reply's CPU", ["", "µs", "share of a reply"])
    for name, microseconds in costs.items():
        share = [microseconds / (one * 10) for one in reply]
        table.rows.append([name, number(microseconds), f"{spread(share)} %"])
    table.rows.append(["a reply's CPU", spread([one * 1000 for one in reply]), "100 %"])
    table.data = {**costs, "reply_ms": reply}
    return [table]


def _microseconds(act: Callable[[], object]) -> float:
    """The CPU of one act, the least of five measurements, because a busy machine only adds to it."""
    best = float("inf")
    for _ in range(5):
        began = time.thread_time()
        for _ in range(REPEATS):
            act()
        best = min(best, time.thread_time() - began)
    return best * 1e6 / REPEATS
