"""Time to the first text: the provider takes 100 ms for it, so that the time we add can be seen."""

from collections import defaultdict

from bench.report import Table, differences, number, ratios, spread, times
from bench.stage import FIRST_TEXT, Stage
from bench.targets import Sample

CONCURRENCIES = (1, 16)


def measure(stage: Stage) -> list[Table]:
    seconds = 3.0 if stage.quick else 5.0
    seen: dict[tuple[str, int, float], list[float]] = defaultdict(list)
    steal: list[float] = []
    targets = [target for target in (stage.direct, stage.litellm(), stage.ours) if target]
    for _ in range(stage.rounds):
        for connections in CONCURRENCIES:
            for target in targets:
                sample = target.loop(FIRST_TEXT, connections=connections, seconds=seconds)
                steal.append(sample.meter.steal)
                for share in (0.5, 0.95, 0.99):
                    seen[target.name, connections, share].append(_first(sample, share))
    return [_table(seen, [target.name for target in targets], steal)]


def _first(sample: Sample, share: float) -> float:
    return sample.run.percentile(share, "first_text")


def _table(seen: dict[tuple[str, int, float], list[float]], names: list[str], steal: list[float]) -> Table:
    table = Table(
        "Time to first text, provider's first token after 100 ms (ms)",
        [
            "",
            *(
                f"{c} at once: {what}"
                for c in CONCURRENCIES
                for what in ("p50", "p99", "added p50", "added p95", "p99 ÷ direct")
            ),
        ],
    )
    direct = names[0]
    for name in names:
        row = [name]
        for c in CONCURRENCIES:
            added = [differences(seen[name, c, share], seen[direct, c, share]) for share in (0.5, 0.95)]
            row += [spread(seen[name, c, 0.5]), spread(seen[name, c, 0.99]), *map(spread, added)]
            row.append(times(ratios(seen[name, c, 0.99], seen[direct, c, 0.99])))
        table.rows.append(row)
    if len(names) == 3:
        litellm, ours = names[1:]
        row = ["Bookbag ÷ LiteLLM"]
        for c in CONCURRENCIES:
            row += ["", ""]
            for share in (0.5, 0.95):
                mine = differences(seen[ours, c, share], seen[direct, c, share])
                row.append(times(ratios(mine, differences(seen[litellm, c, share], seen[direct, c, share]))))
            row.append(times(ratios(seen[ours, c, 0.99], seen[litellm, c, 0.99])))
        table.rows.append(row)
    table.notes.append(f"Steal: {number(100 * max(steal))} % at most.")
    table.data = {f"{name} @{c} p{share * 100:g}": values for (name, c, share), values in seen.items()}
    return table
