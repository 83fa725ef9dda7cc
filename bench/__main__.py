"""`python -m bench`: one run, one machine, everything started and stopped by itself. Loopback only."""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module

from bench.machine import Cores, description
from bench.report import Table
from bench.servers import ROOT

# The order of a run: what is measured most often first, the large ledgers last.
SECTIONS = (
    "requests",
    "replies",
    "first_text",
    "relay",
    "open_streams",
    "watchers",
    "vault",
    "ledger",
    "growth",
    "training",
)
# Takes as long as all other parts together, so it runs only when it is named.
ON_REQUEST = {"training"}
RESULTS = ROOT / "bench" / "results"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of each, to see that it works")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (3 unless told)")
    usual = [name for name in SECTIONS if name not in ON_REQUEST]
    parser.add_argument("--only", default=",".join(usual), help=f"some of {','.join(SECTIONS)}")
    options = parser.parse_args()
    options.only = [name for name in SECTIONS if name in options.only.split(",")]
    if not options.only:
        parser.error(f"--only takes some of {', '.join(SECTIONS)}")
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


def main() -> int:
    options = arguments()
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    # Imported late: some packages warn as they load.
    from bench.stage import Stage

    cores = Cores.split()
    began, about = time.monotonic(), description(cores)
    tables: list[Table] = []
    with Stage(rounds=options.rounds, quick=options.quick, cores=cores) as stage:
        about["postgresql"] = stage.postgres.version()
        print(f"{about}\nReady after {time.monotonic() - began:.0f} s.\n", flush=True)
        for name in options.only:
            measure: Callable[[Stage], list[Table]] = import_module(f"bench.{name}").measure
            for table in measure(stage):
                tables.append(table)
                print(table.markdown(), flush=True)
            print(f"({name}: {time.monotonic() - began:.0f} s since the start)\n", flush=True)
        laws = stage.verify()
        print(f"verify_ledger, after all replies:\n{laws}\n", flush=True)
        about["verify_ledger"] = laws.splitlines()
    _write(options, about, tables, time.monotonic() - began)
    return 0


def _write(
    options: argparse.Namespace, about: dict[str, object], tables: list[Table], seconds: float
) -> None:
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC)
    path = RESULTS / f"{at:%Y%m%d-%H%M%S}.json"
    told = {
        "at": at.isoformat(timespec="seconds"),
        "sections": options.only,
        "rounds": options.rounds,
        "machine": about,
        "seconds": round(seconds),
        "tables": [vars(table) for table in tables],
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False))
    print(f"{seconds:.0f} s in all; written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
