"""Every limit of a provider call, on the wire: peers that are silent, trickle, or never let anyone in."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection
from pytest_django import Settings

from llm import keys, listing
from llm.gateway import TWINS, Completion
from llm.models import ProviderKey
from llm.profiles import Parameters
from llm.providers.base import (
    Call,
    Fault,
    KeyHealth,
    Limits,
    Message,
    MessageRole,
    ProviderError,
    ResponseMetadata,
)
from llm.vault import Secret
from tests.harness.cast import Cast
from tests.harness.chat import ACME_SECRETS, PROVIDERS
from tests.llm import peers

QUICK = Limits(connect_seconds=0.5, first_byte_seconds=0.8, idle_seconds=0.5, wire_bytes=1_000_000)
Taken = tuple[Fault | None, float]


def check(provider: str) -> Taken:
    began = time.monotonic()
    found = listing.ask(provider, Secret(ACME_SECRETS[provider]))
    assert found.health == KeyHealth.UNREACHABLE
    return found.fault, time.monotonic() - began


def completion(provider: str) -> Completion:
    return Completion(
        provider=provider,
        model_id="m",
        messages=[Message(MessageRole.USER, "Hello")],
        parameters=Parameters(max_output_tokens=100),
        secret=Secret(ACME_SECRETS[provider]),
    )


async def ask(provider: str, url: str, limits: Limits) -> Taken:
    """How a reply's call to a peer ends, and after how long."""
    began = time.monotonic()
    call = Call(
        model_id="m",
        messages=[Message(MessageRole.USER, "Hello")],
        parameters=Parameters(max_output_tokens=100),
        secret=Secret(ACME_SECRETS[provider]),
        base_url=url,
        limits=limits,
    )
    fault = None
    try:
        async for _ in TWINS[provider].stream(call, ResponseMetadata()):
            pass
    except ProviderError as error:
        fault = error.fault
    return fault, time.monotonic() - began


async def ask_all(limits: Limits) -> dict[str, Taken]:
    """Every provider's calls to every peer, all at once."""
    async with peers.all_of_them() as found:
        names = [(provider, peer) for provider in PROVIDERS for peer in found]
        ends = await asyncio.gather(*(ask(provider, found[peer], limits) for provider, peer in names))
    return {f"{provider} {peer}": end for (provider, peer), end in zip(names, ends, strict=True)}


# --- Checks and lists: the shipped five seconds -----------------------------------------------------


def test_a_check_ends_in_its_five_seconds_whatever_the_peer_does(settings: Settings) -> None:
    assert listing.CHECK_SECONDS == 5

    def check_at(provider: str, url: str) -> Taken:
        # As in listing.ask, which reads the address from the settings: here there are several at once.
        began = time.monotonic()
        found = listing.ask_at(url, provider, Secret(ACME_SECRETS[provider]))
        assert found.health == KeyHealth.UNREACHABLE
        return found.fault, time.monotonic() - began

    with peers.in_a_thread() as found, ThreadPoolExecutor(len(PROVIDERS) * len(found)) as threads:
        running = {
            f"{provider} {peer}": threads.submit(check_at, provider, url)
            for provider in PROVIDERS
            for peer, url in found.items()
        }
        ends = {name: one.result() for name, one in running.items()}
    assert {name: fault for name, (fault, _) in ends.items()} == dict.fromkeys(ends, Fault.TIMED_OUT)
    # No peer ever ends, and the SDKs' own limit is ten minutes: what ends sooner than a test may last is our limit's work.
    assert {name: took for name, (_, took) in ends.items() if took < 4.5} == {}


@pytest.mark.django_db(transaction=True)
def test_every_act_that_asks_a_provider_ends_in_five_seconds(cast: Cast, settings: Settings) -> None:
    verified = keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]))
    listed = keys.replace(cast.acme, provider="anthropic", secret=Secret(ACME_SECRETS["anthropic"]))
    secret = Secret(ACME_SECRETS["openai"])

    def list_models() -> Fault:
        with pytest.raises(ProviderError) as error:
            keys.list_account_models(listed)
        return error.value.fault

    def in_a_thread(act: partial[object]) -> tuple[object, float]:
        began = time.monotonic()
        try:
            return act(), time.monotonic() - began
        finally:
            connection.close()

    with peers.in_a_thread() as found, ThreadPoolExecutor(3) as threads:
        settings.PROVIDER_BASE_URLS = dict.fromkeys(PROVIDERS, found["trickling_headers"])
        entered, checked, fault = threads.map(
            in_a_thread,
            [
                partial(
                    keys.enter, cast.globex, provider="openai", secret=secret, by=None, only_if_accepted=True
                ),
                partial(keys.verify, verified),
                partial(list_models),
            ],
        )
    assert isinstance(entered[0], ProviderKey)
    assert (entered[0].health, entered[0].last_error) == ("unreachable", Fault.TIMED_OUT)
    assert (checked[0], fault[0]) == (ProviderKey.Health.UNREACHABLE, Fault.TIMED_OUT)
    assert [took for _, took in (entered, checked, fault) if took < 4.5] == []


# --- Replies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_is_called_with_the_limits_of_the_settings(settings: Settings, provider: str) -> None:
    limits = completion(provider).call.limits
    assert (limits.connect_seconds, limits.first_byte_seconds, limits.idle_seconds) == (5, 60, 30)
    assert (limits.wire_bytes, limits.finish_seconds) == (8 * 1024 * 1024, 2)
    settings.REPLY_FIRST_BYTE_SECONDS = 7
    assert completion(provider).call.limits.first_byte_seconds == 7


def test_a_reply_that_never_begins_ends_by_its_limits() -> None:
    ends = asyncio.run(ask_all(QUICK))
    assert {name: fault for name, (fault, _) in ends.items()} == dict.fromkeys(ends, Fault.TIMED_OUT)


@pytest.mark.soak
def test_the_shipped_limits_of_a_reply_hold() -> None:
    ends = asyncio.run(ask_all(completion("openai").call.limits))
    assert {name: fault for name, (fault, _) in ends.items()} == dict.fromkeys(ends, Fault.TIMED_OUT)
    connecting = {name: took for name, (_, took) in ends.items() if peers.NEVER_ACCEPTS in name}
    waiting = {name: took for name, (_, took) in ends.items() if name not in connecting}
    assert {name: took for name, took in connecting.items() if not 4.5 < took < 30} == {}
    # A peer that answers in trickles is given the first-byte limit twice at most: for its headers, for its body.
    assert {name: took for name, took in waiting.items() if not 55 < took < 140} == {}


async def _pausing(provider: str, pause: float, *, before_text: bool, limits: Limits) -> Taken:
    """A peer that sends headers at once and pauses before or after its first text."""

    text, finish = peers.TEXT[provider], peers.FINISH[provider]

    async def answer(reader: peers.Reader, writer: peers.Writer) -> None:
        writer.write(peers.EVENTS + (b"" if before_text else text))
        await writer.drain()
        await asyncio.sleep(pause)
        writer.write((text if before_text else b"") + finish)
        await writer.drain()

    async with peers.serving(answer) as url:
        return await ask(provider, url, limits)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_thinking_in_silence_is_waited_for_beyond_the_first_byte(provider: str) -> None:
    fault, _ = asyncio.run(_pausing(provider, 2.5, before_text=True, limits=QUICK))
    assert fault is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_silence_after_text_ends_a_reply(provider: str) -> None:
    fault, _ = asyncio.run(_pausing(provider, 20, before_text=False, limits=QUICK))
    assert fault is Fault.TIMED_OUT


@pytest.mark.soak
def test_the_shipped_idle_limit_holds_and_thinking_outlasts_the_first_byte() -> None:
    limits = completion("openai").call.limits

    async def all_at_once() -> list[Taken]:
        return await asyncio.gather(
            *(_pausing(one, 45, before_text=False, limits=limits) for one in PROVIDERS),
            *(_pausing(one, 75, before_text=True, limits=limits) for one in PROVIDERS),
        )

    ends = asyncio.run(all_at_once())
    idle, thought = ends[: len(PROVIDERS)], ends[len(PROVIDERS) :]
    assert {fault for fault, _ in idle} == {Fault.TIMED_OUT}
    assert [took for _, took in idle if not 29 < took < 44] == []
    assert {fault for fault, _ in thought} == {None}
