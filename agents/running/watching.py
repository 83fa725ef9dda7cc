"""Showing a reply as server-sent events: live from this process, or through the database from another.

The `id` of an event is how many characters of text the watcher has after it, or `end` for the last event. So a
browser's `Last-Event-ID` says where to resume, in any process.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol
from uuid import UUID

from django.utils import timezone

from agents import actions, rendering, wording
from agents.models import Reply
from agents.reading.live import LiveText
from agents.running import database, lookout, runs
from agents.running.lookout import Followed
from agents.running.runs import Run
from billing.ledger import Balance
from billing.models import Account
from llm import profiles
from llm.routing import Credential
from workspaces.models import Role

# Seconds between comments, which keep proxies from closing a silent stream.
COMMENT_SECONDS = 10.0
# A chat model that can think and has sent nothing for this long is shown as thinking.
THINKING_AFTER_SECONDS = 1.0
END = "end"

# The terminal event of a reply that was deleted while it was watched, for instance with its workspace.
GONE = {
    "state": Reply.State.FAILED.value,
    "ending": Reply.Ending.FAILED.value,
    "code": "not_found",
    "text": "",
    "charged": 0,
    "actions": [],
    "message": "This reply is no more: it was deleted.",
}
# Called with a reply's id and its reader's role, in a database thread.
More = Callable[[UUID, Role], dict[str, Any]]
log = logging.getLogger(__name__)
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def frame(event: str, event_id: int | str, data: dict[str, Any]) -> bytes:
    return f"id: {event_id}\nevent: {event}\ndata: {_dumps(data)}\n\n".encode("utf-8", "replace")


def resume_point(last_event_id: str) -> int | str:
    """How many characters were already seen, by a Last-Event-ID header; an unreadable header counts as none."""
    if last_event_id == END:
        return END
    return (
        int(last_event_id)
        if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 10
        else 0
    )


async def watch(
    reply_id: UUID, seen: int | str = 0, *, role: Role = Role.VIEWER, more: More | None = None
) -> AsyncIterator[bytes]:
    """The events of a reply from where the watcher was, ending in exactly one terminal event.

    `role`: the watcher's role, which decides what a failure message tells. `more`: a function called once the reply
    is stored, whose result is added to the terminal event; by default the credits that are left. When it fails, the
    event is sent without the addition.
    """
    run = runs.find(reply_id)
    following = (
        watch_run(run, seen, role=role, more=more)
        if run
        else _watch_stored(reply_id, seen, role=role, more=more)
    )
    async for event in following:
        yield event


async def watch_run(
    run: Run, seen: int | str = 0, *, role: Role = Role.VIEWER, more: More | None = None
) -> AsyncIterator[bytes]:
    """Like `watch`, for a run of this process. Wakes only when there is something to show."""
    offset = seen if isinstance(seen, int) else 0
    yield frame("sources", offset, {"sources": run.accepted.sources})
    live = _live_text(run.accepted.reply_id, run.accepted.sources) if more else None
    async for event in _as_it_comes(_OfRun(run), offset, live):
        yield event
    if run.finished:  # always by now
        yield await _terminal(run.finished, run.accepted.slug, role=role, more=more, balance=run.balance)


def _live_text(reply_id: UUID, sources: list[dict[str, str]]) -> LiveText:
    return LiveText(rendering.anchor(reply_id), len(sources))


def _html(live: LiveText, offset: int) -> bytes:
    """For the page: the HTML of the text so far, from the first changed block on."""
    update = live.render()
    return frame("html", offset, {"from": update.start, "html": update.html, "rest": update.rest})


async def _watch_stored(
    reply_id: UUID, seen: int | str, *, role: Role, more: More | None
) -> AsyncIterator[bytes]:
    """Follow a run of another process, or replay a finished reply, from the database."""
    reply = await lookout.find(reply_id)
    offset = seen if isinstance(seen, int) else 0
    if seen != END:
        yield frame("sources", offset, {"sources": reply.sources})
    if reply.is_running:
        live = _live_text(reply_id, reply.sources) if more else None
        async with lookout.following(reply) as followed:
            async for event in _as_it_comes(_OfAnother(followed), offset, live):
                yield event
            reply, offset = followed.reply, max(offset, len(followed.text))
        if followed.is_gone:
            yield frame("error", END, GONE)
            return
    missed = reply.text[offset:] if seen != END else ""
    if missed:
        offset += len(missed)
        yield frame("text", offset, {"text": missed})
    yield await _terminal(reply, reply.workspace.slug, role=role, more=more)


class _Coming(Protocol):
    """A running reply for one watcher, whichever process runs it. `beyond`: its text after the first `offset` characters."""

    @property
    def text(self) -> str: ...
    @property
    def is_over(self) -> bool: ...
    @property
    def thinking_seconds(self) -> int | None: ...
    def has_beyond(self, offset: int) -> bool: ...
    def beyond(self, offset: int) -> str: ...
    async def changed(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None: ...


class _OfRun:
    """A run of this process. `beyond` joins only the new pieces: joining all of them each time would take quadratic time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pieces = self._characters = 0  # read by `beyond` so far
        self.changed = run.changed

    @property
    def text(self) -> str:
        return self._run.text

    @property
    def is_over(self) -> bool:
        return self._run.finished is not None

    @property
    def thinking_seconds(self) -> int | None:
        return self._run.thinking_seconds

    def has_beyond(self, offset: int) -> bool:
        return len(self._run.pieces) > self._pieces

    def beyond(self, offset: int) -> str:
        fresh = self._run.pieces[self._pieces :]
        if not fresh:
            return ""
        text, before = "".join(fresh), self._characters
        self._pieces += len(fresh)
        self._characters += len(text)
        return text[max(0, offset - before) :]


class _OfAnother:
    """A run of another process, read from the database."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self.changed = followed.changed

    @property
    def text(self) -> str:
        return self._followed.text

    @property
    def is_over(self) -> bool:
        return self._followed.is_over

    @property
    def thinking_seconds(self) -> int | None:
        reply = self._followed.reply
        may_think = profiles.by_rules(reply.provider, reply.model_id).may_think
        thinks = reply.credential_kind != Credential.NONE and may_think and not self._followed.text
        return int((timezone.now() - reply.created_at).total_seconds()) if thinks else None

    def has_beyond(self, offset: int) -> bool:
        return len(self._followed.text) > offset

    def beyond(self, offset: int) -> str:
        return self._followed.text[offset:]


async def _as_it_comes(coming: _Coming, offset: int, live: LiveText | None) -> AsyncIterator[bytes]:
    """The events of a reply from `offset` to its end, except the terminal one."""
    # Looked up once: in Python 3.11 each lookup is a system call.
    loop = asyncio.get_running_loop()
    wait = _until_told(coming.thinking_seconds)
    if live and offset:
        live.add(coming.text[:offset])
    while True:
        missed = coming.beyond(offset)
        if missed:
            offset += len(missed)
            yield frame("text", offset, {"text": missed})
            if live:
                live.add(missed)
        elif coming.is_over:
            if live and live.lacks_its_end:
                # The last HTML goes before the terminal event, so that the end moves nothing on the page.
                yield _html(live, offset)
            return
        elif live and live.wait() == 0:
            yield _html(live, offset)
        else:
            until_html = live.wait() if live else None
            await coming.changed(loop, wait if until_html is None else min(wait, until_html))
            if until_html is not None:
                continue
            wait = COMMENT_SECONDS
            if not coming.has_beyond(offset) and not coming.is_over:
                yield _waiting(offset, coming.thinking_seconds)


def _until_told(thinking_seconds: int | None) -> float:
    """Seconds until the watcher is told that the model thinks; 0 when it has been thinking for longer."""
    return max(0.0, THINKING_AFTER_SECONDS - (thinking_seconds or 0))


def _waiting(offset: int, thinking_seconds: int | None) -> bytes:
    """What to send while there is no text: how long the model has been thinking, or a comment."""
    if thinking_seconds is None:
        return b": waiting\n\n"
    return frame("thinking", offset, {"seconds": thinking_seconds})


async def _terminal(
    reply: Reply, slug: str, *, role: Role, more: More | None, balance: Balance | None = None
) -> bytes:
    """The terminal event. `balance`: what the workspace has left, where that is already known."""
    facts = final_event(reply, slug, role=role)
    if balance and not more:
        facts |= _left(balance)
    else:
        try:
            facts |= await database.run(more or _look, reply.pk, role)
        except Exception as problem:  # the reply is over and settled, and its watcher must be told so
            log.warning("reply %s ends without what is left: %s", reply.pk, type(problem).__name__)
    data = {name: value for name, value in facts.items() if name != "event"}
    return frame(facts["event"], END, data)


def _look(reply_id: UUID, role: Role) -> dict[str, Any]:
    posted, held = Account.objects.values_list("posted", "held").get(workspace__replies=reply_id)
    return _left(Balance(posted, held))


def _left(balance: Balance) -> dict[str, Any]:
    return {"available": balance.available, "held": balance.held}


def final_event(reply: Reply, slug: str, *, role: Role) -> dict[str, Any]:
    """The facts of the terminal event of a reply that has ended: `done`, or `error` with words for its reader."""
    facts = {
        "state": str(reply.state),
        "ending": str(reply.ending),
        "text": reply.text,
        "charged": reply.charged,
        "billing": str(reply.billing),
        "receipt": f"/w/{slug}/replies/{reply.pk}/",
        "actions": actions.of_reply(reply, role=role, slug=slug),
    }
    if reply.state != Reply.State.FAILED:
        return {"event": "done", **facts}
    message = wording.failure(reply, for_admin=role.is_admin)
    return {"event": "error", "code": reply.error_code, "message": message, **facts}
