"""A full reply beside the provider alone, its SDK and the LiteLLM proxy: replies a second, CPU, added latency.

Ours is signed in, authorised, rate-limited, held, called, streamed, stored and captured; LiteLLM's is
forwarded. LiteLLM is asked for the whole answer at once, the lightest it can do, and once more streamed,
which is what ours does.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import sdk
from bench.report import Table, differences, number, ratios, spread, times
from bench.stage import LONG, REPLY, Stage
from bench.targets import Sample, Target, bookbag

CONCURRENCIES = (1, 16, 64)
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass
class Figures:
    """One contender at one concurrency, a value for each round."""

    rate: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)
    latency: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, sample: Sample) -> None:
        self.rate.append(sample.rate)
        self.cpu_ms.append(sample.cpu_ms)
        for name, share in SHARES.items():
            self.latency[name].append(sample.run.percentile(share))


Measured = dict[tuple[str, int], Figures]


def measure(stage: Stage) -> list[Table]:
    seconds = 2.0 if stage.quick else 3.0
    measured: Measured = defaultdict(Figures)
    steal: list[float] = []
    contenders = _contenders(stage)
    for _ in range(stage.rounds):
        for connections in CONCURRENCIES:
            for name, run in contenders.items():
                run(measured[name, connections], connections, seconds, steal)
    tables = [_table(measured, list(contenders), stage, steal), _added(measured, list(contenders))]
    return [*tables, _variants(stage, seconds)]


Run = Callable[[Figures, int, float, list[float]], None]


def _contenders(stage: Stage) -> dict[str, Run]:
    contenders: dict[str, Run] = {
        "provider, direct": _http(stage.direct),
        "official SDK, direct": _sdk(stage),
    }
    for target in (stage.litellm(stream=False), stage.litellm(stream=True)):
        if target:
            contenders[target.name] = _http(target)
    contenders["Bookbag"] = _http(stage.ours, database=stage.postgres_cpu)
    return contenders


def _http(target: Target, *, database: Callable[[], float] | None = None) -> Run:
    def run(figures: Figures, connections: int, seconds: float, steal: list[float]) -> None:
        before = database() if database else 0.0
        sample = target.loop(REPLY, connections=connections, seconds=seconds)
        figures.add(sample)
        steal.append(sample.meter.steal)
        if database:
            # This includes the warm-up, in which a reply costs the same.
            warm = sample.meter.wall / (sample.meter.wall + 0.7)
            figures.database_ms.append((database() - before) * warm * 1000 / len(sample.run.answers))

    return run


def _sdk(stage: Stage) -> Run:
    def run(figures: Figures, connections: int, seconds: float, steal: list[float]) -> None:
        told = sdk.measured(stage.double.openai_base_url, REPLY, connections, seconds, stage.cores)
        figures.rate.append(told["rate"])
        figures.cpu_ms.append(told["cpu_ms"])
        for name in SHARES:
            figures.latency[name].append(told[name])

    return run


def _table(measured: Measured, names: list[str], stage: Stage, steal: list[float]) -> Table:
    table = Table(
        "Full replies a second, one worker (20 tokens, provider without delay)",
        [
            "",
            *(f"{c} at once: replies/s" for c in CONCURRENCIES),
            "÷ LiteLLM at 1 / 16 / 64",
            "÷ SDK at 16",
            "CPU ms a reply at 16",
            "÷ LiteLLM",
        ],
    )
    base = "LiteLLM" if "LiteLLM" in names else ""
    for name in names:
        rates = [measured[name, c].rate for c in CONCURRENCIES]
        against = [
            number(sorted(ratios(rate, measured[base, c].rate))[len(rate) // 2]) if base else "–"
            for rate, c in zip(rates, CONCURRENCIES, strict=True)
        ]
        sdk = times(ratios(measured[name, 16].rate, measured["official SDK, direct", 16].rate))
        cpu = measured[name, 16].cpu_ms if name != "provider, direct" else []
        cpu_ratio = spread(ratios(cpu, measured[base, 16].cpu_ms)) if base and cpu else "–"
        table.rows.append([name, *map(spread, rates), " / ".join(against), sdk, spread(cpu), cpu_ratio])
    ours = measured["Bookbag", 16]
    table.notes.append(
        f"PostgreSQL's own CPU a reply at 16: {spread(ours.database_ms)} ms"
        f" ({spread(ratios(ours.database_ms, ours.cpu_ms))}× Bookbag's), on the other core with the provider"
        f" double and the clients. Steal: {number(100 * max(steal))} % at most."
    )
    if stage.without_litellm:
        table.notes.append(f"Without LiteLLM: {stage.without_litellm}")
    table.data = {f"{name} @{c}": vars(figures) for (name, c), figures in measured.items()}
    return table


def _added(measured: Measured, names: list[str]) -> Table:
    """Latency over the provider's own, and ours as a share of LiteLLM's."""
    table = Table(
        "Latency of a full reply, added to the provider's own (ms)",
        ["", *(f"{c} at once: {share}" for c in CONCURRENCIES for share in SHARES)],
    )
    added: dict[str, list[list[float]]] = {}
    for name in names[1:]:
        added[name] = [
            differences(measured[name, c].latency[share], measured["provider, direct", c].latency[share])
            for c in CONCURRENCIES
            for share in SHARES
        ]
        table.rows.append([name, *map(spread, added[name])])
    if "LiteLLM" in added:
        shares = [times(ratios(a, b)) for a, b in zip(added["Bookbag"], added["LiteLLM"], strict=True)]
        table.rows.append(["Bookbag ÷ LiteLLM", *shares])
    return table


def _variants(stage: Stage, seconds: float) -> Table:
    """Other kinds of reply beside the plain one on credits, at 16 at once."""
    trained = [seat for seat in stage.seats if len(seat.agents) > len(stage.byo_seats[0].agents)]
    kinds = {
        "on credits": (stage.ours, REPLY),
        # All that a browser asks for one message: the stream brings the finished turn and what is left.
        "a person's, in the playground": (
            bookbag(
                "a person's",
                stage.server.port,
                stage.seats,
                for_the_page=True,
                pid=stage.server.pid,
            ),
            REPLY,
        ),
        "on the workspace's own key": (
            bookbag("BYO", stage.server.port, stage.byo_seats, charged=0, pid=stage.server.pid),
            REPLY,
        ),
        "on credits, with sources": (
            bookbag("with sources", stage.server.port, trained, agent="with sources", pid=stage.server.pid),
            REPLY,
        ),
        "on credits, 220 tokens": (stage.ours, LONG),
    }
    figures: dict[str, Figures] = defaultdict(Figures)
    for _ in range(stage.rounds):
        for name, (target, model) in kinds.items():
            figures[name].add(target.loop(model, connections=16, seconds=seconds))
    table = Table(
        "Kinds of reply, 16 at once", ["", "replies/s", "÷ on credits", "CPU ms a reply", "÷ on credits"]
    )
    plain = figures["on credits"]
    for name, one in figures.items():
        rate, cpu = times(ratios(one.rate, plain.rate)), times(ratios(one.cpu_ms, plain.cpu_ms))
        table.rows.append([name, spread(one.rate), rate, spread(one.cpu_ms), cpu])
    table.data = {name: vars(one) for name, one in figures.items()}
    return table
