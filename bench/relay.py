"""The CPU of one token: that of a reply with many tokens less that of one with 20, divided by the tokens between.

Unpaced, many tokens come in one read; paced at 20 ms each is a wake-up, a read and a write of its own.
"""

from collections import defaultdict
from collections.abc import Callable

from bench import sdk
from bench.report import Table, ratios, spread, times
from bench.stage import LONG, PACED_LONG, PACED_SHORT, REPLY, Stage
from bench.targets import Target, token_count

LITELLM = "LiteLLM, streamed"
# The number of connections: as many as the slower of the two can serve in time, so that both wait for the provider.
KINDS = {"unpaced": (REPLY, LONG, 4), "paced, one in 20 ms": (PACED_SHORT, PACED_LONG, 16)}


# CPU in milliseconds of one reply of a model, with so many at once, over so many seconds.
Cost = Callable[[str, int, float], float]


def measure(stage: Stage) -> list[Table]:
    seconds = 2.0 if stage.quick else 3.0
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    costs = _costs(stage)
    for _ in range(stage.rounds):
        for kind, (short, long, connections) in KINDS.items():
            for name, cost in costs.items():
                more = cost(long, connections, seconds) - cost(short, connections, seconds)
                seen[name, kind].append(more * 1000 / (token_count(long) - token_count(short)))
    return [_table(seen, list(costs))]


def _cost_of(target: Target) -> Cost:
    def cost(model: str, connections: int, seconds: float) -> float:
        return target.loop(model, connections=connections, seconds=seconds, warm_up=0.1).cpu_ms

    return cost


def _costs(stage: Stage) -> dict[str, Cost]:
    targets = [target for target in (stage.litellm(), stage.ours) if target]
    costs = {target.name: _cost_of(target) for target in targets}
    costs["official SDK, its chunk objects"] = lambda model, connections, seconds: sdk.measured(
        stage.double.openai_base_url, model, connections, seconds, stage.cores
    )["cpu_ms"]
    return costs


def _table(seen: dict[tuple[str, str], list[float]], names: list[str]) -> Table:
    columns = [f"{kind}{more}" for kind in KINDS for more in ("", ": ÷ LiteLLM")]
    table = Table("CPU for each token passed on (µs)", ["", *columns])
    for name in names:
        row = [name]
        for kind in KINDS:
            values = seen[name, kind]
            base = seen.get((LITELLM, kind))
            row += [spread(values), times(ratios(values, base)) if base else "–"]
        table.rows.append(row)
    table.data = {f"{name}, {kind}": values for (name, kind), values in seen.items()}
    counts = " and ".join(f"{kind}: {connections}" for kind, (_, _, connections) in KINDS.items())
    table.notes.append(
        f"Replies at once, {counts}. The SDK only reads its tokens; it passes them on to nobody."
    )
    return table
