"""Work in worker processes: it is done or given up in time, and no worker outlives the server."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agents import process_pool
from agents.knowledge import chunk
from agents.process_pool import NotBegun, NotDone
from tests.agents import hog
from tests.harness.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_workers_are_left() -> Iterator[None]:
    yield
    process_pool.close()


def workers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if "agents.process_pool" in child.cmdline()]


def test_the_result_is_that_of_the_function() -> None:
    text = "# Hours\n\nWe open at nine.\n\n" * 2000

    assert [chunk.Chunk(*one) for one in process_pool.call(chunk.chunks, text)] == chunk.chunks(text)
    assert asyncio.run(process_pool.acall(chunk.chunks, "Ünï¢ode \u00b7 𝕬")) == [["", "Ünï¢ode \u00b7 𝕬", ""]]


def test_one_worker_does_one_job_after_the_other() -> None:
    pids = {process_pool.call(os.getpid) for _ in range(5)}

    assert len(pids) <= process_pool.WORKERS
    assert os.getpid() not in pids


def test_worker_that_holds_much_memory_does_no_other_job() -> None:
    """A file that is given up for its size must not take the next one with it."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("the system does not say how much a process holds")
    kept = process_pool.call(hog.take, 1024)
    assert psutil.pid_exists(kept)

    spent = process_pool.call(hog.take, process_pool.KEPT_BYTES)

    assert not psutil.pid_exists(spent)
    assert process_pool.WORKERS > 1 or spent == kept
    assert process_pool.call(hog.take, 1024) != spent


def test_a_worker_has_none_of_our_environment() -> None:
    assert os.environ["SECRET_KEY"]
    assert process_pool.call(os.getenv, "SECRET_KEY") is None
    assert process_pool.call(os.getenv, "VAULT_KEYS") is None


def test_work_that_takes_too_long_is_given_up_and_its_worker_ended() -> None:
    pid = process_pool.call(os.getpid)

    with pytest.raises(NotDone):
        process_pool.call(time.sleep, 3600, seconds=0.5)

    assert not psutil.pid_exists(pid) or process_pool.WORKERS > 1
    assert process_pool.call(sorted, [2, 1]) == [1, 2]


def test_a_worker_that_hangs_for_reasons_of_its_own_is_ended_from_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_pool, "GRACE_SECONDS", 0.5)
    process_pool.call(os.getpid)
    for worker in workers_of(os.getpid()):
        worker.send_signal(signal.SIGSTOP)

    with pytest.raises(NotDone):
        process_pool.call(sorted, [2, 1], seconds=0.5)


def test_work_that_takes_too_much_memory_is_given_up() -> None:
    with pytest.raises(NotDone, match="MemoryError"):
        process_pool.call(bytearray, 2 * process_pool.MEMORY_BYTES)


def test_a_failure_tells_its_kind_and_none_of_its_words() -> None:
    with pytest.raises(NotDone) as caught:
        process_pool.call(int, "sk-not-to-be-repeated")

    assert str(caught.value) == "ValueError"


def test_more_than_may_wait_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [
        process_pool._submit(time.sleep, (1,), 10)
        for _ in range(process_pool.WORKERS + process_pool.MOST_WAITING)
    ]

    with pytest.raises(NotBegun, match="waiting"):
        process_pool.call(sorted, [])

    for one in busy:
        one.cancel()
    assert eventually(lambda: all(one.done() for one in busy))
    assert process_pool.call(sorted, []) == []


def test_waiting_counts_as_well() -> None:
    busy = [process_pool._submit(time.sleep, (2,), 30) for _ in range(process_pool.WORKERS)]

    with pytest.raises(NotBegun, match="waited"):
        process_pool.call(sorted, [2, 1], seconds=0.2)

    assert eventually(lambda: all(one.done() for one in busy))


def test_a_worker_that_somebody_ends_is_not_blamed_on_its_text() -> None:
    """As a service manager does, which tells all processes of a service to stop."""
    process_pool.call(os.getpid)
    running = process_pool._submit(time.sleep, (60,), 90)
    for worker in workers_of(os.getpid()):
        worker.terminate()

    with pytest.raises(NotBegun):
        running.result(30)
    assert process_pool.call(sorted, [2, 1]) == [1, 2]


def test_closing_ends_what_waits_too() -> None:
    jobs = [process_pool._submit(time.sleep, (60,), 90) for _ in range(process_pool.WORKERS + 8)]
    assert eventually(lambda: workers_of(os.getpid()))

    process_pool.close()

    assert {type(job.exception(30)) for job in jobs} == {NotBegun}


def test_a_server_that_ends_does_not_wait_for_what_waits() -> None:
    program = (
        "import time\nfrom agents import process_pool\n"
        "for _ in range(30): process_pool._submit(time.sleep, (5,), 300)\n"
        "time.sleep(1)\nprocess_pool.close()"
    )

    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_no_worker_outlives_a_server_that_was_killed() -> None:
    program = "import os, time\nfrom agents import process_pool\nprint(process_pool.call(os.getpid), flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as server:
        assert server.stdout
        pid = int(server.stdout.readline())
        assert psutil.pid_exists(pid)
        server.kill()

    assert eventually(lambda: not psutil.pid_exists(pid))
