"""The targets that are measured side by side with the same question: the provider, the LiteLLM proxy, Bookbag."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import uvloop

from bench import load, streams
from bench.machine import Meter

QUESTION = (
    "Could you tell me briefly what a ledger is, and why nobody ever edits one of its lines afterwards?"
)
CSRF = "b" * 32
PROVIDER_SECRET = "sk-bench-provider-secret"


@dataclass(frozen=True)
class Target:
    """Somewhere a chat request can be sent. `request(model, n)` is the n-th request, whole.

    `first` marks the first text in an answer, and `last(tokens)` the ending of a whole one.
    """

    name: str
    port: int
    request: Callable[[str, int], bytes] = field(repr=False)
    first: bytes
    last: Callable[[str], bytes] = field(repr=False)
    pid: int | None = None

    def loop(self, model: str, *, connections: int, seconds: float, warm_up: float = 0.7) -> "Sample":
        """A closed loop of `connections`, measured after a warm-up. Raises when an answer was not whole."""
        if warm_up:
            self._loop(model, connections, warm_up)
        with Meter([self.pid] if self.pid else []) as meter:
            run = self._loop(model, connections, seconds)
        if run.errors or not run.answers:
            raise RuntimeError(
                f"{self.name}, {model}, {connections} at once: {run.errors} of {run.errors + len(run.answers)} failed"
            )
        return Sample(run, meter)

    def _loop(self, model: str, connections: int, seconds: float) -> load.Run:
        return uvloop.run(
            load.closed_loop(
                "127.0.0.1",
                self.port,
                lambda number: self.request(model, number),
                connections=connections,
                seconds=seconds,
                first=self.first,
                last=self.last(model),
            )
        )

    def open_streams(
        self, model: str, *, count: int, tokens: int, seconds: float
    ) -> tuple[streams.Streams, Meter]:
        """`count` streams at once, each read to its end."""
        with Meter([self.pid] if self.pid else []) as meter:
            seen = uvloop.run(
                streams.open_streams(
                    "127.0.0.1",
                    self.port,
                    lambda number: self.request(model, number),
                    count=count,
                    tokens=tokens,
                    last=self.last(""),
                    seconds=seconds,
                    pid=self.pid,
                )
            )
        return seen, meter


@dataclass(frozen=True)
class Sample:
    """One measured stretch: what the clients saw and what the server spent."""

    run: load.Run
    meter: Meter

    @property
    def rate(self) -> float:
        return self.run.rate

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of the server's CPU for each reply."""
        return self.meter.cpu * 1000 / len(self.run.answers)


def token_count(model: str) -> int:
    """How many tokens the provider double's model of this name says."""
    return int(next(part[1:] for part in model.split("-") if part.startswith("t")))


def _post(path: str, headers: dict[str, str], body: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def provider(
    name: str, port: int, *, secret: str = PROVIDER_SECRET, stream: bool = True, pid: int | None = None
) -> Target:
    """The provider's own API, at the provider double or at a proxy that speaks it."""

    def request(model: str, number: int) -> bytes:
        messages = [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": QUESTION}]
        body = {"model": model, "messages": messages, "temperature": 0.2}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        return _post("/v1/chat/completions", headers, json.dumps(body))

    def last(model: str) -> bytes:
        return b"[DONE]" if stream else f"t{token_count(model) - 1} ".encode()

    return Target(name, port, request, b'"content":"t', last, pid)


def bookbag(
    name: str,
    port: int,
    seats: list,
    *,
    agent: str = "",
    charged: int = 1,
    for_the_page: bool = False,
    pid: int | None = None,
) -> Target:
    """Bookbag, as a signed-in member asks it: the reply streams back and is settled.

    Each request goes to the next seat; `agent` names another of its agents than the model's own. `for_the_page`: as the
    playground's script asks, with the finished turn as HTML at the end.
    """

    def request(model: str, number: int) -> bytes:
        seat = seats[number % len(seats)]
        agent_id, conversation = seat.agents[agent or model]
        text = QUESTION.replace(" ", "+")
        body = f"text={text}&conversation={conversation}&idempotency_key={uuid4().hex}"
        headers = {
            "Accept": "text/event-stream;turn=html" if for_the_page else "text/event-stream",
            "Cookie": f"session={seat.session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return _post(f"/w/{seat.slug}/agents/{agent_id}/messages/", headers, body)

    def last(model: str) -> bytes:
        if for_the_page:
            return b'"turn":"'
        # The terminal event has the whole text and what was charged; both must be right.
        return f't{token_count(model) - 1} ","charged":{charged},'.encode() if model else b"event: done"

    return Target(name, port, request, b"event: text", last, pid)


def page(name: str, port: int, path: str, session: str, *, pid: int | None = None) -> Target:
    """One page of Bookbag, as a signed-in member opens it."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/html", f"Cookie: session={session}"]
    whole = ("\r\n".join(lines) + "\r\n\r\n").encode()
    return Target(name, port, lambda model, number: whole, b"<main", lambda model: b"</html>", pid)
