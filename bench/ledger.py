"""Hold + capture pairs beside pgbench's TPC-B on the same server, and how much a longer ledger slows them.

pgbench replays the statements that billing/holds.py sends, in the two transactions that a reply makes,
so no Python is in the figure. The same from 1,000 workspaces and from one.
"""

import time
from collections import defaultdict

from bench import filling
from bench.postgres import CLIENTS, Rate
from bench.report import Table, number, ratios, spread, times
from bench.seeding import WORKSPACES
from bench.stage import PAST, SEEDED, Stage

SCALE = 50
SIZES = {"10³": 1_000, "10⁵": 100_000, "10⁶": 1_000_000}
# Ids as agents/ids.py makes them: the time, then random bits. pgbench has no clock, so it counts on from the time of
# its start.
ID = "(LPAD(TO_HEX(:tick::bigint), 12, '0') || '7000' || LPAD(TO_HEX(:{0}::bigint), 16, '0'))::uuid"
DRAWS = "\n".join(
    ["\\set tick :tick + 1"]
    + [f"\\set {name} random(0, 9223372036854775806)" for name in ("hold", "reply", "lease")]
)


def pair_script(first: int, last: int) -> str:
    """One reply's two ledger transactions on an account between `first` and `last`, in pgbench's language."""
    from billing import holds

    hold = _bound(holds.HOLD, [ID.format("hold"), ":account", "1", ID.format("reply"), ID.format("lease")])
    capture = _bound(holds.CAPTURE, ["'Reply by the bench'", ID.format("hold"), ID.format("lease")])
    steps = [f"\\set account random({first}, {last})", DRAWS]
    steps += ["BEGIN;", f"{hold};", "COMMIT;", "BEGIN;", f"{capture};", "COMMIT;"]
    return "\n".join(steps) + "\n"


def _bound(statement: str, values: list[str]) -> str:
    """`statement` with the database's clock and `values` in place of its parameters."""
    from django.db import connection

    from billing.sql import now

    pieces = statement.replace("NOW", now(connection)).split("%s")
    assert len(pieces) == len(values) + 1
    return pieces[0] + "".join(value + piece for value, piece in zip(values, pieces[1:], strict=True))


def database(size: str) -> str:
    """A database with a reply for each of its holds. The pairs, which have no replies, are made in a copy of it."""
    return f"ledger {size}"


def prepare(stage: Stage, size: str) -> float:
    """Make the seeded database with a past of this size, once a run; returns the seconds it took."""
    if size in stage.ledgers:
        return 0.0
    began = time.perf_counter()
    stage.postgres.create(database(size), template=SEEDED)
    if SIZES[size] > PAST:
        filling.fill(
            stage.postgres, database(size), rows=SIZES[size] - PAST, first=PAST + 1, accounts=WORKSPACES
        )
    stage.ledgers.add(size)
    return time.perf_counter() - began


def measure(stage: Stage) -> list[Table]:
    seconds = 2.0 if stage.quick else 3.0
    stage.postgres.initialise_tpcb("tpcb", scale=SCALE)
    filled = {size: prepare(stage, size) for size in SIZES}
    for size in SIZES:
        stage.postgres.create(f"pairs {size}", template=database(size))
    accounts = [seat.account for seat in stage.seats]
    assert accounts == list(range(accounts[0], accounts[0] + WORKSPACES)), "account ids are not in a row"
    scripts = {
        f"{WORKSPACES:,} workspaces": pair_script(accounts[0], accounts[-1]),
        "one workspace": pair_script(accounts[0], accounts[0]),
    }
    for size in SIZES:
        # Copying makes a checkpoint, after which the first change of each page writes the whole page to the log.
        stage.postgres.pgbench(f"pairs {size}", seconds=2 * seconds, script=next(iter(scripts.values())))
    tpcb: list[Rate] = []
    pairs: dict[tuple[str, str], list[Rate]] = defaultdict(list)
    for _ in range(stage.rounds):
        tpcb.append(stage.postgres.pgbench("tpcb", seconds=seconds))
        for size in SIZES:
            for name, script in scripts.items():
                pairs[name, size].append(
                    stage.postgres.pgbench(f"pairs {size}", seconds=seconds, script=script)
                )
    return [_table(tpcb, pairs), _verified(stage, filled)]


def _table(tpcb: list[Rate], pairs: dict[tuple[str, str], list[Rate]]) -> Table:
    table = Table(
        f"Hold + capture pairs on PostgreSQL, {CLIENTS} clients, durable",
        [
            "",
            "rows in the ledger",
            "pairs/s",
            "÷ TPC-B",
            "ms a pair",
            "rate ÷ that at 10³",
            "ms ÷ that at 10³",
        ],
    )
    base = [rate.tps for rate in tpcb]
    table.rows.append(
        ["pgbench TPC-B", "–", spread(base), "1.00×", spread([rate.latency for rate in tpcb]), "–", "–"]
    )
    for (name, size), rates in pairs.items():
        tps, latency = [rate.tps for rate in rates], [rate.latency for rate in rates]
        small = pairs[name, next(iter(SIZES))]
        growth = [
            times(ratios(tps, [rate.tps for rate in small])),
            times(ratios(latency, [rate.latency for rate in small])),
        ]
        table.rows.append([name, size, spread(tps), times(ratios(tps, base)), spread(latency), *growth])
    table.data = {"tpcb": base} | {
        f"{name}, {size}": [rate.tps for rate in rates] for (name, size), rates in pairs.items()
    }
    return table


def _verified(stage: Stage, filled: dict[str, float]) -> Table:
    """Check the laws by adding up the rows."""
    took: dict[str, float] = {}
    said: dict[str, str] = {}
    for size in SIZES:
        began = time.perf_counter()
        said[size] = stage.manage("verify_ledger", database=database(size)).strip().splitlines()[-1]
        took[size] = time.perf_counter() - began
    table = Table("verify_ledger afterwards", ["rows", "seconds", "÷ that at 10³", "what it says"])
    for size, seconds in took.items():
        table.rows.append([size, number(seconds), times([seconds / took["10³"]]), said[size]])
    table.notes.append(
        f"Filling 10⁶ took {number(filled['10⁶'])} s. A start of Python and Django is in each figure."
    )
    table.data = {"seconds": took, "filling": filled}
    return table
