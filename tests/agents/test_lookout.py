"""Following replies of another process: one look serves all watchers, soon even without an announcement."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from agents.models import Reply
from agents.running import announcements, database, lookout, sweeper
from agents.running.watching import watch
from tests.agents.test_sweeper import accept, lose_lease
from tests.harness.cast import Cast

T = TypeVar("T")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running(cast: Cast) -> Reply:
    """A reply that no process of ours works on."""
    return Reply.objects.get(pk=accept(cast, "").reply_id)


def play(scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def whole() -> T:
        try:
            return await scene()
        finally:
            await database.close()

    return asyncio.run(whole())


async def said(reply_id: UUID, text: str) -> None:
    await database.run(Reply.objects.filter(pk=reply_id).update, text=text, state=Reply.State.STREAMING)


async def ended(reply_id: UUID, text: str) -> None:
    facts = {"text": text, "state": Reply.State.COMPLETED, "ending": Reply.Ending.COMPLETE}
    await database.run(Reply.objects.filter(pk=reply_id).update, **facts)


async def all_events(reply_id: UUID) -> list[tuple[str, dict]]:
    frames = [frame.decode() async for frame in watch(reply_id)]
    lines = [frame.split("\n") for frame in frames if not frame.startswith(":")]
    return [(event[len("event: ") :], json.loads(data[len("data: ") :])) for _, event, data, *_ in lines]


def text_of(events: list[tuple[str, dict]]) -> str:
    return "".join(data["text"] for kind, data in events if kind == "text")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (nothing sets an event for it)
            await asyncio.sleep(0.01)


async def followed(reply_id: UUID, watchers: int) -> None:
    await until(lambda: reply_id in lookout._followed)
    await until(lambda: lookout._followed[reply_id].followers == watchers)


def test_fifty_watchers_are_one_look(running: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: Counter[str] = Counter()
    looked_at: list[int] = []
    run = database.run

    async def counted(job, *args, **kwargs):
        jobs[getattr(job, "__name__", "?")] += 1
        if job is lookout.look:
            looked_at.append(len(args[0]))
        return await run(job, *args, **kwargs)

    async def scene() -> list[list[tuple[str, dict]]]:
        watching = [asyncio.create_task(all_events(running.pk)) for _ in range(50)]
        await followed(running.pk, 50)
        monkeypatch.setattr(database, "run", counted)
        for text in ("one ", "one two ", "one two three"):
            await said(running.pk, text)
            await asyncio.sleep(1)
        await ended(running.pk, "one two three")
        return await asyncio.gather(*watching)

    seen = play(scene)

    assert [text_of(events) for events in seen] == ["one two three"] * 50
    assert [events[-1][0] for events in seen] == ["done"] * 50
    assert set(looked_at) == {1}  # reply, however many watch it
    assert (
        jobs["look"] <= 20
    )  # in some four seconds, at most one in half a second with a busy machine's slack
    assert not lookout._followed


def test_reply_that_is_deleted_ends_its_watchers(running: Reply) -> None:
    async def scene() -> list[tuple[str, dict]]:
        watching = asyncio.create_task(all_events(running.pk))
        await followed(running.pk, 1)
        await database.run(lambda: Reply.objects.filter(pk=running.pk).delete())
        async with asyncio.timeout(20):
            return await watching

    kind, data = play(scene)[-1]

    assert (kind, data["code"]) == ("error", "not_found")
    assert "deleted" in data["message"]


def test_outage_makes_watchers_wait_and_lose_nothing(running: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []
    look = lookout.look

    def failing(known: dict[UUID, int]) -> lookout.Seen:
        looks.append(True)
        if len(looks) < 4:
            raise OperationalError("gone")
        return look(known)

    monkeypatch.setattr(lookout, "look", failing)

    async def scene() -> list[tuple[str, dict]]:
        watching = asyncio.create_task(all_events(running.pk))
        await followed(running.pk, 1)
        await ended(running.pk, "kept")
        async with asyncio.timeout(30):
            return await watching

    events = play(scene)

    assert (text_of(events), events[-1][0]) == ("kept", "done")


class SlowLook:
    """The first look of a scene is done, and not yet told of, until `go` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run, self.begun, self.looks = database.run, False, 0
        self.done, self.go = asyncio.Event(), asyncio.Event()
        monkeypatch.setattr(database, "run", self)

    async def __call__(self, job: Any, *args: Any, **kwargs: Any) -> Any:
        found = await self.run(job, *args, **kwargs)
        if job is lookout.look:
            self.looks += 1
            if not self.begun:
                self.begun = True
                self.done.set()
                await self.go.wait()
        return found


def test_who_comes_back_during_a_look_is_shown_nothing_twice(
    running: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> list[tuple[str, dict]]:
        slow = SlowLook(monkeypatch)
        stored = await database.run(Reply.objects.select_related("workspace").get, pk=running.pk)
        await said(running.pk, "once ")
        async with lookout.following(stored):
            await slow.done.wait()  # it brings "once ", and everybody leaves
        watching = asyncio.create_task(all_events(running.pk))
        await followed(running.pk, 1)
        slow.go.set()
        await asyncio.sleep(1)
        await ended(running.pk, "once and no more")
        async with asyncio.timeout(20):
            return await watching

    assert text_of(play(scene)) == "once and no more"


def test_what_has_ended_is_not_looked_at_again(running: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> int:
        slow = SlowLook(monkeypatch)
        slow.go.set()
        async with lookout.following(running) as following:  # by somebody who takes long to read it
            await ended(running.pk, "whole")
            await until(lambda: not following.reply.is_running)
            looks = slow.looks
            await asyncio.sleep(3 * lookout.HEARING_SECONDS)
            return slow.looks - looks

    assert play(scene) == 0


needs_notices = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL passes notices on"
)


@needs_notices
def test_announcement_is_heard_and_seldom_looked_without(
    running: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "HEARING_SECONDS", 3600.0)  # nothing is found but what is announced

    async def scene() -> list[tuple[str, dict]]:
        watching = asyncio.create_task(all_events(running.pk))
        await followed(running.pk, 1)
        await until(lambda: lookout._is_hearing)
        await asyncio.sleep(1)  # the round that was due before it heard
        await ended(running.pk, "announced")
        announcements.announce([running.pk])
        async with asyncio.timeout(20):
            return await watching

    assert text_of(play(scene)) == "announced"


@needs_notices
def test_what_a_sweep_ends_is_announced(running: Reply) -> None:
    lose_lease(running.pk)

    async def scene() -> set[UUID]:
        heard = announcements.heard()
        assert await anext(heard) == set()
        await database.run(sweeper.sweep)
        async with asyncio.timeout(20):
            return await anext(heard)

    assert play(scene) == {running.pk}


@needs_notices
def test_thousands_of_ids_fit_into_notices() -> None:
    ids = {UUID(int=number) for number in range(1000)}

    async def scene() -> set[UUID]:
        heard, found = announcements.heard(), set[UUID]()
        assert await anext(heard) == set()
        await database.run(announcements.notify, [one.hex for one in ids])
        async with asyncio.timeout(20):
            while len(found) < len(ids):
                found |= await anext(heard)
        return found

    assert play(scene) == ids


@needs_notices
def test_notice_that_names_no_reply_is_passed_over(running: Reply) -> None:
    async def scene() -> set[UUID]:
        heard = announcements.heard()
        assert await anext(heard) == set()
        await database.run(announcements.notify, ["v2:junk", running.pk.hex])
        async with asyncio.timeout(20):
            return await anext(heard)

    assert play(scene) == {running.pk}


@needs_notices
def test_what_changes_while_a_notice_is_sent_is_told_too(
    running: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sent = database.run, list[str]()

    async def slow(job: Any, *args: Any) -> Any:
        await asyncio.sleep(0.3)
        sent.extend(args[0])
        return await run(job, *args)

    async def scene() -> None:
        monkeypatch.setattr(database, "run", slow)
        announcements.announce([running.pk])
        await asyncio.sleep(announcements.GATHER_SECONDS + 0.1)  # it is on its way
        announcements.announce([UUID(int=1)])
        await until(lambda: len(sent) == 2)

    play(scene)
