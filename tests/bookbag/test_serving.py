"""`manage.py serve`: how it stops, and what it does when its connections are too many or too slow.

Order is told by the server's own log and by what it answers; a limit in seconds is only there to end a test.
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest

from agents.models import Reply
from billing import ledger
from billing.models import Hold
from bookbag.server import workers
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, live_events, platform_key, talk
from tests.harness.live import ROOT, Server, StartServer, new_server
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = pytest.mark.django_db(transaction=True)

PATIENT = 60.0


def ready(server: Server) -> tuple[int, list[str]]:
    response = httpx.get(f"{server.url}/readyz", trust_env=False, timeout=PATIENT)
    return response.status_code, response.json()["failing"]


def refuses(server: Server) -> bool:
    """Whether nobody takes a new connection any more."""
    host, port = server.url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENT).close()
    except ConnectionRefusedError:
        return True
    return False


def tell(server: Server, number: int = signal.SIGTERM) -> None:
    os.kill(server.pid, number)


def ended(server: Server) -> int:
    assert server.process is not None
    return server.process.wait(PATIENT)


# --- Stopping ------------------------------------------------------------------------------------------


@pytest.mark.money
def test_stop_goes_unready_then_closed_then_lets_replies_end(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    server = start_server(DRAIN_NOTICE_SECONDS="1.5", DRAIN_SECONDS="60")
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=server)
    # Longer than the ten seconds that a server once gave, whatever its page said.
    provider_double.script("chunks", chunks=[f"{number} " for number in range(15)], gap_ms=1000, times=None)
    watched = live_events(visitor, accepted(visitor, agent)["stream"])
    unwatched = accepted(visit(cast.edith, server=server), agent)
    next(watched)
    assert ready(server) == (200, [])

    tell(server)

    assert eventually(lambda: ready(server) == (503, ["draining"]))
    assert visit(server=server).get("/healthz").status_code == 200
    # It still takes what a proxy sends that has not noticed yet.
    assert visit(cast.victor, server=server).get("/w/acme/").status_code == 200
    assert eventually(lambda: refuses(server))
    assert Reply.objects.filter(state__in=Reply.RUNNING).count() == 2
    end = list(watched)[-1].data
    assert (end["state"], end["charged"]) == ("completed", 5)
    assert ended(server) == 0
    assert Reply.objects.get(pk=unwatched["reply"]).state == "completed"
    assert ledger.balance(cast.acme) == ledger.Balance(90, 0)
    steps = [server.output.index(step) for step in ("stopping:", "draining: 2 replies", "stopped")]
    assert steps == sorted(steps)


@pytest.mark.money
@pytest.mark.parametrize("twice", [False, True], ids=["after its time", "by a second signal"])
def test_what_does_not_end_is_freed_uncharged(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double, twice: bool
) -> None:
    platform_key()
    server = start_server(DRAIN_SECONDS="600" if twice else "1")
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=server)
    provider_double.script("hang_mid_stream", chunks=["one ", "two"], after=1, times=None)
    stream = live_events(visitor, accepted(visitor, agent)["stream"])
    next(event for event in stream if event.kind == "text")

    tell(server)
    assert eventually(lambda: "draining: 1 replies" in server.output, seconds=PATIENT)
    if twice:
        tell(server)
    end = list(stream)[-1]

    assert ended(server) == 0
    assert (end.kind, end.data["code"], end.data["charged"]) == ("error", "interrupted", 0)
    assert Reply.objects.get().text == "one "
    assert Hold.objects.get().state == "released"
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


@pytest.mark.any_database
def test_second_signal_does_not_wait_for_a_thread_that_is_stuck(
    cast: Cast, visit: Visit, start_server: StartServer
) -> None:
    """An address that nobody answers holds a request in a thread; the process leaves without it."""
    server = start_server(
        DRAIN_SECONDS="600",
        SERVED_APPLICATION="tests.bookbag.stuck_asgi.application",
        DJANGO_SETTINGS_MODULE="tests.served_settings",
    )
    with suppress(httpx.TransportError), httpx.Client(trust_env=False, timeout=0.5) as client:
        client.get(f"{server.url}/stuck/")
    tell(server)
    assert eventually(lambda: "stopping:" in server.output)
    tell(server, signal.SIGINT)

    assert ended(server) == 0


@pytest.mark.any_database
def test_what_came_to_the_door_as_it_closed_is_answered(start_server: StartServer) -> None:
    """A proxy sends no POST twice: a connection that it has been given is not reset, nor one that it kept."""
    server = start_server(DRAIN_NOTICE_SECONDS="1")
    kept, new = (HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENT) for _ in range(2))
    with closing(kept), closing(new):
        kept.request("GET", "/healthz")
        assert kept.getresponse().read()
        tell(server)
        assert eventually(lambda: "stopping:" in server.output)
        # It sleeps through the end of its notice, and what happens meanwhile is all there when it wakes.
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(1.5)
        for connection in (kept, new):
            connection.request("GET", "/healthz")
        os.kill(server.pid, signal.SIGCONT)
        answers = [connection.getresponse() for connection in (kept, new)]
        assert [(one.status, one.getheader("connection")) for one in answers] == [(200, "close")] * 2
    assert ended(server) == 0


@pytest.mark.any_database
def test_idle_connection_does_not_hold_up_the_stop(start_server: StartServer) -> None:
    server = start_server(DRAIN_SECONDS="600")
    with httpx.Client(trust_env=False) as idle:
        idle.get(f"{server.url}/healthz")
        tell(server)
        assert ended(server) == 0


def test_watcher_of_another_servers_reply_does_not_hold_up_the_stop(
    cast: Cast, visit: Visit, start_server: StartServer, provider_double: Double
) -> None:
    platform_key()
    runs_it, watches_it = start_server(), start_server(DRAIN_SECONDS="600")
    provider_double.script("hang_mid_stream", chunks=["one ", "two"], after=1)
    where = accepted(visit(cast.edith, server=runs_it), make_agent(cast.acme, "gpt-4o"))
    stream = live_events(visit(cast.edith, server=watches_it), where["stream"])
    next(event for event in stream if event.kind == "text")
    tell(watches_it)

    # A clean end: the page asks again, and another server goes on with it.
    assert [event.kind for event in stream if event.kind != "text"] == []
    assert ended(watches_it) == 0
    assert Reply.objects.get().state in Reply.RUNNING


# --- Several processes -----------------------------------------------------------------------------------


@pytest.fixture
def two_workers(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> StartServer:
    monkeypatch.setattr(Server, "options", ("--workers", "2"))
    return start_server


def worker_pids(server: Server) -> set[int]:
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.pid)], capture_output=True, text=True)
    return {int(line) for line in children.stdout.split()}


def test_workers_share_one_address_and_a_dead_one_is_replaced(two_workers: StartServer) -> None:
    server = two_workers()
    assert eventually(lambda: server.output.count("serving at") == 2, seconds=PATIENT)
    first = worker_pids(server)
    assert len(first) == 2
    os.kill(min(first), signal.SIGKILL)

    assert eventually(lambda: server.output.count("serving at") == 3, seconds=PATIENT)
    assert len(worker_pids(server)) == 2
    assert ready(server) == (200, [])
    tell(server)
    assert ended(server) == 0


@pytest.mark.money
def test_workers_stop_together_and_in_order(
    cast: Cast, visit: Visit, two_workers: StartServer, provider_double: Double
) -> None:
    platform_key()
    server = two_workers(DRAIN_SECONDS="60")
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=server)
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=1500)
    stream = live_events(visitor, accepted(visitor, agent)["stream"])
    next(stream)
    # As an orchestrator does it that signals the whole group: each process hears of it, and none counts it twice.
    for pid in (server.pid, *worker_pids(server)):
        os.kill(pid, signal.SIGTERM)

    assert list(stream)[-1].data["state"] == "completed"
    assert ended(server) == 0
    assert refuses(server)


def test_workers_end_when_the_first_process_is_killed(two_workers: StartServer) -> None:
    server = two_workers()
    orphans = worker_pids(server)
    server.kill()

    assert eventually(lambda: refuses(server), seconds=PATIENT)
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), seconds=PATIENT)


@pytest.mark.deep
def test_worker_that_cannot_start_stops_them_all() -> None:
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.served_settings",
        "SERVED_APPLICATION": "tests.nothing.here",
    }
    command = [sys.executable, "manage.py", "serve", "--port", "0", "--workers", "2"]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)

    assert run.returncode != 0


@pytest.mark.parametrize("lived", [1.0, 3600.0], ids=["at once", "after an hour"])
def test_worker_that_fails_is_replaced_unless_it_could_not_start(
    monkeypatch: pytest.MonkeyPatch, lived: float
) -> None:
    monkeypatch.setattr(workers, "AGAIN_SECONDS", 0)
    failed = SimpleNamespace(pid=1, poll=lambda: 7)
    lot = workers.Workers(socket.socket(), 1, [])
    monkeypatch.setattr(lot, "_start", lambda: "another one")
    lot.running, lot.begun = [failed], {1: time.monotonic() - lived}  # type: ignore[list-item]

    assert lot._replace_the_dead() == (7 if lived == 1 else 0)
    assert lot.running == ([failed] if lived == 1 else ["another one"])
    lot.listener.close()


@pytest.mark.deep
def test_port_in_use_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "manage.py", "serve", "--port", port]
        env = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings"}
        run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)

    assert run.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in run.stderr
    assert "Traceback" not in run.stderr


# --- Too many, too slow ------------------------------------------------------------------------------------

CROWD = 1_500
WAITING = {
    "idle": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: bookbag.test\r\nX-Half: ",
    "half a body": b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nlogin=",
}


def under_1024_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """For the crowd, which is in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CROWD + 500:
        pytest.skip(f"a crowd of {CROWD} needs more than {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, CROWD + 500), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.deep
@pytest.mark.any_database
@pytest.mark.usefixtures("many_descriptors")
def test_crowd_of_idle_and_half_sent_requests_keeps_nobody_out(
    cast: Cast, visit: Visit, provider_double: Double, collected_static: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform_key()
    monkeypatch.setattr(Server, "before_start", staticmethod(under_1024_descriptors))
    server = new_server("crowd", provider_double, {}).start()
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=server)
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=3000)
    stream = live_events(visitor, accepted(visitor, agent)["stream"])
    next(stream)
    host, port = server.url.removeprefix("http://").split(":")
    with ExitStack() as crowd:
        for number in range(CROWD):
            waiting = crowd.enter_context(socket.create_connection((host, int(port)), timeout=PATIENT))
            with suppress(ConnectionError):
                waiting.sendall(list(WAITING.values())[number % 3])
        assert visit(server=server).get("/healthz").status_code == 200
        visit(server=server).sign_in(cast.adam.email, cast.password)
        assert list(stream)[-1].data["state"] == "completed"
        provider_double.script("text", text="an answer")
        assert talk(visit(cast.edith, server=server), agent).end.data["charged"] == 5
    assert "Too many open files" not in server.output
    server.stop()
