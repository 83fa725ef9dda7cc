"""Two doubles that others wrote, fetched as packages into var/ and run on loopback.

`aimock` from npm and `llmock` from PyPI stand in for OpenAI and Anthropic as their authors understand what both publish.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "var" / "doubles"
AIMOCK, LLMOCK = "@copilotkit/aimock@1.43.0", "llmock==0.2.2"
FETCH_SECONDS, START_SECONDS = 240, 30


class Missing(Exception):
    """Something that a double needs is not on this machine; the text says what."""


def aimock_command() -> list[str]:
    """The command that starts aimock, which is fetched first if it is missing. Raises Missing."""
    if shutil.which("npm") is None:
        raise Missing("npm is missing")
    program = PLACE / "node_modules" / ".bin" / "llmock"
    if not program.exists():
        _fetch(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(PLACE), AIMOCK])
    fixtures = PLACE / "fixtures.json"
    answer = {
        "fixtures": [{"match": {"userMessage": "shop"}, "response": {"content": "The shop opens at nine."}}]
    }
    fixtures.write_text(json.dumps(answer))
    return [str(program), "--fixtures", str(fixtures), "--log-level", "warn"]


def llmock_command() -> list[str]:
    """The command that starts llmock, which is fetched first if it is missing. Raises Missing."""
    program = PLACE / "llmock" / "bin" / "llmock"
    if not program.exists():
        _fetch([sys.executable, "-m", "venv", str(PLACE / "llmock")])
        _fetch([str(PLACE / "llmock" / "bin" / "python"), "-m", "pip", "install", "--quiet", LLMOCK])
    return [str(program), "serve", "--log-level", "warning"]


def _fetch(command: list[str]) -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_SECONDS)
    except (subprocess.SubprocessError, OSError) as problem:
        raise Missing(f"{command[0]} could not fetch it: {type(problem).__name__}") from problem


@contextmanager
def running(command: list[str], *more: str) -> Iterator[str]:
    """Run the double and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise Missing("it did not start")
