"""Streams held open at once, 20 tokens a second each: how late each token is, and whether all arrive."""

from dataclasses import dataclass, field

from bench.machine import unique_memory
from bench.report import Table, number, ratios, spread, times
from bench.stage import STREAM, STREAM_TOKENS, Stage
from bench.targets import Target

OURS = (50, 100, 250, 500, 1000)
LITELLM = (10, 40, 100)
DIRECT = (100, 1000)
# Longer than a stream lasts when all goes well; one that takes longer has failed.
SECONDS = STREAM_TOKENS / 20 + 30


@dataclass
class Figures:
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    token_us: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def measure(stage: Stage) -> list[Table]:
    litellm = stage.litellm()
    plan: list[tuple[Target, tuple[int, ...]]] = [(stage.direct, DIRECT)]
    plan += [(litellm, LITELLM)] if litellm else []
    plan += [(stage.ours, OURS)]
    idle = {target.name: unique_memory(target.pid) for target, _ in plan if target.pid}
    seen = {(target.name, count): Figures() for target, counts in plan for count in counts}
    # A stream lasts long and has many tokens, so more than two rounds would add nothing.
    for _ in range(min(stage.rounds, 2)):
        for target, counts in plan:
            for count in counts:
                _add(seen[target.name, count], target, count)
    return [_table(seen, idle)]


def _add(figures: Figures, target: Target, count: int) -> None:
    streams, meter = target.open_streams(STREAM, count=count, tokens=STREAM_TOKENS, seconds=SECONDS)
    figures.p50.append(streams.percentile(0.5))
    figures.p99.append(streams.percentile(0.99))
    figures.cpu.append(100 * meter.cpu / meter.wall)
    figures.token_us.append(meter.cpu * 1e6 / max(1, len(streams.delays)))
    figures.memory.append(streams.memory)
    figures.whole.append(streams.whole / count)


def _table(seen: dict[tuple[str, int], Figures], idle: dict[str, float]) -> Table:
    table = Table(
        "Open streams at 20 tokens a second each, one worker",
        [
            "",
            "streams",
            "delay of a token p50 (ms)",
            "p99 (ms)",
            "p99 ÷ LiteLLM at 10",
            "CPU %",
            "CPU µs a token",
            "memory, USS (MB)",
            "÷ idle",
            "whole",
        ],
    )
    base = seen.get(("LiteLLM, streamed", LITELLM[0]))
    for (name, count), one in seen.items():
        row = [name, str(count), spread(one.p50), spread(one.p99)]
        row.append(times(ratios(one.p99, base.p99)) if base else "–")
        row += _of_the_server(one, idle[name]) if name in idle else ["–"] * 4
        row.append(f"{100 * min(one.whole):.0f} %" if min(one.whole) < 1 else "all")
        table.rows.append(row)
    told = "; ".join(f"{name} {number(value)} MB" for name, value in idle.items())
    table.notes.append(f"Idle, before the first of these streams: {told}.")
    table.data = {f"{name} x{count}": vars(one) for (name, count), one in seen.items()} | {"idle MB": idle}
    return table


def _of_the_server(one: Figures, idle: float) -> list[str]:
    grown = times([value / idle for value in one.memory])
    return [spread(one.cpu), spread(one.token_us), spread(one.memory), grown]
