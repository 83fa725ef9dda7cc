"""Many people pressing Send at once, each watching the reply in the answer to the message itself."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
from django.conf import settings

from agents.models import Agent
from tests.harness.chat import EVENT_STREAM, Event, Watched, messages_path, parse_events
from tests.harness.live import Server

CSRF = "c" * 32


@dataclass(frozen=True)
class Press:
    """One press of Send by the owner of `session`; the key is made with it, as a page would."""

    path: str
    session: str
    text: str = "Hello there"
    key: str = field(default_factory=lambda: uuid4().hex)


def press_by(session: str, agent: Agent, text: str = "Hello there") -> Press:
    return Press(messages_path(agent), session, text)


@dataclass(frozen=True)
class Answered:
    """The result of one press: a status, and either a refusal's code or all events. `seconds`: until the end.

    If the server dies meanwhile, `status` is 0 or the stream has no terminal event.
    """

    status: int
    code: str
    events: list[Event]
    seconds: float

    @property
    def watched(self) -> Watched:
        return Watched(self.events)


async def _send(client: httpx.AsyncClient, press: Press) -> Answered:
    began = time.monotonic()
    status, body = 0, ""
    cookies = f"{settings.SESSION_COOKIE_NAME}={press.session}; {settings.CSRF_COOKIE_NAME}={CSRF}"
    headers = {"accept": EVENT_STREAM, "x-csrftoken": CSRF, "cookie": cookies}
    form = {"text": press.text, "idempotency_key": press.key}
    try:
        async with client.stream("POST", press.path, data=form, headers=headers) as response:
            status = response.status_code
            async for piece in response.aiter_text():
                body += piece
    except httpx.HTTPError:
        pass  # what came until then is what there is
    if status != 200:
        code = httpx.Response(status, text=body).json()["error"]["code"] if body else ""
        return Answered(status, code, [], time.monotonic() - began)
    return Answered(status, "", list(parse_events(body.split("\n"))), time.monotonic() - began)


async def _send_all(server: Server, presses: Sequence[Press], patience: float) -> list[Answered]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.url, limits=limits, timeout=patience, trust_env=False
    ) as client:
        return await asyncio.gather(*(_send(client, press) for press in presses))


def press_all(server: Server, presses: Sequence[Press], *, patience: float = 120) -> list[Answered]:
    """Press all at the same moment; returns the answers in the same order."""
    return asyncio.run(_send_all(server, presses, patience))
