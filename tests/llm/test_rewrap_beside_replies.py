"""Re-wrapping every key while people talk to agents on them: no reply may notice, kills included."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from django.utils import timezone

from agents.models import Reply
from llm import byo, keys, ring, sealing
from llm.models import ProviderKey
from llm.vault import Secret, new_kek
from tests.harness.cast import make_agent
from tests.harness.chat import talk
from tests.harness.live import ROOT
from tests.llm.test_rotation import environment

OLD, NEW = ("k1", new_kek()), ("k2", new_kek())
pytestmark = pytest.mark.django_db(transaction=True)


def fill(workspace, count: int) -> None:
    """`count` superseded keys: sealed like any other, and as much work to move."""
    rows = []
    for number in range(count):
        secret = Secret(f"sk-proj-{number:06}-" + "BeSiDe" * 5)
        row = sealing.new_row(workspace, "openai", secret, by=None, found=ProviderKey.Health.UNVERIFIED)
        row.state, row.retired_at = ProviderKey.State.SUPERSEDED, timezone.now()
        rows.append(row)
    ProviderKey.objects.bulk_create(rows, batch_size=500)


def rewrap_with_kills(kills: int, dice: random.Random, *, batch: int) -> int:
    """Start vault_rewrap until it ends by itself, killing it `kills` times on the way; returns the kills that hit.

    A kill falls within the first six batches or a little later: there must be many more of them.
    """
    hit = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "vault_rewrap", "--batch", str(batch)], cwd=ROOT, env=environment(NEW, OLD),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        if hit < kills:
            for _ in range(dice.randint(1, 6)):
                process.stderr.readline()
            time.sleep(dice.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
        if process.returncode == 0:
            return hit
        assert process.returncode == -signal.SIGKILL, said
        hit += 1


@pytest.mark.parametrize(
    ("rows", "streams", "kills", "batch"),
    [(300, 4, 1, 3), pytest.param(10_000, 50, 10, 50, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_rewrap_beside_streams_fails_no_reply(
    cast, settings, start_server, visit, provider_double, rows, streams, kills, batch
):
    settings.VAULT_KEYS = [OLD]
    ProviderKey.objects.all().delete()
    ring.KekRecord.objects.all().delete()
    keys.replace(cast.acme, provider="openai", secret=Secret("sk-proj-InUse-" + "BeSiDe" * 5), by=cast.adam)
    fill(cast.acme, rows)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    agent = make_agent(cast.acme, "gpt-4o-mini")
    provider_double.script("ok", times=None, first_ms=20, gap_ms=30)
    server = start_server(VAULT_KEYS=environment(NEW, OLD)["VAULT_KEYS"])
    over, ends = threading.Event(), Counter[str]()

    def converse(visitor) -> None:
        while not over.is_set():
            ends[talk(visitor, agent, "Hello?").end.data.get("state", "error")] += 1

    people = [
        threading.Thread(target=converse, args=[visit(cast.edith, server=server)]) for _ in range(streams)
    ]
    for person in people:
        person.start()
    try:
        hit = rewrap_with_kills(kills, random.Random(os.environ["BOOKBAG_SEED"]), batch=batch)
    finally:
        over.set()
        for person in people:
            person.join()
    # Seen with -s, as the soak runs.
    print(f"\n{rows} rows moved, {hit} kills, replies by state: {dict(ends)}")  # noqa: T201
    assert (hit, set(ends), ring.rows_per_kek()) == (kills, {"completed"}, {"k2": rows + 1, "k1": 0})
    assert not Reply.objects.exclude(state="completed").exists()
    assert {call["secret"][:14] for call in provider_double.calls(bodies=False)} == {"sk-proj-InUse-"}
