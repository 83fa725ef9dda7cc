"""Runs: when a lease is renewed, what an interruption may end, and who may begin a run."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from agents.models import Agent, Reply
from agents.running import database, runs, unsettled
from agents.running.outcomes import Cause, Outcome, decide
from agents.running.settlement import Result
from llm.providers.base import Finish
from tests.harness.cast import Cast
from tests.harness.chat import accepted, refusal, send, stop, talk, watch
from tests.harness.visitor import Visit
from tests.provider_double.client import Double
from workspaces.models import Session

FINISHED = decide(Cause.FINISHED, has_text=True, fault="", finish=Finish.STOP)


def a_run() -> runs.Run:
    accepted = SimpleNamespace(reply_id=uuid4(), may_think=False)
    return runs.Run(accepted)  # type: ignore[arg-type]


def test_lease_is_renewed_three_times_in_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=lambda: clock.now))
    run, renewed = a_run(), []
    while clock.now < 1000 + settings.LEASE_SECONDS:
        clock.now += 1
        beat = run.beat()
        if beat:
            renewed.append(clock.now - 1000)
            run.stored(beat)

    assert renewed == [settings.LEASE_SECONDS * third / 3 for third in (1, 2, 3)]


def test_model_thinks_only_while_it_is_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    run = runs.Run(SimpleNamespace(reply_id=uuid4(), may_think=True))  # type: ignore[arg-type]
    seen = [run.thinking_seconds]
    for asked_at in (997.0, None, 999.0):
        run._completion = SimpleNamespace(asked_at=asked_at)  # type: ignore[assignment]
        seen.append(run.thinking_seconds)

    assert seen == [None, 3, None, 1]


def test_interruption_does_not_end_a_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is stored and charged, even when the server is told to stop in the middle of storing it."""
    run = a_run()

    async def slow(job: Any, *args: Any) -> int:
        run.interrupt()
        await asyncio.sleep(0.05)
        return 5

    async def settle() -> object:
        run.task = asyncio.current_task()
        return await unsettled.settle(run.accepted, Result(outcome=FINISHED, text="whole"))

    monkeypatch.setattr(database, "run", slow)

    assert asyncio.run(settle()) == 5


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (runs.Run.stop, decide(Cause.STOPPED, has_text=True)),
        (runs.Run.interrupt, decide(Cause.OUR_FAULT, has_text=True, fault="interrupted")),
    ],
    ids=["Stop", "shutdown"],
)
def test_shutdown_is_not_taken_for_a_stop(
    monkeypatch: pytest.MonkeyPatch, end: Callable[[runs.Run], None], outcome: Outcome
) -> None:
    """Both end the reading in the middle; what a member stopped is charged, what we ended is not."""
    run, settled, was_read = a_run(), [], asyncio.Event()

    async def a_word_and_silence() -> AsyncGenerator[str, None]:
        yield "word"
        was_read.set()
        await asyncio.Event().wait()

    async def settle(outcome: Outcome, error: object) -> None:
        settled.append(outcome)

    async def ended_while_reading() -> None:
        run.task = asyncio.create_task(run.work())
        await was_read.wait()
        end(run)
        await run.task

    monkeypatch.setattr(run, "_source", a_word_and_silence)
    monkeypatch.setattr(run, "_settle", settle)
    asyncio.run(ended_while_reading())

    assert settled == [outcome]


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_expired_session_begins_no_reply(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    Session.objects.filter(user=cast.edith).update(expire_date=timezone.now() - timedelta(seconds=1))

    assert refusal(send(visitor, openai_agent)) == (401, "not_signed_in")
    assert not Reply.objects.exists()
    assert provider_double.calls() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_expired_session_watches_and_stops_nothing(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream")
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    Session.objects.filter(user=cast.edith).update(expire_date=timezone.now() - timedelta(seconds=1))

    assert refusal(visitor.get(where["stream"], headers={"accept": "text/event-stream"})) == (
        401,
        "not_signed_in",
    )
    assert refusal(stop(visitor, "acme", where["reply"])) == (401, "not_signed_in")
    assert stop(visit(cast.adam), "acme", where["reply"]).status_code == 202


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_replayed_end_tells_what_was_charged_and_not_the_price(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("500", times=3)
    visitor = visit(cast.edith)
    failed = accepted(visitor, openai_agent)
    watch(visitor, failed["stream"])
    whole = talk(visitor, openai_agent).end

    replayed = watch(visitor, failed["stream"]).end.data

    assert Reply.objects.get(pk=failed["reply"]).price == 5
    assert (replayed["charged"], whole.data["charged"]) == (0, 5)
