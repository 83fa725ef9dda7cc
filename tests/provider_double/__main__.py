"""`python -m tests.provider_double`: start the double, say where it listens and how to use it."""

import argparse
import asyncio
import gc
import ipaddress
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

from . import fake_models, modes
from .auth import HINT
from .calls import Call
from .roster import RULES
from .server import serve


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="provider double", description="A stand-in for OpenAI and Anthropic."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (127.0.0.1 unless told)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--parent-pid", type=int, help="exit when this process has gone")
    parser.add_argument(
        "--first-ms", type=float, default=0, help="delay before the first word of a usual answer"
    )
    parser.add_argument("--gap-ms", type=float, default=0, help="delay between the words of a usual answer")
    parser.add_argument(
        "--think-ms", type=float, default=0, help="how long a model that thinks does so before a usual answer"
    )
    parser.add_argument("--today", metavar="YYYY-MM-DD", type=day, help="the day it takes for today")
    parser.add_argument("--verbose", action="store_true", help="print a line for each call")
    parser.add_argument("--quiet", action="store_true", help="print the address and nothing else")
    parser.add_argument("--list", action="store_true", help="list the modes and the models' names, and exit")
    return parser.parse_args()


def day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listing() -> str:
    reworded = ", ".join(modes.REWORDED)
    return (
        "Modes, pushed by POST /__double/script {mode, params, times, match}; those that say something also take\n"
        f"{', '.join(modes.SPEECH)}; named errors take {reworded}:\n\n{modes.listing()}\n\n"
        "For a refused connection, point the client at a closed port.\n\n"
        f"Behaviour by model name, as in fake-t200-d50-f300:\n\n{fake_models.listing()}\n"
        f"Models, each as its maker takes it (more: POST /__double/models {{id, like, gone_on}}):\n\n"
        f"{models_listing()}"
    )


def models_listing() -> str:
    """For people: one line for each group of ids that are alike, with the day from which they are gone."""
    rows = [row for rules in RULES.values() for row in rules.MODELS]
    return "\n".join(f"  {row.gone_on or 'no date':12}{row.family:14}{row.ids}" for row in rows)


# The word in each example says how it is treated (auth.py). The last of a column are of another sort or maker.
EXAMPLES = (
    ("sk-proj-works", "sk-ant-api03-works"),
    ("sk-proj-bad", "sk-ant-api03-bad"),
    ("sk-proj-nolist", "sk-ant-api03-noaccess"),
    ("sk-proj-nochat", "sk-ant-api03-nofunds"),
    ("sk-proj-noaccess", "sk-ant-api03-country"),
    ("sk-proj-region", "sk-ant-oat01-works"),
    ("sk-proj-ip", "sk-ant-admin01-works"),
    ("sk-proj-nofunds", "sk-or-v1-works"),
    ("sk-admin-works",),
)


def example(beginning: str, place: str) -> str:
    """A secret of 34 characters. The last four differ in each example, so that their masks differ."""
    tail = f"{beginning.rpartition('-')[2][:2]}{place}"
    return f"{beginning}-".ljust(34 - len(tail), "0") + tail


def examples() -> str:
    rows = [
        [example(beginning, f"{column}{number}") for column, beginning in zip("AB", row, strict=False)]
        for number, row in enumerate(EXAMPLES, start=1)
    ]
    return "\n       ".join("          ".join(row) for row in rows)


def hints(url: str) -> str:
    return f"""
Point Bookbag (or any client) at it, then add a provider key of your own making:

  OPENAI_BASE_URL={url}/v1
  ANTHROPIC_BASE_URL={url}

{HINT}

  try: {examples()}

models:     gpt-4o (takes temperature), gpt-6-luna and claude-sonnet-5-5 (think), gpt-3.5-turbo (gone),
            gpt-5.5-pro (only in the Responses API), text-embedding-3-small (cannot chat); --list names them all
misbehave:  curl -d '{{"mode": "503", "times": 1}}' {url}/__double/script     (--list names the modes)
another id: curl -d '{{"id": "my-model", "like": "gpt-4o"}}' {url}/__double/models
another day: curl -d '{{"today": "2027-01-14"}}' {url}/__double/today
look:       curl {url}/__double/calls   curl {url}/__double/stats
stop:       Ctrl-C
"""


def write(line: str) -> None:
    """Write a line and flush it, so that a reader of the pipe gets it at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(call: Call) -> None:
    """One line for a call that has ended, with only the last four characters of its secret."""
    shown = f"…{call.secret[-4:]}" if len(call.secret) > 12 else "…"
    took = ((call.ended_at or call.at) - call.at) * 1000
    kind = "stream" if call.stream else "json"
    write(
        f"{call.wire.PROVIDER:9} {call.path} {call.model or '-'} {kind} secret {shown} -> "
        f"{call.status or 'no answer'} {call.outcome} {call.mode} {took:.0f} ms"
    )


def run(main: Callable[[], Any]) -> None:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def main() -> int:
    options = arguments()
    if options.list:
        write(listing())
        return 0
    if not is_loopback(options.host):
        sys.stderr.write(f"provider double: {options.host} is not a loopback address, it serves no other\n")
        return 2
    host = f"[{options.host}]" if ":" in options.host else options.host

    def ready(port: int) -> None:
        url = f"http://{host}:{port}"
        write(f"provider double listening on {url}")
        if not options.quiet:
            write(hints(url))

    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    pace = {"first_ms": options.first_ms, "gap_ms": options.gap_ms, "think_ms": options.think_ms}
    on_end = tell if options.verbose else None
    try:
        run(
            lambda: serve(
                options.host,
                options.port,
                ready=ready,
                parent=options.parent_pid,
                pace=pace,
                on_end=on_end,
                day=options.today,
            )
        )
    except OSError as error:
        sys.stderr.write(
            f"provider double: cannot listen on {host}:{options.port} ({error.strerror or error}); "
            "--port 0 takes a free port\n"
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
