"""A reply that has ended while the database is away waits for it: as long as shipped, a few at a time, and bounded."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import OperationalError

from agents.running import database, unsettled
from agents.running.outcomes import Cause, decide
from agents.running.settlement import Result
from llm.providers.base import Finish


class Outage:
    """A database that answers again after so many seconds of a clock that only sleeping moves, by so many sleepers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, seconds: float, sleepers: int = 1) -> None:
        self.seconds, self.now, self.sleepers = seconds, 0.0, sleepers
        self.at_once = self.most_at_once = 0
        self.really_sleep = asyncio.sleep
        monkeypatch.setattr(unsettled, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(asyncio, "sleep", self.sleep)
        monkeypatch.setattr(database, "run", self.run)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds / self.sleepers
        await self.really_sleep(0)

    async def run(self, job: Any, *args: Any) -> int:
        assert job is unsettled.once
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.really_sleep(0)
        self.at_once -= 1
        if self.now < self.seconds:
            raise OperationalError("away")
        return 5


def ended(text: str = "whole") -> tuple[Any, Result]:
    outcome = decide(Cause.FINISHED, has_text=True, fault="", finish=Finish.STOP)
    return SimpleNamespace(reply_id=uuid4()), Result(outcome=outcome, text=text)


def settle(*pairs: tuple[Any, Result]) -> list[Any]:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(unsettled.settle(accepted, result) for accepted, result in pairs))

    return asyncio.run(all_of_them())


def test_ten_minutes_without_a_database_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    Outage(monkeypatch, seconds=600)

    assert settle(ended()) == [5]


def test_it_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage(monkeypatch, seconds=100_000)

    assert settle(ended()) == [None]
    assert settings.SETTLE_SECONDS <= outage.now <= settings.SETTLE_SECONDS + 10


def test_few_try_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outage = Outage(monkeypatch, seconds=300, sleepers=50)
    crowd = [ended() for _ in range(50)]

    async def scene() -> list[Any]:
        waiting = [unsettled.when_possible(*one, OperationalError("away")) for one in crowd]
        return await asyncio.gather(*waiting)

    assert asyncio.run(scene()) == [5] * 50
    assert outage.most_at_once == unsettled.TRYING_AGAIN


class Skipping(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to what is due next."""

    skipped = 0.0
    _ready: Any
    _scheduled: Any

    def time(self) -> float:
        return super().time() + self.skipped

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.skipped += max(0.0, self._scheduled[0].when() - self.time())
        super()._run_once()  # type: ignore[misc]


def test_crowd_that_ended_at_one_moment_is_stored_soon_after_the_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = Skipping()
    began = loop.time()
    monkeypatch.setattr(unsettled, "time", SimpleNamespace(monotonic=loop.time))

    async def run(job: Any, *args: Any) -> int:
        away = loop.time() - began < 600
        await asyncio.sleep(3 if away else 0.01)  # for a connection of the pool, or for the commit
        if away:
            raise OperationalError("away")
        return 5

    monkeypatch.setattr(database, "run", run)
    crowd = [ended() for _ in range(200)]

    async def scene() -> list[Any]:
        waiting = [unsettled.when_possible(*one, OperationalError("away")) for one in crowd]
        return await asyncio.gather(*waiting)

    settled = loop.run_until_complete(scene())
    loop.close()

    assert settled == [5] * 200


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    Outage(monkeypatch, seconds=600)
    monkeypatch.setattr(unsettled, "WAITING_BYTES", 1000)

    settled = settle(*(ended("x" * 400) for _ in range(5)))

    assert (settled.count(5), settled.count(None)) == (2, 3)
    assert unsettled._waiting_bytes == 0
