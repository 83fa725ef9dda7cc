"""Showing a reply as server-sent events: live from this process, or through the database from another.

Every event carries an `id`: how many characters of text it brings the watcher to (`end` once all is
said), so `Last-Event-ID` resumes anywhere, in any process.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from django.utils import timezone

from agents import database, runs, words
from agents.models import Reply
from agents.runs import Run
from llm import profiles

# Seconds. A comment keeps proxies from closing a silent stream; a foreign run is looked up this often.
COMMENT_SECONDS = 10.0
POLL_SECONDS = 0.5
# A model that has said nothing for so long is said to be thinking, if it is one that may.
THINKING_AFTER_SECONDS = 1.0
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


async def watch(reply_id: UUID, seen: int | str = 0, *, for_admin: bool = False) -> AsyncIterator[bytes]:
    """The events of a reply from where the watcher was, ending in exactly one terminal event.

    `for_admin`: the watcher is told of a failure what an admin is.
    """
    run = runs.find(reply_id)
    following = (
        watch_run(run, seen, for_admin=for_admin)
        if run
        else _watch_stored(reply_id, seen, for_admin=for_admin)
    )
    async for event in following:
        yield event


async def watch_run(run: Run, seen: int | str = 0, *, for_admin: bool = False) -> AsyncIterator[bytes]:
    """Follow a run of this process; wakes only when there is something to show."""
    # Asked once: in Python 3.11 each asking is a system call.
    loop = asyncio.get_running_loop()
    offset = seen if isinstance(seen, int) else 0
    yield frame("sources", offset, {"sources": run.accepted.sources})
    shown = 0
    wait = THINKING_AFTER_SECONDS
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
            yield _terminal(run.finished, run.accepted.slug, for_admin=for_admin)
            return
        else:
            await run.changed(loop, wait)
            wait = COMMENT_SECONDS
            if shown == len(run.pieces) and not run.finished:
                yield _waiting(offset, run.thinking_seconds)


async def _watch_stored(reply_id: UUID, seen: int | str, *, for_admin: bool) -> AsyncIterator[bytes]:
    """Follow a run of another process, or replay a finished reply, from the database."""
    offset = seen if isinstance(seen, int) else 0
    told_sources = seen == END
    quiet = 0.0
    wait = THINKING_AFTER_SECONDS
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
            yield _terminal(reply, reply.workspace.slug, for_admin=for_admin)
            return
        await asyncio.sleep(POLL_SECONDS)
        quiet += POLL_SECONDS
        if quiet >= wait:
            quiet, wait = 0.0, COMMENT_SECONDS
            yield _waiting(offset, _thinking_seconds(reply))


def _thinking_seconds(reply: Reply) -> int | None:
    may_think = profiles.by_rules(reply.provider, reply.model_id).may_think
    thinks = reply.credential_kind != "none" and may_think and not reply.text
    return int((timezone.now() - reply.created_at).total_seconds()) if thinks else None


def _waiting(offset: int, thinking_seconds: int | None) -> bytes:
    """Something to send while there is nothing to show: how long the model has been thinking, or a comment."""
    if thinking_seconds is None:
        return b": waiting\n\n"
    return frame("thinking", offset, {"seconds": thinking_seconds})


def _terminal(reply: Reply, slug: str, *, for_admin: bool) -> bytes:
    facts = final_event(reply, slug, for_admin=for_admin)
    data = {name: value for name, value in facts.items() if name != "event"}
    return frame(facts["event"], END, data)


def final_event(reply: Reply, slug: str, *, for_admin: bool = False) -> dict[str, Any]:
    """The one terminal event of a reply that has ended: `done`, or `error` in words for its reader."""
    facts = {
        "state": str(reply.state),
        "ending": str(reply.ending),
        "text": reply.text,
        "charged": reply.charged,
        "billing": str(reply.billing),
        "receipt": f"/w/{slug}/replies/{reply.pk}/",
    }
    if reply.state != Reply.State.FAILED:
        return {"event": "done", **facts}
    message = words.failure(reply, for_admin=for_admin)
    return {"event": "error", "code": reply.error_code, "message": message, **facts}
