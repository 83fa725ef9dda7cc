"""Runs: the work of a reply, independent of whoever watches it.

A run reads the provider, keeps the text, and settles; closing the browser tab changes nothing. Watchers
(agents/running/watching.py) follow a run of this process without polling. Once a second, agents/running/pulse.py stores
the new text of all runs, renews their leases and reads which runs a member asked to stop through another process.

    launch(accepted) ─▶ Run ─▶ pieces … ─▶ outcomes.decide ─▶ unsettled.settle ─▶ finished
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from agents import faults, rendering
from agents.errors import OurFault
from agents.models import Reply
from agents.running import announcements, database, local, outcomes, settlement, unsettled
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

INTERRUPTED = Outcome(
    Reply.State.FAILED, Reply.Ending.FAILED, capture=False, error_code=OurFault.INTERRUPTED.value
)

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
    """The work of one reply. `pieces` only grows; `finished` is set once the reply is settled."""

    def __init__(self, accepted: AcceptedReply) -> None:
        super().__init__()
        self.accepted = accepted
        self.pieces: list[str] = []
        self.room = settings.REPLY_TEXT_BYTES  # bytes of text that may still be added
        self.visible = False
        # The reply as it was stored at its end; watchers get their last event from it.
        self.finished: Reply | None = None
        # What the workspace had left right after the reply was settled.
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
        """How long the chat model has been thinking.

        None once there is text, for models that do not think, and during the pause before a failed call is tried
        again.
        """
        asked_at = self._completion.asked_at if self._completion else None
        if asked_at is None or self.visible or self.finished or not self.accepted.may_think:
            return None
        return int(time.monotonic() - asked_at)

    # --- the work ---

    def stop(self) -> None:
        """A member pressed Stop: end the provider call now, even a silent one. A second call changes nothing."""
        if self._stopping or self.finished:
            return
        self._stopping = True
        self.interrupt()

    def interrupt(self) -> None:
        """Cancel the reading of the answer, never the settling."""
        if self._reading and self.task:
            self.task.cancel()

    async def work(self) -> None:
        tracing.reply_id.set(str(self.accepted.reply_id))
        cause, fault, error = Cause.OUR_FAULT, OurFault.INTERNAL.value, None
        try:
            cause = await self._read()
        except ProviderError as problem:
            cause, fault, error = Cause.PROVIDER_FAULT, problem.fault.value, problem
        except asyncio.CancelledError:
            # Both Stop and a shutdown cancel the reading. The cancellation is taken back, so that settling runs to
            # its end.
            if self.task:
                self.task.uncancel()
            cause, fault = (Cause.STOPPED, "") if self._stopping else (Cause.OUR_FAULT, OurFault.INTERRUPTED)
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
                # Give watchers a turn to send the last text before settling begins.
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
        # NUL and half surrogate pairs cannot be stored, and one of them must not make the whole text unstorable.
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
        settled = await unsettled.settle(self.accepted, result)
        if settled is None:
            # Show what the sweep will write.
            result, settled = replace(result, outcome=INTERRUPTED, error=None), unsettled.Settled(charged=0)
        self.balance = settled.balance
        self.finished = settlement.as_reply(self.accepted, result, charged=settled.charged)
        _live.pop(self.accepted.reply_id, None)
        self.tell()
        announcements.announce([self.accepted.reply_id])
        await _learn(self.accepted, result)

    # --- once a second ---

    def beat(self) -> Beat | None:
        """What to store now: new text, or a lease that is due for renewal. None when there is neither."""
        fresh = len(self.pieces) > self._stored_pieces
        due = time.monotonic() - self._renewed >= settings.LEASE_SECONDS / 3
        if not fresh and not due:
            return None
        return Beat(self.accepted, self.text if fresh else None, pieces=len(self.pieces), renews=due)

    def stored(self, beat: Beat) -> None:
        """Note that `beat` is in the database; until then the next beat stores the same again."""
        self._stored_pieces = beat.pieces
        if beat.renews:
            self._renewed = time.monotonic()


async def _ready(text: str) -> AsyncGenerator[str, None]:
    for piece in local.pieces(text):
        yield piece
        await asyncio.sleep(0)


async def _learn(accepted: AcceptedReply, result: Result) -> None:
    """Store what the reply showed of its key and chat model.

    A failure to do so is logged and never reaches the reply.
    """
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
    fault = result.error.fault if result.error else None
    if keys.is_news(accepted.credential_id, fault=fault):
        await database.run(
            keys.note_result,
            accepted.credential_id,
            fault=fault,
            headroom=result.metadata.headroom,
        )


# --- All runs of this process ---------------------------------------------------------------------


def unfinished() -> list["Run"]:
    return [run for run in _live.values() if not run.finished]


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
