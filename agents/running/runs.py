"""Runs: the work of a reply, apart from whoever watches it.

A run reads the provider, keeps the text, and settles; closing the tab changes nothing. Watchers
(agents/running/watching.py) follow a run of this process without polling. One heartbeat a second stores the
new text of all runs, renews their leases and learns of stops asked for elsewhere.

    launch(accepted) ─▶ Run ─▶ pieces … ─▶ outcomes.decide ─▶ settlement.settle ─▶ finished
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseError
from django.utils import timezone

from agents import faults, rendering
from agents.models import Reply
from agents.running import announcements, database, heartbeat, instances, local, outcomes, settlement
from agents.running.heartbeat import Beat
from agents.running.news import News
from agents.running.outcomes import Cause, Outcome
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply
from billing import ledger
from llm import gateway, keys, learning
from llm.providers.base import Finish, ProviderError, ResponseMetadata
from workspaces import tracing
from workspaces.one_line import is_seen

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
# A settle that cannot reach the database is tried for SETTLE_SECONDS; then it is left to the sweep. Without a database no
# reply begins, so what waits is what ran when it went away. Should only settling fail, so many bytes of text wait, and
# the rest is left to the sweep at once.
WAITING_BYTES = 64 * 1024 * 1024
# How many settles are tried again at one time: each may hold up a database thread until its connection fails.
TRYING_AGAIN = 3
# One that finds so many under way comes back within this time.
TURN_SECONDS = 2.0
INTERRUPTED = Outcome(Reply.State.FAILED, Reply.Ending.FAILED, capture=False, error_code="interrupted")

_live: dict[UUID, "Run"] = {}


def find(reply_id: UUID) -> "Run | None":
    """The run of this reply, if this process has it."""
    return _live.get(reply_id)


def launch(accepted: AcceptedReply) -> "Run":
    """Start working on an accepted reply."""
    run = Run(accepted)
    _live[accepted.reply_id] = run
    run.task = asyncio.create_task(run.work())
    return run


class Run(News):
    """One reply in the making. `pieces` only grows; `finished` is set once it is settled."""

    def __init__(self, accepted: AcceptedReply) -> None:
        super().__init__()
        self.accepted = accepted
        self.pieces: list[str] = []
        self.room = settings.REPLY_TEXT_BYTES  # bytes of text there may still be
        self.visible = False
        # The reply as it was stored at its end, for what watchers are told of it.
        self.finished: Reply | None = None
        # What its workspace has left, seen when it had been settled.
        self.balance: ledger.Balance | None = None
        self.task: asyncio.Task[None] | None = None
        self.first_text_at: datetime | None = None
        self._reading = False
        self._stopping = False
        self._stored_pieces = 0
        self._renewed = time.monotonic()
        self._completion: gateway.Completion | None = None

    # --- for watchers ---

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def thinking_seconds(self) -> int | None:
        """How long its model has been thinking; None once there is text, for models that do not think, and while a
        provider that failed is left alone before it is asked again.
        """
        asked_at = self._completion.asked_at if self._completion else None
        if asked_at is None or self.visible or self.finished or not self.accepted.may_think:
            return None
        return int(time.monotonic() - asked_at)

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
        cause, fault, error = Cause.OUR_FAULT, "internal", None
        try:
            cause = await self._read()
        except ProviderError as problem:
            cause, fault, error = Cause.PROVIDER_FAULT, problem.fault.value, problem
        except asyncio.CancelledError:
            # Stop and shutdown both cancel the reading; settling goes on after either.
            if self.task:
                self.task.uncancel()
            cause, fault = (Cause.STOPPED, "") if self._stopping else (Cause.OUR_FAULT, "interrupted")
        except Exception as problem:  # whatever it was, the hold must be resolved
            log.error("reply %s failed inside: %s", self.accepted.reply_id, type(problem).__name__)
        finally:
            self._reading = False
        finish = Finish.STOP if self._completion is None else self._completion.metadata.finish
        await self._settle(outcomes.decide(cause, has_text=self.visible, fault=fault, finish=finish), error)

    async def _read(self) -> Cause:
        self._reading = True
        if self._stopping:
            return Cause.STOPPED
        faults.reach("before_call")
        try:
            async with (
                asyncio.timeout(settings.REPLY_WALL_SECONDS),
                contextlib.aclosing(self._source()) as source,
            ):
                async for piece in source:
                    if not self._say(piece):
                        return Cause.CAPPED
                # Whoever watches is shown the last text before the work of settling begins.
                await asyncio.sleep(0)
        except TimeoutError:
            return Cause.CAPPED
        capped = self._completion is not None and self._completion.metadata.finish is Finish.CUT
        return Cause.CAPPED if capped else Cause.FINISHED

    def _source(self) -> AsyncGenerator[str, None]:
        accepted = self.accepted
        if accepted.ready_text is not None or accepted.secret is None:
            return _ready(accepted.ready_text or "")
        self._completion = gateway.Completion(
            provider=accepted.provider,
            model_id=accepted.model_id,
            messages=accepted.messages,
            parameters=accepted.parameters,
            secret=accepted.secret,
            region=accepted.region,
            left_out=accepted.left_out,
        )
        return self._completion.text()

    def _say(self, piece: str) -> bool:
        """Take in more text; False once there is no room for it."""
        # Neither NUL nor half a surrogate pair can be stored, and one must not keep the rest from it.
        data = piece.replace("\0", "").encode("utf-8", "replace")
        piece = data[: self.room].decode("utf-8", "ignore")
        self.room -= len(data)
        if piece:
            self.pieces.append(piece)
        if not self.visible and is_seen(piece):
            self.visible = True
            self.first_text_at = timezone.now()
            faults.reach("mid_stream")
        self.tell()
        return self.room >= 0

    # --- the end ---

    async def _settle(self, outcome: Outcome, error: ProviderError | None) -> None:
        completion = self._completion
        text = self.text if self.visible else ""
        result = Result(
            outcome=outcome,
            text=text,
            rendered=await rendering.final(text, self.accepted.reply_id, sources=len(self.accepted.sources)),
            error=error,
            attempts=completion.attempts if completion else 0,
            metadata=completion.metadata if completion else ResponseMetadata(),
            left_out=completion.left_out if completion else [],
            learnt=completion.learnt if completion else [],
            first_text_at=self.first_text_at,
        )
        charged = await self._settle_until_done(result)
        if charged is None:
            # What the sweep is going to write.
            result, charged = replace(result, outcome=INTERRUPTED, error=None), 0
        self.finished = settlement.as_reply(self.accepted, result, charged=charged)
        _live.pop(self.accepted.reply_id, None)
        self.tell()
        announcements.announce([self.accepted.reply_id])
        await _learn(self.accepted, result)

    async def _settle_until_done(self, result: Result) -> int | None:
        """The credits charged; None when it could not be stored, which leaves the reply to the sweep."""
        try:
            return await database.run(self._settle_once, result)
        except DatabaseError as problem:
            log.warning("reply %s not settled yet: %s", self.accepted.reply_id, type(problem).__name__)
            with _waiting(result) as may_wait:
                return await self._settle_when_possible(result, problem) if may_wait else None
        except Exception as problem:  # not the database: trying again would not help
            log.error("reply %s cannot be settled: %s", self.accepted.reply_id, type(problem).__name__)
            return None

    def _settle_once(self, result: Result) -> int:
        """In a database thread: what the watchers are told of the credits is seen in the same visit, after the commit."""
        charged = settlement.settle(self.accepted, result)
        with contextlib.suppress(DatabaseError):  # the reply is settled all the same
            self.balance = ledger.balance_now(self.accepted.workspace_id)
        return charged

    async def _settle_when_possible(self, result: Result, problem: DatabaseError) -> int | None:
        deadline = time.monotonic() + settings.SETTLE_SECONDS
        pause = wait = 0.1
        while time.monotonic() < deadline:
            if isinstance(problem, DataError | IntegrityError):
                # The text and its charge are worth more than what the provider counted, if that fits nowhere.
                result = replace(result, metadata=ResponseMetadata(), error=None, left_out=[])
            await asyncio.sleep(pause)
            if len(_trying_again) >= TRYING_AGAIN:
                # A random time: replies that ended together would otherwise come back together each time, and few get in.
                pause = random.uniform(0, TURN_SECONDS)  # noqa: S311 (nobody gains by guessing it)
                continue
            pause = wait = min(wait * 2, 5.0)
            _trying_again.add(self.accepted.reply_id)
            try:
                return await database.run(self._settle_once, result)
            except DatabaseError as again:
                problem = again
                log.warning("reply %s not settled yet: %s", self.accepted.reply_id, type(problem).__name__)
            except Exception as other:
                log.error("reply %s cannot be settled: %s", self.accepted.reply_id, type(other).__name__)
                return None
            finally:
                _trying_again.discard(self.accepted.reply_id)
        return None

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


_waiting_bytes = 0
_trying_again: set[UUID] = set()


@contextlib.contextmanager
def _waiting(result: Result) -> Iterator[bool]:
    """Whether there is room for this result to wait until it can be stored; it counts until the end of the block."""
    global _waiting_bytes
    size = len(result.text.encode("utf-8", "replace"))
    fits = _waiting_bytes + size <= WAITING_BYTES
    _waiting_bytes += size
    try:
        yield fits
    finally:
        _waiting_bytes -= size


async def _learn(accepted: AcceptedReply, result: Result) -> None:
    """Remember what the reply showed of its key and its model; never lets a bookkeeping failure reach the reply."""
    try:
        await _note_health(accepted, result)
        if result.learnt and result.metadata.finish:
            await database.run(
                learning.leave_out,
                accepted.chat_model_id,
                result.learnt,
                workspace_id=accepted.workspace_id,
            )
    except DatabaseError as problem:
        log.warning("what a reply showed is not written: %s", type(problem).__name__)


async def _note_health(accepted: AcceptedReply, result: Result) -> None:
    if accepted.credential_id is None or not (result.error or result.metadata.finish):
        return
    error_class = result.error.fault.value if result.error else None
    if keys.is_news(accepted.credential_id, error_class=error_class):
        await database.run(
            keys.note_result,
            accepted.credential_id,
            error_class=error_class,
            headroom=result.metadata.headroom,
        )


# --- The heartbeat, and the end of the process ----------------------------------------------------


async def heartbeat_forever() -> None:
    """Once a second, for as long as the server lives."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        try:
            await _beat_once()
        except Exception as problem:  # all replies of this process live by this loop: it must go on
            log.warning("heartbeat missed: %s", type(problem).__name__)


async def show_life_forever() -> None:
    """Make this process known, so that others notice its end; then, while it has replies, say once a second that it lives.

    Beside the heartbeat: that one waits with all other database threads, for an account that somebody has locked, say.
    """
    is_known = False
    while True:
        if _live or not is_known:
            try:
                await database.run_apart(instances.beat)
                is_known = True
            except Exception as problem:  # until then its replies have their leases
                log.warning("no sign of life given: %s", type(problem).__name__)
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def _beat_once() -> None:
    running = [run for run in _live.values() if not run.finished]
    if not running:
        return
    beats = [(run, beat) for run, beat in ((run, run.beat()) for run in running) if beat]
    if beats:
        await database.run(heartbeat.store, [beat for _, beat in beats])
        for run, beat in beats:
            run.stored(beat)
        announcements.announce(beat.accepted.reply_id for _, beat in beats if beat.text is not None)
    asked = await database.run(heartbeat.stops_requested, [run.accepted.reply_id for run in running])
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
