"""Sending, watching and stopping, over HTTP to the real server, which calls the provider double."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from agents.knowledge import training
from agents.models import Agent, Reply
from billing import ledger
from llm import byo, keys
from llm.vault import Secret
from tests.harness.cast import Cast, make_agent
from tests.harness.visitor import Visit, Visitor
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

PLATFORM_SECRET = "sk-PLATFORMgT7yQ2wX9rKd4mNb8vLc5sPf1zHj6aUeGi3oWtY0"
ACME_SECRET = "sk-ACMEOWNkLm3Xq9Zt5Vw2Rb7Yn4Hc8Jd6Fs1Gp0TuAeIoBvCxM"


def platform_key(provider: str = "openai", secret: str = PLATFORM_SECRET) -> None:
    keys.replace(None, provider=provider, secret=Secret(secret))


def send(visitor: Visitor, agent: Agent, text: str = "Hello there", *, accept: str = "application/json", **fields: Any) -> httpx.Response:
    fields.setdefault("idempotency_key", uuid4().hex)
    path = f"/w/{agent.workspace.slug}/agents/{agent.pk}/"
    token = visitor.csrf_token(f"{path}playground/")
    return visitor.post(
        f"{path}messages/", data={"text": text, **fields}, headers={"accept": accept, "x-csrftoken": token}
    )


def events(body: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def watch(visitor: Visitor, url: str, **headers: str) -> list[tuple[str, dict[str, Any]]]:
    response = visitor.get(url, headers={"accept": "text/event-stream", **headers})
    assert response.headers["content-type"] == "text/event-stream"
    return events(response.text)


def text_of(seen: list[tuple[str, dict[str, Any]]]) -> str:
    return "".join(data["text"] for kind, data in seen if kind == "text")


def test_a_reply_on_credits_streams_and_costs_the_models_price(cast: Cast, visit: Visit, provider_double: Double) -> None:
    platform_key()
    agent = make_agent(cast.acme, "gpt-4o")
    visitor = visit(cast.edith)

    accepted = send(visitor, agent, "What is a ledger?")
    assert accepted.status_code == 202, accepted.text
    seen = watch(visitor, accepted.json()["stream"])

    kind, done = seen[-1]
    assert (kind, done["state"], done["charged"], done["billing"]) == ("done", "completed", 5, "credits")
    assert text_of(seen) == done["text"] != ""
    assert ledger.balance(cast.acme).posted == 95
    assert [call["secret"] for call in provider_double.calls()] == [PLATFORM_SECRET]
