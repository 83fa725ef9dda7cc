"""Worker processes for real: the server's own one trains, ends with it, and what a killed one had is done by the next."""

import os
import subprocess
import sys

import psutil
import pytest

from agents.models import Agent, Source
from agents.sources import jobs
from tests.harness.cast import Cast, make_agent
from tests.harness.live import ROOT, Server, StartServer, database_url
from tests.harness.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return make_agent(cast.acme)


def waiting_text(agent: Agent) -> Source:
    source = Source.objects.create(agent=agent, title="Hours", text="We open at nine.", state="queued")
    jobs.enqueue(source.pk)
    return source


def is_ready(source: Source) -> bool:
    source.refresh_from_db()
    return source.state == "ready"


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_servers_worker_trains_and_ends_with_the_server(
    transactional_db: None, agent: Agent, start_server: StartServer
) -> None:
    server: Server = start_server(TRAIN_WORKERS="1")
    source = waiting_text(agent)

    assert eventually(lambda: is_ready(source), seconds=90)
    workers = [
        one for one in psutil.Process(server.pid).children() if "train_worker" in " ".join(one.cmdline())
    ]
    assert len(workers) == 1

    server.kill()
    assert eventually(lambda: is_gone(workers[0]), seconds=60)


def test_a_worker_apart_does_what_waits_and_ends(transactional_db: None, agent: Agent) -> None:
    sources = [waiting_text(make_agent(agent.workspace, name=f"Agent {number}")) for number in range(3)]

    done = subprocess.run(
        [sys.executable, "manage.py", "train_worker", "--until-empty"], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings", "DATABASE_URL": database_url()},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert [is_ready(source) for source in sources] == [True] * 3
