"""A client of the control plane, for tests: start a double, tell it how to behave, ask what it saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parents[2]
LINE = "provider double listening on "
START_SECONDS = 20.0
STOP_SECONDS = 5.0

# The double is on loopback, so a proxy from the environment must not be used.
OPENER = build_opener(ProxyHandler({}))


class DoubleError(RuntimeError):
    """The double did not start, or refused a control request; the text says why."""


class Double:
    """One provider double in a process of its own, which ends with this process whatever happens.

    `with Double() as double:` starts and stops it; `start()` and `stop()` do the same by hand.
    """

    def __init__(self, *, port: int = 0, options: tuple[str, ...] = ()) -> None:
        self.port = port
        self.options = options
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Double:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def openai_base_url(self) -> str:
        """The value for OPENAI_BASE_URL."""
        return f"{self.url}/v1"

    @property
    def anthropic_base_url(self) -> str:
        """The value for ANTHROPIC_BASE_URL."""
        return self.url

    def start(self) -> Double:
        """Start the process and wait until it listens. Raises DoubleError when it does not."""
        command = [sys.executable, "-m", "tests.provider_double", "--quiet", "--port", str(self.port)]
        command += ["--parent-pid", str(os.getpid()), *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        line = self.first_line()
        if not line.startswith(LINE):
            self.stop()
            raise DoubleError(f"the provider double did not start: {line or 'it said nothing'}")
        self.url = line.removeprefix(LINE)
        return self

    def first_line(self) -> str:
        """The first line that the process prints, or an empty one if it takes too long."""
        lines: list[str] = []
        assert self.process is not None
        assert self.process.stdout is not None
        reader = threading.Thread(target=lambda out: lines.append(out.readline()), args=[self.process.stdout])
        reader.daemon = True
        reader.start()
        reader.join(START_SECONDS)
        return lines[0].strip() if lines else ""

    def stop(self) -> None:
        """Stop the process. May be called again."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    def script(
        self, mode: str, *, times: int | None = 1, match: dict[str, str] | None = None, **params: Any
    ) -> list[dict[str, Any]]:
        """Let the next matching calls take this mode (times=None: all from now on); returns the queue.

        `match` may name secret, model, provider and path. Parameters are those that `--list` shows.
        """
        asked = {"mode": mode, "params": params, "times": times, "match": match or {}}
        queued: list[dict[str, Any]] = self.ask("POST", "script", asked)["queued"]
        return queued

    def clear_scripts(self) -> None:
        self.ask("DELETE", "script")

    def calls(self, *, after: int = 0, limit: int = 0, bodies: bool = True) -> list[dict[str, Any]]:
        """The recorded calls, oldest first: those numbered above `after`, the newest `limit` (0: all kept)."""
        listed: list[dict[str, Any]] = self.ask(
            "GET", f"calls?after={after}&limit={limit}&bodies={bodies:d}"
        )["calls"]
        return listed

    def clear(self) -> None:
        """Forget scripts, calls, counts, redirect hits, revoked secrets, registered models and the day, as between two
        tests."""
        for what in ("script", "calls", "revoked", "models", "today"):
            self.ask("DELETE", what)

    def stats(self) -> dict[str, Any]:
        """Counts: calls, open_calls, open_streams, finished, aborted, cut, streams, calls_per_secret, connections."""
        counts: dict[str, Any] = self.ask("GET", "stats")
        return counts

    def revoke(self, secret: str) -> None:
        """Reject this secret from now on, as a provider rejects a revoked one."""
        self.ask("POST", "revoked", {"secret": secret})

    def model(self, name: str, *, like: str, gone_on: str | None = None) -> None:
        """Add a model that behaves like the model `like`. From `gone_on` on, calls for it are refused."""
        self.ask("POST", "models", {"id": name, "like": like, "gone_on": gone_on})

    def today(self, day: str) -> None:
        """Set today's date, YYYY-MM-DD, which decides which models are gone or deprecated."""
        self.ask("POST", "today", {"today": day})

    def redirect_hits(self) -> list[dict[str, Any]]:
        """The requests that followed a redirect, with their headers."""
        hits: list[dict[str, Any]] = self.ask("GET", "redirect-target")["hits"]
        return hits

    def ask(self, method: str, what: str, body: Any = None) -> Any:
        """Send one control request. Raises DoubleError with the double's message if it refuses."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310 (the address is the one our own process printed)
            f"{self.url}/__double/{what}", data, {"content-type": "application/json"}, method=method
        )
        try:
            with OPENER.open(request, timeout=30) as response:
                return json.load(response)
        except HTTPError as refused:
            with refused:
                raise DoubleError(json.load(refused).get("error", refused.reason)) from None
