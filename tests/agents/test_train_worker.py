"""Worker processes for real: the server's own one trains, ends with it, and what a killed one had is done by the next."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import psutil
import pytest
from django.db.models.functions import Now

from agents.models import Agent, Passage, Source
from agents.sources import adding, jobs, upkeep
from tests.agents import websites
from tests.agents.websites import Site
from tests.harness.cast import make_agent
from tests.harness.live import ROOT, Server, StartServer, database_url
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.deep, pytest.mark.django_db(transaction=True)]


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

    with worker() as apart:
        ended(apart)

    assert [is_ready(source) for source in sources] == [True] * 3


@contextmanager
def worker(**env: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that trains until nothing waits; it may read from this machine."""
    told = {
        "DJANGO_SETTINGS_MODULE": "bookbag.settings",
        "DATABASE_URL": database_url(),
        "FETCH_LOOPBACK": "true",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "train_worker", "--until-empty"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | told | env,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: "subprocess.Popen[str]") -> None:
    """Wait until it has done what there was."""
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed


PAGE = (
    "<title>{0}</title><main><h1>{0}</h1><p>This is about {0}.</p><a href='/a'>A</a><a href='/b'>B</a></main>"
)


def website_of(agent: Agent, site: Site, *titles: str) -> Source:
    """A website of three pages, which waits for its turn."""
    site.pages |= {path: PAGE.format(title) for path, title in zip(("/", "/a", "/b"), titles, strict=True)}
    source = Source.objects.create(agent=agent, kind="website", title="Animals", text="", url=site.url)
    adding.queue(source)
    return source


def known(source: Source) -> set[str]:
    return set(Passage.objects.filter(source__parent=source).values_list("source__title", flat=True))


def test_a_worker_killed_in_the_middle_of_a_website_leaves_the_old_pages_and_the_next_reads_all(
    transactional_db: None, agent: Agent
) -> None:
    asked, going_on = threading.Event(), threading.Event()

    def hanging(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        going_on.wait(60)
        websites.plain(handler, PAGE.format("Cows"))

    with websites.serving() as site:
        source = website_of(agent, site, "Ants", "Bees", "Cats")
        with worker() as first:
            ended(first)
        assert known(source) == {"Ants", "Bees", "Cats"}

        site.pages |= {"/": PAGE.format("Apes"), "/a": PAGE.format("Bats"), "/b": hanging}
        adding.queue(source)
        with worker() as killed:
            assert asked.wait(60)
            assert source.crawled.count() == 2
            killed.kill()
            killed.wait()
        going_on.set()
        assert known(source) == {"Ants", "Bees", "Cats"}

        Source.objects.filter(pk=source.pk).update(lease_until=Now() - timedelta(seconds=1))
        assert upkeep.revive() == 1
        with worker() as another:
            ended(another)
        assert is_ready(source)
        assert (known(source), source.attempts) == ({"Apes", "Bats", "Cows"}, 2)


def test_two_workers_at_two_websites_of_one_agent_at_once(transactional_db: None, agent: Agent) -> None:
    """Each website's last page waits for the other's: neither is swapped in before both are being read."""
    together = threading.Barrier(2)

    def waiting_for_the_other(title: str) -> websites.Answer:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            together.wait(60)
            websites.plain(handler, PAGE.format(title))

        return answer

    with websites.serving() as one, websites.serving() as two, ExitStack() as stack:
        sources = [
            website_of(agent, one, "Ants", "Bees", "Cats"),
            website_of(agent, two, "Dogs", "Eels", "Foxes"),
        ]
        one.pages["/b"], two.pages["/b"] = waiting_for_the_other("Cats"), waiting_for_the_other("Foxes")
        # Jobs that came twice: whoever comes second finds the website taken.
        for source in sources:
            jobs.enqueue(source.pk)
        for process in [stack.enter_context(worker()) for _ in range(2)]:
            ended(process)

        assert [is_ready(source) for source in sources] == [True, True]
        assert [known(source) for source in sources] == [{"Ants", "Bees", "Cats"}, {"Dogs", "Eels", "Foxes"}]
        assert [source.attempts for source in sources] == [1, 1]
        assert [len([path for path in site.paths if path == "/"]) for site in (one, two)] == [1, 1]
