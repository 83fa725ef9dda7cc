"""Sending, watching and stopping replies at the real server, as the playground's script does."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings

from agents.models import Agent
from llm import byo, keys
from llm.providers import roster
from llm.vault import Secret
from tests.harness.visitor import Visitor
from workspaces.models import Workspace

# Every provider that takes keys; and the mark of a test that runs once with each.
PROVIDERS = [one.name for one in roster.KEYED]
each_provider = pytest.mark.parametrize("provider", PROVIDERS)

# Not real keys, and long enough that no nine characters of them occur elsewhere by chance.
PLATFORM_SECRETS = {
    "openai": "sk-wJ3rZq8TgT7yQ2wX9rKd4mNb8vLc5sPf1zHj6aUeGi3oWtY0",
    "anthropic": "sk-ant-mV5xKs1DhU8zR3xY0sLe5nOc9wMd6tQg2aIk7bVfHj4pX",
}
ACME_SECRETS = {
    "openai": "sk-ACMEOWNkLm3Xq9Zt5Vw2Rb7Yn4Hc8Jd6Fs1Gp0TuAeIoBvCxM",
    "anthropic": "sk-ant-ACMEOWNmNo4Yr0Au6Wx3Sc8Zp5Id9Ke7Gt2Hq1UvBfJpCw",
}
# A chat model of each provider, and what a reply by it costs.
MODELS = {"openai": ("gpt-4o", 5), "anthropic": ("claude-sonnet-4-6", 4)}

EVENT_STREAM = "text/event-stream"
# The Accept header by which the playground's script asks for a stream.
FOR_THE_PAGE = f"{EVENT_STREAM};turn=html"
TERMINAL = ("done", "error")


@dataclass(frozen=True)
class Event:
    id: str
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """All that one watcher was shown."""

    events: list[Event]

    @property
    def text(self) -> str:
        return "".join(event.data["text"] for event in self.events if event.kind == "text")

    @property
    def end(self) -> Event:
        """The one terminal event; fails when there are none, several, or it is not the last."""
        assert [event.kind in TERMINAL for event in self.events].index(True) == len(self.events) - 1, (
            self.events
        )
        return self.events[-1]


def platform_key(provider: str = "openai", secret: str = "") -> None:
    """The platform's own key of `provider`."""
    keys.replace(None, provider=provider, secret=Secret(secret or PLATFORM_SECRETS[provider]))


def bring_key(workspace: Workspace, provider: str = "openai", secret: str = "") -> None:
    """A key of the workspace's own, with BYO turned on."""
    keys.replace(workspace, provider=provider, secret=Secret(secret or ACME_SECRETS[provider]))
    byo.set_byo(workspace, enabled=True, by=None)


def csrf(visitor: Visitor) -> str:
    """A CSRF token for the visitor's cookie, made without loading a page."""
    if settings.CSRF_COOKIE_NAME not in visitor.cookies:
        visitor.cookies.set(settings.CSRF_COOKIE_NAME, uuid4().hex, domain="127.0.0.1")
    return str(visitor.cookies[settings.CSRF_COOKIE_NAME])


def messages_path(agent: Agent) -> str:
    return f"/w/{agent.workspace.slug}/agents/{agent.pk}/messages/"


def send(
    visitor: Visitor,
    agent: Agent,
    text: str = "Hello there",
    *,
    accept: str = "application/json",
    **fields: Any,
) -> httpx.Response:
    """One press of Send; give `idempotency_key` to press it again."""
    fields.setdefault("idempotency_key", uuid4().hex)
    headers = {"accept": accept, "x-csrftoken": csrf(visitor)}
    return visitor.post(messages_path(agent), data={"text": text, **fields}, headers=headers)


def lasting(end: dict[str, Any]) -> dict[str, Any]:
    """The lasting part of a terminal event: all except the credits left at that moment."""
    return {name: value for name, value in end.items() if name not in ("available", "held")}


def accepted(visitor: Visitor, agent: Agent, text: str = "Hello there", **fields: Any) -> dict[str, str]:
    """Send and expect to be accepted; returns the reply's id, conversation and stream."""
    response = send(visitor, agent, text, **fields)
    assert response.status_code == 202, response.text
    where: dict[str, str] = response.json()
    return where


def refusal(response: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refused message."""
    return response.status_code, response.json()["error"]["code"]


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Server-sent events out of lines as they come; comments are dropped."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "event" in fields:
                yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def sse_lines(response: httpx.Response) -> Iterator[str]:
    """The lines of an event stream: split where the protocol says, not at every odd blank in a text."""
    rest = ""
    for piece in response.iter_text():
        *lines, rest = (rest + piece).split("\n")
        yield from lines


def live_events(
    visitor: Visitor, url: str, *, last_event_id: str = "", accept: str = EVENT_STREAM
) -> Iterator[Event]:
    """Events as they arrive; closing the iterator leaves the stream, as closing a tab does."""
    headers = {"accept": accept} | ({"last-event-id": last_event_id} if last_event_id else {})
    with visitor.stream("GET", url, headers=headers) as response:
        assert response.headers["content-type"] == EVENT_STREAM, response.read()
        yield from parse_events(sse_lines(response))


def watch(visitor: Visitor, url: str, *, last_event_id: str = "") -> Watched:
    """Watch a reply until its terminal event."""
    return Watched(list(live_events(visitor, url, last_event_id=last_event_id)))


def turn_of(visitor: Visitor, url: str) -> str:
    """The HTML of the finished turn, which the last event of a stream brings."""
    return str(list(live_events(visitor, url, accept=FOR_THE_PAGE))[-1].data["turn"])


def talk(visitor: Visitor, agent: Agent, text: str = "Hello there", **fields: Any) -> Watched:
    """Send a message and watch its reply to the end."""
    return watch(visitor, accepted(visitor, agent, text, **fields)["stream"])


def stop(visitor: Visitor, slug: str, reply_id: str) -> httpx.Response:
    headers = {"accept": "application/json", "x-csrftoken": csrf(visitor)}
    return visitor.post(f"/w/{slug}/replies/{reply_id}/stop/", headers=headers)


def receipt(visitor: Visitor, slug: str, reply_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = visitor.get(
        f"/w/{slug}/replies/{reply_id}/", headers={"accept": "application/json"}
    ).json()
    return shown
