"""Calls and their record: what a client sent, with which secret, and how the call ended."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from time import time
from typing import Any, NamedTuple

from .wires import Wire

CALLS_KEPT = 20_000
BYTES_KEPT = 64 * 1024 * 1024
SECRETS_COUNTED = 20_000


class Told(NamedTuple):
    """Figures that an answer gives in place of the true ones: tokens of the prompt, read from a cache, written to a cache,
    in the first event only, and of the whole output; and the category of a refusal."""

    prompt: int | None = None
    cached: int = 0
    written: int = 0
    at_start: int | None = None
    output: int | None = None
    category: str | None = None


class Headroom(NamedTuple):
    """What is left by the rate-limit headers, and in how many seconds the limit is full again."""

    requests: int = 4_999
    tokens: int = 399_000
    seconds: int = 1


NOTHING_TOLD = Told()
USUAL_HEADROOM = Headroom()


class Call:
    """One request to a provider's endpoint.

    The request is kept as received bytes, so that recording is cheap and leaves few objects to the garbage collector.
    `body`, the parsed form, is dropped as soon as the call has ended.
    """

    __slots__ = (
        "at",
        "body",
        "day",
        "ended_at",
        "head",
        "headroom",
        "host",
        "listing",
        "method",
        "mode",
        "model",
        "number",
        "outcome",
        "path",
        "raw",
        "secret",
        "status",
        "stream",
        "thinks",
        "thought",
        "told",
        "version",
        "wire",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        wire: Wire,
        method: str,
        path: str,
        *,
        secret: str,
        host: str,
        head: bytes,
        raw: bytes,
    ) -> None:
        self.number = number
        self.wire = wire
        self.method = method
        self.path = path
        self.secret = secret
        self.host = host
        self.head = head
        self.raw = raw
        self.model = ""
        self.stream = False
        self.body: dict[str, Any] = {}
        self.at = time()
        self.ended_at: float | None = None
        self.status = 0
        self.outcome = "open"
        self.mode = ""
        self.listing: bytes | None = None  # the response's body, if the call asks for models
        self.version = ""  # the protocol version that the client named, if the provider has such versions
        self.day = ""
        self.thinks = 0  # how many tokens the model thinks before it answers
        self.thought = 0  # how many tokens of thinking the answer counts
        self.told = NOTHING_TOLD
        self.headroom = USUAL_HEADROOM

    def read(self, body: dict[str, Any]) -> None:
        """Take over the parsed request body."""
        self.body = body
        model = body.get("model")
        self.model = model if isinstance(model, str) else ""
        self.stream = body.get("stream") is True

    def messages(self) -> Iterator[tuple[str, str]]:
        """Role and plain text of each message, whether its content is a string or a list of parts."""
        for message in self.body.get("messages") or ():
            if isinstance(message, dict):
                yield str(message.get("role")), plain_text(message.get("content"))

    def question(self) -> str:
        """The text of the last user message, or nothing."""
        return next((text for role, text in reversed(list(self.messages())) if role == "user"), "")

    def prompt_tokens(self) -> int:
        """About one token for four characters, as in the providers' rule of thumb; at least 1."""
        if self.told.prompt is not None:
            return self.told.prompt
        size = len(plain_text(self.body.get("system")))
        for message in self.body.get("messages") or ():
            content = message.get("content") if isinstance(message, dict) else None
            size += len(content if isinstance(content, str) else plain_text(content))
        return max(1, size // 4)

    def as_dict(self, bodies: bool = True) -> dict[str, Any]:
        """The call as the control plane lists it: the secret and headers as received, the body parsed again."""
        shown: dict[str, Any] = {
            "number": self.number, "provider": self.wire.PROVIDER, "method": self.method, "path": self.path,
            "secret": self.secret, "host": self.host, "model": self.model, "stream": self.stream, "at": self.at,
            "ended_at": self.ended_at, "status": self.status, "outcome": self.outcome, "mode": self.mode,
        }  # fmt: skip
        if bodies:
            body = parsed(self.raw)
            shown["headers"] = dict(header_lines(self.head))
            shown["body"] = body
            shown["messages"] = body.get("messages", []) if isinstance(body, dict) else []
        return shown


class Record:
    """The newest calls, up to a number and a size, and counts of all calls since the last clearing."""

    def __init__(self, on_end: Callable[[Call], None] | None = None) -> None:
        self.calls: deque[Call] = deque()
        self.held_bytes = 0
        self.number = 0
        self.open_calls = 0
        self.open_streams = 0
        self.on_end = on_end
        self.clear()

    def clear(self) -> None:
        """Forget past calls and their counts. Calls that are open stay counted as open."""
        self.calls.clear()
        self.cleared_at = self.number
        self.held_bytes = 0
        self.counted = 0
        self.ended = {"finished": 0, "aborted": 0, "cut": 0}
        self.streams_ended = {"finished": 0, "aborted": 0, "cut": 0}
        self.by_secret: dict[str, int] = {}

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def open(self, call: Call) -> None:
        """Record a call that has just been read, and drop the oldest if there are too many."""
        self.calls.append(call)
        self.counted += 1
        self.held_bytes += len(call.head) + len(call.raw)
        while len(self.calls) > CALLS_KEPT or (self.held_bytes > BYTES_KEPT and len(self.calls) > 1):
            old = self.calls.popleft()
            self.held_bytes -= len(old.head) + len(old.raw)
        self.open_calls += 1
        self.open_streams += call.stream
        known = self.by_secret.get(call.secret)
        if known is not None or len(self.by_secret) < SECRETS_COUNTED:
            self.by_secret[call.secret] = (known or 0) + 1

    def end(self, call: Call, outcome: str) -> None:
        """Record how a call ended: finished (all was sent), aborted (by the client) or cut (by the double)."""
        call.outcome = outcome
        call.ended_at = time()
        call.body = {}
        self.open_calls -= 1
        self.open_streams -= call.stream
        if call.number > self.cleared_at:
            self.ended[outcome] += 1
            self.streams_ended[outcome] += call.stream
        if self.on_end:
            self.on_end(call)

    def stats(self) -> dict[str, Any]:
        """Counts for the control plane; streams are also counted within calls."""
        return {
            "calls": self.counted, "open_calls": self.open_calls, "open_streams": self.open_streams, **self.ended,
            "streams": dict(self.streams_ended), "calls_per_secret": dict(self.by_secret),
        }  # fmt: skip


def plain_text(content: object) -> str:
    """The text of a message's content: a string, or the text parts of a list joined."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def header_lines(head: bytes) -> Iterator[tuple[str, str]]:
    """Names (lower case) and values of a request head's lines after the first."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def parsed(raw: bytes) -> Any:
    """The JSON value in these bytes, or None where there is none."""
    try:
        return json.loads(raw.decode())
    except (ValueError, RecursionError):
        return None
