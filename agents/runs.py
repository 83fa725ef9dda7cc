"""Runs: the work of a reply, apart from whoever watches it.

A run reads the provider, keeps the text, and settles; closing the tab changes nothing. Watchers
(agents/watching.py) follow a run of this process without polling. One heartbeat a second stores the
new text of all runs, renews their leases and learns of stops asked for elsewhere.

    launch(accepted) ─▶ Run ─▶ pieces … ─▶ outcomes.decide ─▶ settlement.settle ─▶ finished
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from agents import database, faults, local, outcomes, settlement, words
from agents.outcomes import Ending, Verdict
from agents.replies import Accepted
from agents.settlement import Beat, Result
from llm import gateway, keys
from llm.providers.base import Finish, Outcome, ProviderError
from workspaces import tracing

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
# A settle that cannot reach the database is tried this long; then the sweep frees the hold.
SETTLE_SECONDS = 30.0
INTERRUPTED = Verdict("failed", capture=False, error_code="interrupted")

_live: dict[UUID, "Run"] = {}


def find(reply_id: UUID) -> "Run | None":
    """The run of this reply, if this process has it."""
    return _live.get(reply_id)


def launch(accepted: Accepted) -> "Run":
    """Start working on an accepted reply."""
    run = Run(accepted)
    _live[accepted.reply_id] = run
    run.task = asyncio.create_task(run.work())
    return run


class Run:
    """One reply in the making. `pieces` only grows; `finished` is set once it is settled."""

    def __init__(self, accepted: Accepted) -> None:
        self.accepted = accepted
        self.pieces: list[str] = []
        self.room = settings.REPLY_TEXT_BYTES  # bytes of text there may still be
        self.visible = False
        self.finished: dict[str, Any] | None = None
        self.task: asyncio.Task[None] | None = None
        self.first_text_at: datetime | None = None
        self._watchers: set[asyncio.Future[None]] = set()
        self._reading = False
        self._stopping = False
        self._stored_pieces = 0
        self._renewed = time.monotonic()
        self._completion: gateway.Completion | None = None

    # --- for watchers ---

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    async def changed(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Wait until there is more to see, at most `seconds`. `loop` is the running one."""
        news: asyncio.Future[None] = loop.create_future()
        self._watchers.add(news)
        timer = loop.call_later(seconds, _wake, news)
        try:
            await news
        finally:
            timer.cancel()
            self._watchers.discard(news)

    def _tell(self) -> None:
        for news in self._watchers:
            _wake(news)
        self._watchers.clear()

    # --- the work ---

    def stop(self) -> None:
        """A member pressed Stop: end the provider call now, even a silent one. Twice is once."""
        if self._stopping or self.finished:
            return
        self._stopping = True
        self.interrupt()

    def interrupt(self) -> None:
        """End the reading, never the settling."""
        if self._reading and self.task:
            self.task.cancel()

    async def work(self) -> None:
        tracing.reply_id.set(str(self.accepted.reply_id))
        ending, fault, error = Ending.OUR_FAULT, "internal", None
        try:
            ending = await self._read()
        except ProviderError as problem:
            ending, fault, error = Ending.PROVIDER_FAULT, problem.fault.value, problem
        except asyncio.CancelledError:
            # Stop and shutdown both cancel the reading; settling goes on after either.
            if self.task:
                self.task.uncancel()
            ending, fault = (Ending.STOPPED, "") if self._stopping else (Ending.OUR_FAULT, "interrupted")
        except Exception as problem:  # whatever it was, the hold must be resolved
            log.error("reply %s failed inside: %s", self.accepted.reply_id, type(problem).__name__)
        finally:
            self._reading = False
        await self._settle(outcomes.decide(ending, has_text=self.visible, fault=fault), error)

    async def _read(self) -> Ending:
        self._reading = True
        if self._stopping:
            return Ending.STOPPED
        faults.reach("before_call")
        try:
            async with (
                asyncio.timeout(settings.REPLY_WALL_SECONDS),
                contextlib.aclosing(self._source()) as source,
            ):
                async for piece in source:
                    if not self._say(piece):
                        return Ending.CAPPED
                # Whoever watches is shown the last text before the work of settling begins.
                await asyncio.sleep(0)
        except TimeoutError:
            return Ending.CAPPED
        capped = self._completion is not None and self._completion.outcome.finish is Finish.CUT
        return Ending.CAPPED if capped else Ending.FINISHED

    def _source(self) -> AsyncGenerator[str, None]:
        accepted = self.accepted
        if accepted.ready_text is not None or accepted.secret is None:
            return _ready(accepted.ready_text or "")
        self._completion = gateway.Completion(
            provider=accepted.provider,
            model_id=accepted.model_id,
            messages=accepted.messages,
            temperature=accepted.temperature,
            secret=accepted.secret,
        )
        return self._completion.pieces()

    def _say(self, piece: str) -> bool:
        """Take in more text; False once there is no room for it."""
        # Neither NUL nor half a surrogate pair can be stored, and one must not keep the rest from it.
        data = piece.replace("\0", "").encode("utf-8", "replace")
        piece = data[: self.room].decode("utf-8", "ignore")
        self.room -= len(data)
        if piece:
            self.pieces.append(piece)
        if not self.visible and piece.strip():
            self.visible = True
            self.first_text_at = timezone.now()
            faults.reach("mid_stream")
        self._tell()
        return self.room >= 0

    # --- the end ---

    async def _settle(self, verdict: Verdict, error: ProviderError | None) -> None:
        result = Result(
            verdict=verdict,
            text=self.text if self.visible else "",
            error_detail=error.detail if error else "",
            attempts=self._completion.attempts if self._completion else 0,
            outcome=self._completion.outcome if self._completion else Outcome(),
            first_text_at=self.first_text_at,
        )
        charged = await self._settle_until_done(result)
        if charged is None:
            # What the sweep is going to write.
            result, charged, error = replace(result, verdict=INTERRUPTED), 0, None
        self.finished = _final_event(self.accepted, result, charged, error)
        _live.pop(self.accepted.reply_id, None)
        self._tell()
        if self.accepted.credential_id and (error or verdict.state == "completed"):
            await _note_health(self.accepted.credential_id, error)

    async def _settle_until_done(self, result: Result) -> int | None:
        """The credits charged; None when it could not be stored, which leaves the reply to the sweep."""
        deadline = time.monotonic() + SETTLE_SECONDS
        wait = 0.1
        while True:
            try:
                return await database.run(settlement.settle, self.accepted, result)
            except DatabaseError as problem:
                log.warning("reply %s not settled yet: %s", self.accepted.reply_id, type(problem).__name__)
                if time.monotonic() > deadline:
                    return None
            except Exception as problem:  # not the database: trying again would not help
                log.error("reply %s cannot be settled: %s", self.accepted.reply_id, type(problem).__name__)
                return None
            await asyncio.sleep(wait)
            wait = min(wait * 2, 5.0)

    def beat(self) -> Beat | None:
        """What to store now: new text, a lease that is due. None when there is nothing."""
        fresh = len(self.pieces) > self._stored_pieces
        due = time.monotonic() - self._renewed >= settings.LEASE_SECONDS / 3
        if not fresh and not due:
            return None
        return Beat(self.accepted, self.text if fresh else None, pieces=len(self.pieces), renews=due)

    def stored(self, beat: Beat) -> None:
        """`beat` is in the database; until told so, the same is stored again."""
        self._stored_pieces = beat.pieces
        if beat.renews:
            self._renewed = time.monotonic()


async def _ready(text: str) -> AsyncGenerator[str, None]:
    for piece in local.pieces(text):
        yield piece
        await asyncio.sleep(0)


def _wake(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)


async def _note_health(credential_id: UUID, error: ProviderError | None) -> None:
    """Feed the key's health; never lets a bookkeeping failure reach the reply."""
    try:
        error_class = error.fault.value if error else None
        if keys.is_news(credential_id, error_class=error_class):
            await database.run(keys.note_result, credential_id, error_class=error_class)
    except DatabaseError as problem:
        log.warning("key health not written: %s", type(problem).__name__)


def _final_event(
    accepted: Accepted, result: Result, charged: int, error: ProviderError | None
) -> dict[str, Any]:
    """The one terminal event: `done`, or `error` in words for members."""
    facts = {
        "state": result.verdict.state,
        "text": result.text,
        "charged": charged,
        "billing": accepted.route.billing.value,
        "receipt": f"/w/{accepted.slug}/replies/{accepted.reply_id}/",
    }
    if result.verdict.state != "failed":
        return {"event": "done", **facts}
    told = {
        "provider": accepted.provider,
        "model": accepted.model_name,
        "model_id": accepted.model_id,
        "mask": accepted.credential_mask,
        "credential_kind": accepted.route.credential.value,
        "status": error.status if error else None,
        "retry_after": error.retry_after if error else None,
        "attempts": result.attempts,
    }
    code = result.verdict.error_code
    return {"event": "error", "code": code, "message": words.failure(code, told, for_admin=False), **facts}


# --- The heartbeat, and the end of the process ----------------------------------------------------


async def heartbeat_forever() -> None:
    """Once a second, for as long as the server lives."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        try:
            await _beat_once()
        except Exception as problem:  # all replies of this process live by this loop: it must go on
            log.warning("heartbeat missed: %s", type(problem).__name__)


async def _beat_once() -> None:
    running = [run for run in _live.values() if not run.finished]
    beats = [(run, beat) for run, beat in ((run, run.beat()) for run in running) if beat]
    if beats:
        await database.run(settlement.heartbeat, [beat for _, beat in beats])
        for run, beat in beats:
            run.stored(beat)
    asked = (
        await database.run(settlement.stops_requested, [run.accepted.reply_id for run in running])
        if running
        else set()
    )
    for reply_id in asked:
        wanted = _live.get(reply_id)
        if wanted:
            wanted.stop()


def count() -> int:
    """How many replies this process is working on."""
    return len(_live)


async def end_all() -> None:
    """End the runs that have not ended by themselves, uncharged."""
    for run in _live.values():
        run.interrupt()
    late = [run.task for run in _live.values() if run.task]
    if late:
        await asyncio.wait(late, timeout=5)
