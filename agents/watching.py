"""Showing a reply as server-sent events: live from this process, or through the database from another.

Every event carries an `id`: how many characters of text it brings the watcher to (`end` once all is
said), so `Last-Event-ID` resumes anywhere, in any process.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from agents import database, runs, words
from agents.models import Reply
from agents.runs import Run

# Seconds. A comment keeps proxies from closing a silent stream; a foreign run is looked up this often.
COMMENT_SECONDS = 10.0
POLL_SECONDS = 0.5
END = "end"

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def frame(event: str, event_id: int | str, data: dict[str, Any]) -> bytes:
    return f"id: {event_id}\nevent: {event}\ndata: {_dumps(data)}\n\n".encode("utf-8", "replace")


def resume_point(last_event_id: str) -> int | str:
    """Characters already seen, from a Last-Event-ID header; junk starts over."""
    if last_event_id == END:
        return END
    return (
        int(last_event_id)
        if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 10
        else 0
    )


async def watch(reply_id: UUID, seen: int | str = 0) -> AsyncIterator[bytes]:
    """The events of a reply from where the watcher was, ending in exactly one terminal event."""
    run = runs.find(reply_id)
    async for event in watch_run(run, seen) if run else _watch_stored(reply_id, seen):
        yield event


async def watch_run(run: Run, seen: int | str = 0) -> AsyncIterator[bytes]:
    """Follow a run of this process; wakes only when there is something to show."""
    # Asked once: in Python 3.11 each asking is a system call.
    loop = asyncio.get_running_loop()
    offset = seen if isinstance(seen, int) else 0
    yield frame("sources", offset, {"sources": run.accepted.sources})
    shown = 0
    if offset:
        shown = len(run.pieces)
        missed = "".join(run.pieces[:shown])[offset:]
        if missed:
            offset += len(missed)
            yield frame("text", offset, {"text": missed})
    while True:
        fresh = run.pieces[shown:]
        if fresh:
            shown += len(fresh)
            text = "".join(fresh)
            offset += len(text)
            yield frame("text", offset, {"text": text})
        elif run.finished:
            yield _terminal(run.finished)
            return
        else:
            await run.changed(loop, COMMENT_SECONDS)
            if shown == len(run.pieces) and not run.finished:
                yield b": waiting\n\n"


async def _watch_stored(reply_id: UUID, seen: int | str) -> AsyncIterator[bytes]:
    """Follow a run of another process, or replay a finished reply, from the database."""
    offset = seen if isinstance(seen, int) else 0
    told_sources = seen == END
    quiet = 0.0
    while True:
        reply = await database.run(Reply.objects.select_related("workspace").get, pk=reply_id)
        if not told_sources:
            told_sources = True
            yield frame("sources", offset, {"sources": reply.sources})
        missed = reply.text[offset:] if seen != END else ""
        if missed:
            offset += len(missed)
            quiet = 0.0
            yield frame("text", offset, {"text": missed})
        if not reply.is_running:
            yield _terminal(final_event(reply))
            return
        await asyncio.sleep(POLL_SECONDS)
        quiet += POLL_SECONDS
        if quiet >= COMMENT_SECONDS:
            quiet = 0.0
            yield b": waiting\n\n"


def _terminal(facts: dict[str, Any]) -> bytes:
    data = {name: value for name, value in facts.items() if name != "event"}
    return frame(facts["event"], END, data)


def final_event(reply: Reply) -> dict[str, Any]:
    """The terminal event of a stored reply, the same as its run gave."""
    facts = {
        "state": reply.state,
        "text": reply.text,
        "charged": reply.charged,
        "billing": reply.billing,
        "receipt": reply.get_absolute_url(),
    }
    if reply.state != Reply.State.FAILED:
        return {"event": "done", **facts}
    message = words.failure(reply.error_code, failure_facts(reply), for_admin=False)
    return {"event": "error", "code": reply.error_code, "message": message, **facts}


def failure_facts(reply: Reply) -> dict[str, Any]:
    """What words.failure wants to know of a stored reply."""
    status = next(
        (part.removeprefix("HTTP ") for part in reply.error_detail.split(", ") if part.startswith("HTTP ")),
        None,
    )
    return {
        "provider": reply.provider,
        "model": reply.model_name,
        "model_id": reply.model_id,
        "mask": reply.credential_mask,
        "credential_kind": reply.credential_kind,
        "status": status,
        "retry_after": None,
        "attempts": reply.attempts,
    }
