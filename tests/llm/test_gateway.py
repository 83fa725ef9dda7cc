"""How often one reply asks its provider: again after a fault that may pass, never once there is text."""

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace

import pytest

from llm import gateway
from llm.profiles import Parameters
from llm.providers.base import Fault, ProviderError
from llm.vault import Secret


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "SHORTEST_WAIT", 0.0)


def completion(*answers: list[str | ProviderError]) -> gateway.Completion:
    """One whose provider gives `answers`, a call each: pieces of text, and a fault that ends the call."""
    made = gateway.Completion(
        provider="openai", model_id="gpt-4o", messages=[], parameters=Parameters(), secret=Secret("none")
    )
    calls = iter(answers)

    async def stream(*_: object) -> AsyncGenerator[str, None]:
        for step in next(calls):
            if isinstance(step, ProviderError):
                raise step
            yield step

    made.twin = SimpleNamespace(stream=stream)  # type: ignore[assignment]
    return made


def read(made: gateway.Completion) -> tuple[str, Fault | None]:
    """The text that came, and the fault that ended it."""
    pieces: list[str] = []

    async def reading() -> None:
        async for piece in made.text():
            pieces.append(piece)

    try:
        asyncio.run(reading())
    except ProviderError as error:
        return "".join(pieces), error.fault
    return "".join(pieces), None


def passing() -> ProviderError:
    return ProviderError(Fault.UNAVAILABLE, retry_after=0.0)


def test_fault_that_may_pass_is_tried_again() -> None:
    made = completion([passing()], ["whole"])

    assert read(made) == ("whole", None)
    assert made.attempts == 2


def test_nobody_is_being_asked_between_two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a page would say that a model thinks while its provider is only waited for."""
    made, seen = completion([passing()], ["whole"]), []

    async def sleep(seconds: float) -> None:
        seen.append(made.asked_at)

    monkeypatch.setattr(gateway, "asyncio", SimpleNamespace(sleep=sleep))

    assert read(made) == ("whole", None)
    assert seen == [None]
    assert made.asked_at is not None


def test_three_attempts_are_the_last() -> None:
    made = completion([passing()], [passing()], [passing()], ["too late"])

    assert read(made) == ("", Fault.UNAVAILABLE)
    assert made.attempts == 3


def test_fault_after_text_ends_the_reply() -> None:
    """A second call would be paid for a second time, and its text would not fit the first."""
    made = completion(["one ", passing()], ["and another"])

    assert read(made) == ("one ", Fault.UNAVAILABLE)
    assert made.attempts == 1


def test_longer_wait_than_a_member_has_patience_for_is_not_waited() -> None:
    made = completion([ProviderError(Fault.RATE_LIMITED, retry_after=gateway.PATIENCE + 1)], ["unused"])

    assert read(made) == ("", Fault.RATE_LIMITED)
    assert made.attempts == 1
