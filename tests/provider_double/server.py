"""The double itself: its state, and which answer a request gets."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from . import (
    anthropic_wire,
    control,
    error_modes,
    fake_models,
    fault_modes,
    openai_wire,
    raw_modes,
    text_modes,
    thinking_modes,
)
from .answers import Answer, error, refuse, whole
from .auth import Auth
from .calls import Call, Record, parsed
from .connection import Connection, Request
from .modes import MODES
from .refusals import Refusal
from .replies import reply_to, say
from .roster import Roster, shown
from .scripts import Queue
from .wires import Wire

WIRES: dict[str, Wire] = {"openai": openai_wire, "anthropic": anthropic_wire}
CHAT: dict[str, Wire] = {"/v1/chat/completions": openai_wire, "/v1/messages": anthropic_wire}
MODELS_PATH = "/v1/models"
REDIRECT_HITS_KEPT = 1_000
PARENT_POLL = 1.0  # seconds
# These modules are imported because they register their modes in MODES.
MODE_MODULES = (error_modes, fault_modes, raw_modes, text_modes, thinking_modes)


class Double:
    """The state of one provider double. `pace`: the delays of its usual answer, in ms. `day`: its date of today,
    YYYY-MM-DD."""

    def __init__(
        self,
        pace: dict[str, float] | None = None,
        on_end: Callable[[Call], None] | None = None,
        day: str | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.record = Record(on_end)
        self.queue = Queue()
        self.auth = Auth()
        self.roster = Roster(day)
        self.pace: dict[str, Any] = dict(pace or {})
        self.connections: set[Connection] = set()
        self.redirect_hits: deque[dict[str, Any]] = deque(maxlen=REDIRECT_HITS_KEPT)

    def answer(self, request: Request) -> tuple[Answer, Call | None]:
        """The answer to a request, and its call if it was one to a provider."""
        path, _, query = request.target.partition("?")
        if path.startswith(control.PREFIX):
            return control.answer(self, request, path, dict(parse_qsl(query))), None
        call = self.read(request, *named(path))
        self.record.open(call)
        return self.respond(call, request.headers, query), call

    def read(self, request: Request, provider: str, path: str) -> Call:
        """The call that this request makes, with its body if that is valid."""
        headers = request.headers
        wire = WIRES.get(provider) or CHAT.get(path) or wire_by_headers(headers)
        call = Call(
            self.record.next_number(),
            wire,
            request.method,
            path,
            secret=wire.secret_of(headers),
            host=headers.get("host", ""),
            head=request.head,
            raw=request.body,
        )
        call.version = headers.get("anthropic-version", "")
        call.day = self.roster.day(call.at)
        body = parsed(request.body) if path in CHAT else None
        if isinstance(body, dict):
            call.read(body)
        return call

    def respond(self, call: Call, headers: dict[str, str], query: str) -> Answer:
        """Check path, method, secret, headers and body in that order. A script gets only calls that a provider would
        accept."""
        chat = call.path in CHAT
        if not chat and not call.path.startswith(MODELS_PATH):
            return error(call, "path", detail=f"{call.method} {call.path}")
        if call.method != ("POST" if chat else "GET"):
            return error(call, "method", detail=f"{call.method} {call.path}")
        refused = self.auth.refusal(call.secret, call.wire.PROVIDER, chat)
        if refused:
            return error(call, refused)
        complaint = call.wire.by_headers(headers, chat)
        if complaint:
            return refuse(call, complaint)
        if not chat:
            return self.list_models(call, several(parse_qsl(query)))
        if not call.body and parsed(call.raw) != {}:
            return error(call, "json")
        return self.reply(call)

    def reply(self, call: Call) -> Answer:
        """A reply as scripted, as its model's name asks, or as usual. A script may also answer for an unknown model."""
        complaint = call.wire.by_form(call)
        known = self.roster.find(call.wire.PROVIDER, call.model)
        if known is not None and complaint is None:
            complaint = call.wire.by_model(call, known, known.gone(call.day))
        if complaint:
            return refuse(call, complaint)
        if known is not None:
            call.thinks = call.wire.thinking_tokens(call, known)
        if len(self.queue) and (scripted := self.scripted(call)):
            return scripted
        if known is None:
            return error(call, "model")
        spec = fake_models.parts_of(call.model)
        if spec is not None:
            return fake_models.answer(call, spec)
        return say(call, reply_to(call, self.pace))

    def scripted(self, call: Call) -> Answer | None:
        """The answer of the next script that matches, if one does."""
        script = self.queue.take(call)
        if script is None:
            return None
        call.mode = script.mode
        return MODES[script.mode].build(call, script.params)

    def list_models(self, call: Call, query: dict[str, str]) -> Answer:
        """The model list, or one model of it."""
        wire, day = call.wire, call.day
        name = call.path.removeprefix(MODELS_PATH).removeprefix("/")
        call.model = name
        known = self.roster.find(wire.PROVIDER, name) if name else None
        if name:
            listing: bytes | Refusal = dumps(wire.row(known or shown(wire.PROVIDER, name), day)).encode()
        else:
            rows = [
                wire.row(one, day)
                for one in self.roster.listed(wire.PROVIDER)
                if wire.is_listed(one, day, query)
            ]
            listing = wire.models(rows, query)
        if isinstance(listing, Refusal):
            return refuse(call, listing)
        call.listing = listing
        if len(self.queue) and (scripted := self.scripted(call)):
            return scripted
        if name and (known is None or (wire.PROVIDER == "openai" and known.gone(day))):
            return error(call, "model")
        return whole(call, listing)


def several(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Query parameters by name; one that was given several times, or as a list, has its values split by commas."""
    query: dict[str, str] = {}
    for name, value in pairs:
        name = name.removesuffix("[]")
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def named(path: str) -> tuple[str, str]:
    """The provider that `path` begins with, or an empty string, and the path at that provider."""
    name, _, rest = path[1:].partition("/")
    return (name, f"/{rest}") if name in WIRES else ("", path)


def wire_by_headers(headers: dict[str, str]) -> Wire:
    """The provider whose headers these are. Only calls of the model list need this to be told apart."""
    anthropic = "anthropic-version" in headers or "x-api-key" in headers
    return anthropic_wire if anthropic else openai_wire


async def serve(
    host: str, port: int, *, ready: Callable[[int], None], parent: int | None = None, **double: Any
) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent process has gone. `ready` is given the port."""
    made = Double(**double)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            made.loop.add_signal_handler(name, stop.set)
    server = await made.loop.create_server(lambda: Connection(made), host, port, backlog=2048)
    ready(server.sockets[0].getsockname()[1])
    watch = made.loop.create_task(watch_parent(parent, stop)) if parent else None
    await stop.wait()
    if watch:
        watch.cancel()
    server.close()
    for connection in list(made.connections):
        if connection.transport is not None:
            connection.transport.abort()


async def watch_parent(parent: int, stop: asyncio.Event) -> None:
    """Set `stop` once the parent has gone, so that a killed test run leaves no process behind."""
    own = os.getppid() == parent
    while lives(parent) and (os.getppid() == parent or not own):  # noqa: ASYNC110 (no event tells of the death of another process)
        await asyncio.sleep(PARENT_POLL)
    stop.set()


def lives(process: int) -> bool:
    """Whether the process is running. A zombie, whose parent has not collected it yet, is not."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text(encoding="latin-1")
    except ProcessLookupError:
        return False
    except OSError:
        return True  # the process exists, but we may not signal it or there is no /proc
    return status.rpartition(")")[2].split()[0] != "Z"
