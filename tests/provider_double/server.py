"""The double itself: what it keeps, and which answer a request gets."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from . import anthropic_wire, control, error_modes, fake_models, fault_modes, openai_wire, text_modes
from .answers import Answer, error, whole
from .auth import Auth
from .calls import Call, Record, parsed
from .connection import Connection, Request
from .modes import MODES
from .replies import reply_to, say
from .scripts import Queue
from .wires import Wire

CHAT: dict[str, Wire] = {"/v1/chat/completions": openai_wire, "/v1/messages": anthropic_wire}
MODELS_PATH = "/v1/models"
MISSING_MODEL = "no-such-model"
REDIRECT_HITS_KEPT = 1_000
PARENT_POLL = 1.0  # seconds
MODE_MODULES = (error_modes, fault_modes, text_modes)  # imported for the modes they enter into MODES


class Double:
    """Everything one provider double knows; `pace` holds the delays of its usual answer, in ms."""

    def __init__(
        self, pace: dict[str, float] | None = None, on_end: Callable[[Call], None] | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.record = Record(on_end)
        self.queue = Queue()
        self.auth = Auth()
        self.pace: dict[str, Any] = dict(pace or {})
        self.connections: set[Connection] = set()
        self.redirect_hits: deque[dict[str, Any]] = deque(maxlen=REDIRECT_HITS_KEPT)

    def answer(self, request: Request) -> tuple[Answer, Call | None]:
        """The answer to a request, and its call where it was one to a provider."""
        path, _, query = request.target.partition("?")
        if path.startswith(control.PREFIX):
            return control.answer(self, request, path, dict(parse_qsl(query))), None
        call = self.read(request, path)
        self.record.open(call)
        return self.respond(call, query), call

    def read(self, request: Request, path: str) -> Call:
        """The call that this request makes, with its body where there is a good one."""
        headers = request.headers
        wire = CHAT.get(path) or wire_by_headers(headers)
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
        body = parsed(request.body) if path in CHAT else None
        if isinstance(body, dict):
            call.read(body)
        return call

    def respond(self, call: Call, query: str) -> Answer:
        """Answer path, method, secret and body in that order; a script sees only calls whose secret was accepted."""
        chat = call.path in CHAT
        if not chat and not call.path.startswith(MODELS_PATH):
            return error(call, "path", detail=f"{call.method} {call.path}")
        if call.method != ("POST" if chat else "GET"):
            return error(call, "method", detail=f"{call.method} {call.path}")
        refused = self.auth.refusal(call.secret)
        if refused:
            return error(call, refused)
        if not chat:
            return self.list_models(call, dict(parse_qsl(query)))
        if not call.body and parsed(call.raw) != {}:
            return error(call, "json")
        return self.reply(call)

    def reply(self, call: Call) -> Answer:
        """A reply as scripted, as its model's name asks, or as usual."""
        complaint = call.wire.complaint(call)
        if complaint:
            return error(call, "invalid", detail="|".join(complaint))
        if len(self.queue) and (scripted := self.scripted(call)):
            return scripted
        spec = fake_models.parts_of(call.model)
        if spec is not None:
            return fake_models.answer(call, spec)
        if call.model.startswith("fake-") or MISSING_MODEL in call.model:
            return error(call, "model")
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
        ids = list(call.wire.MODELS)
        name = call.path.removeprefix(MODELS_PATH).removeprefix("/")
        call.listing = call.wire.model(name) if name else call.wire.models(ids, query)
        call.model = name
        if len(self.queue) and (scripted := self.scripted(call)):
            return scripted
        if name and name not in ids and fake_models.parts_of(name) is None:
            return error(call, "model")
        return whole(call, call.listing)


def wire_by_headers(headers: dict[str, str]) -> Wire:
    """The provider whose dialect the headers are in; only the model list needs to be told apart so."""
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
    """Set `stop` once the parent has gone: a test run that is killed must leave no process behind."""
    own = os.getppid() == parent
    while lives(parent) and (os.getppid() == parent or not own):  # noqa: ASYNC110 (no event tells of the death of another process)
        await asyncio.sleep(PARENT_POLL)
    stop.set()


def lives(process: int) -> bool:
    """Whether the process is there and has not ended; a zombie, whose own parent has not looked yet, has."""
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text(encoding="latin-1")
    except ProcessLookupError:
        return False
    except OSError:
        return True  # not ours to signal, or no /proc here: it is there
    return status.rpartition(")")[2].split()[0] != "Z"
