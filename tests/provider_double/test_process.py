"""The double as a process: it says where it listens, serves loopback only, and leaves when it should."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import openai
import pytest

from . import openai_wire
from .asking import ask
from .calls import BYTES_KEPT, CALLS_KEPT, Call, Record
from .client import ROOT, Double
from .sdk import SECRET
from .server import MODES

COMMAND = [sys.executable, "-m", "tests.provider_double"]


def start(*options: str, command: list[str] | None = None) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*(command or COMMAND), *options], cwd=ROOT, text=True, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_leaves_in_good_order_when_told(stop: signal.Signals) -> None:
    with start() as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert process.stderr is not None
        process.send_signal(stop)
        rest, errors = process.stdout.read(), process.stderr.read()
    url = line.removeprefix("provider double listening on ").strip()
    assert url.startswith("http://127.0.0.1:")
    assert f"OPENAI_BASE_URL={url}/v1\n" in rest
    assert f"ANTHROPIC_BASE_URL={url}\n" in rest
    assert (process.returncode, errors) == (0, "")


def test_the_keys_that_it_prints_are_met_as_they_say() -> None:
    with start("--today", "2026-11-25") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        printed = ""
        while "stop:" not in (line := process.stdout.readline()):
            printed += line
        double = Double()
        double.url = url
        models = {"openai": "gpt-6-luna", "anthropic": "claude-sonnet-5-5"}
        met = {
            secret: [ask(double, provider, model, secret=secret).status for provider, model in models.items()]
            for secret in re.findall(r"sk-[\w-]+0\w{4}\b", printed)
        }
        process.terminate()
        process.stdout.read()
    assert len(met) == len({secret[-4:] for secret in met}) == 17
    assert {secret.rpartition("-")[0] for secret, statuses in met.items() if 200 in statuses} == {
        "sk-proj-works",
        "sk-ant-api03-works",
        "sk-proj-nolist",
    }
    assert all(
        200 not in statuses
        for secret, statuses in met.items()
        if not secret.startswith(("sk-proj", "sk-ant-api"))
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104
def test_it_refuses_any_address_but_loopback(host: str) -> None:
    refused = subprocess.run([*COMMAND, "--host", host], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert host in refused.stderr


def test_it_says_so_when_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = subprocess.run(
            [*COMMAND, "--port", port], cwd=ROOT, capture_output=True, text=True, timeout=20
        )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_it_leaves_when_its_parent_has_gone() -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with start("--quiet", "--parent-pid", str(parent.pid)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.poll() is None
        parent.communicate(b"\n")
        assert process.wait(timeout=10) == 0


def test_it_leaves_when_the_process_that_started_it_is_killed() -> None:
    code = (
        "import os, sys; sys.path.insert(0, '.'); from tests.provider_double.client import Double; "
        "print(Double().start().process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    orphan = int(killed.stdout)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and os.path.exists(f"/proc/{orphan}/cmdline"):
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(orphan, 0)


def test_list_names_every_mode_with_its_line() -> None:
    listed = subprocess.run(
        [*COMMAND, "--list"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True
    )
    names = [line.split()[0] for line in listed.stdout.split("\n\n")[1].splitlines()]
    # Their order is that of the imports, which is another one among all the tests.
    assert sorted(names) == sorted(MODES)
    assert all(mode.doc.endswith(".") for mode in MODES.values())


def test_verbose_shows_calls_and_no_secrets() -> None:
    with start("--verbose") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with openai.OpenAI(api_key=SECRET, base_url=f"{url}/v1", max_retries=0) as client:
            client.models.list()
        process.terminate()
        shown = process.stdout.read()
    last = shown.splitlines()[-1]
    assert last.startswith("openai    /v1/models - json secret …a1B2 -> 200 finished")
    assert SECRET not in last


def test_it_works_without_uvloop() -> None:
    without = "import sys, runpy; sys.modules['uvloop'] = None; runpy.run_module('tests.provider_double', run_name='__main__')"
    with start("--quiet", command=[sys.executable, "-c", without]) as process:
        assert process.stdout is not None
        double = Double()
        double.url = process.stdout.readline().split()[-1]
        double.script("reset_mid_stream", match={"model": "cut"})
        with openai.OpenAI(api_key=SECRET, base_url=double.openai_base_url, max_retries=0) as client:
            double.model("cut", like="gpt-4o")
            ask: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
            with pytest.raises(openai.APIConnectionError):
                list(client.chat.completions.create(model="cut", **ask))
            assert len(list(client.chat.completions.create(model="fake-t5-d5", **ask))) == 7
        process.terminate()
        assert process.wait(timeout=10) == 0


# The record's bounds


def called(record: Record, size: int) -> None:
    raw = b"x" * size
    call = Call(record.next_number(), openai_wire, "POST", "/", secret="s", host="h", head=b"", raw=raw)
    record.open(call)
    record.end(call, "finished")


def test_record_keeps_the_newest_calls() -> None:
    record = Record()
    for _ in range(CALLS_KEPT + 5):
        called(record, 10)
    assert (len(record.calls), record.calls[0].number, record.counted) == (CALLS_KEPT, 6, CALLS_KEPT + 5)


def test_record_keeps_no_more_than_its_bytes() -> None:
    record = Record()
    for _ in range(5):
        called(record, BYTES_KEPT // 3)
    assert len(record.calls) == 3
    called(record, BYTES_KEPT + 1)
    assert len(record.calls) == 1


def test_record_counts_nothing_that_began_before_it_was_cleared() -> None:
    record = Record()
    call = Call(record.next_number(), openai_wire, "POST", "/", secret="s", host="h", head=b"", raw=b"")
    record.open(call)
    record.clear()
    assert record.stats()["open_calls"] == 1
    record.end(call, "aborted")
    assert (record.stats()["open_calls"], record.stats()["aborted"]) == (0, 0)
