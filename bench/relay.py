"""What one token costs: CPU of a reply with 220 tokens less that of one with 20, by the 200 between them.

Unpaced, many tokens come in one read; paced at 20 ms each is a wake-up, a read and a write of its own.
"""

from collections import defaultdict

from bench.report import Table, number, ratios, spread, times
from bench.stage import LONG, PACED_LONG, PACED_SHORT, REPLY, Stage
from bench.targets import Target, token_count

# Connections: as many as the slower of the two can serve in time, so that both wait for the provider.
KINDS = {"unpaced": (REPLY, LONG, 4), "paced, one in 20 ms": (PACED_SHORT, PACED_LONG, 8)}


def measure(stage: Stage) -> list[Table]:
    seconds = 3.0 if stage.quick else 5.0
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    targets = [target for target in (stage.litellm(), stage.ours) if target]
    for _ in range(stage.rounds):
        for kind, (short, long, connections) in KINDS.items():
            for target in targets:
                seen[target.name, kind].append(_microseconds(target, short, long, connections, seconds))
    table = Table(
        "CPU of the server for each token passed on (µs)",
        ["", *(f"{kind}{more}" for kind in KINDS for more in ("", ": ÷ LiteLLM"))],
    )
    for target in targets:
        row = [target.name]
        for kind in KINDS:
            values = seen[target.name, kind]
            row += [
                spread(values),
                times(ratios(values, seen[targets[0].name, kind])) if len(targets) > 1 else "–",
            ]
        table.rows.append(row)
    table.data = {f"{name}, {kind}": values for (name, kind), values in seen.items()}
    table.notes.append(
        f"At {number(KINDS['unpaced'][2])} and {number(KINDS['paced, one in 20 ms'][2])} replies at once."
    )
    return [table]


def _microseconds(target: Target, short: str, long: str, connections: int, seconds: float) -> float:
    costs = [target.loop(model, connections=connections, seconds=seconds).cpu_ms for model in (short, long)]
    return (costs[1] - costs[0]) * 1000 / (token_count(long) - token_count(short))
