"""How a long ledger slows a reply and the credits page: a server on 10³ ledger rows beside one on 10⁶."""

import time
from collections import defaultdict
from statistics import median
from typing import Any
from uuid import UUID

from bench import ledger
from bench.report import Table, ratios, spread, times
from bench.stage import FIRST_TEXT, REPLY, Stage
from bench.targets import Target, bookbag, page

SMALL, LARGE = "10³", "10⁶"
QUERIES = 400


def measure(stage: Stage) -> list[Table]:
    stage.manage("collectstatic", "--noinput", "--verbosity", "0")
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    contenders = {size: _contender(stage, size) for size in (SMALL, LARGE)}
    for _ in range(stage.rounds):
        for size, (chat, pages, database) in contenders.items():
            reply = chat.loop(REPLY, connections=16, seconds=3)
            seen["full replies/s, 16 at once", size].append(reply.rate)
            seen["CPU ms a reply, 16 at once", size].append(reply.cpu_ms)
            first = chat.loop(FIRST_TEXT, connections=1, seconds=3)
            seen["time to first text p50 (ms), provider 100", size].append(
                first.run.percentile(0.5, "first_text")
            )
            for name, target in pages.items():
                seen[f"{name} p50 (ms)", size].append(
                    target.loop("", connections=1, seconds=1.5).run.percentile(0.5)
                )
            seen["admission statement p50 (ms)", size].append(_admission(stage, database))
    table = Table("From 10³ to 10⁶ ledger rows, a tenth of them one workspace's", ["", SMALL, LARGE, "÷"])
    for name in dict.fromkeys(name for name, _ in seen):
        small, large = seen[name, SMALL], seen[name, LARGE]
        table.rows.append([name, spread(small), spread(large), times(ratios(large, small))])
    table.notes.append(
        "Pages are those of the workspace with a tenth of all rows; the deepest is the ledger's last."
    )
    table.data = {f"{name} @{size}": values for (name, size), values in seen.items()}
    return [table]


def _contender(stage: Stage, size: str) -> tuple[Target, dict[str, Target], str]:
    """A server of its own on the ledger of this size."""
    ledger.prepare(stage, size)
    database = ledger.database(size)
    server = stage.bookbag(database)
    chat = bookbag(f"Bookbag on {size}", server.port, stage.seats, pid=server.pid)
    hot = stage.seats[0]
    with stage.postgres.connect(database) as connection:
        query = "SELECT id FROM billing_transfer WHERE account_id = %s ORDER BY id OFFSET 49 LIMIT 1"
        (deepest,) = connection.execute(query, [hot.account]).fetchone() or (1,)
    path = f"/w/{hot.slug}/credits/"
    pages = {
        "credits page": page("credits", server.port, path, hot.session, pid=server.pid),
        "credits page, deepest": page(
            "deepest", server.port, f"{path}?before={deepest}", hot.session, pid=server.pid
        ),
    }
    return chat, pages, database


def _admission(stage: Stage, database: str) -> float:
    """The one statement that admits a message, prepared, asked of the database itself."""
    with stage.postgres.connect(database) as connection:
        took = [_timed(connection, *_asked(stage, number)) for number in range(QUERIES)]
    return median(took[QUERIES // 4 :])


def _asked(stage: Stage, number: int) -> tuple[str, dict[str, Any]]:
    from agents.running import admission

    seat = stage.seats[number % len(stage.seats)]
    # A first message: it has no conversation yet, and its chat model is the agent's.
    return admission.statement_to_send(
        session_key=seat.session,
        slug=seat.slug,
        agent_id=UUID(seat.agents[REPLY][0]),
        conversation_id=None,
        chat_model_id=None,
    )


def _timed(connection: Any, statement: str, parameters: dict[str, Any]) -> float:
    began = time.perf_counter()
    row = connection.execute(statement, parameters, prepare=True).fetchone()
    assert row is not None
    return (time.perf_counter() - began) * 1000
