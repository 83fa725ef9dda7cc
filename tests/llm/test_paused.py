"""A process that was paused reads what has arrived before it decides that the provider fell silent."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from django.conf import settings

from agents.models import Reply
from llm.providers import events, openai
from llm.providers.base import Fault, Finish, Limits, ProviderError, ResponseMetadata
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, live_events, platform_key
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

IDLE = 0.4
LIMITS = Limits(connect_seconds=1, first_byte_seconds=1, idle_seconds=IDLE, wire_bytes=1_000_000)


def event(text: str, finish: str | None = None) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


class FromASocket(httpx2.AsyncByteStream):
    """What the event loop has read of a real socket, as an HTTP client hands it on."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader = reader

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.reader.read(65_536):
            yield piece


async def read(ours: socket.socket, stall: float) -> tuple[str, ResponseMetadata]:
    """Read a reply off `ours`, on a loop that stands still for `stall` seconds after the first text."""
    reader, writer = await asyncio.open_connection(sock=ours)
    response = httpx2.Response(200, stream=FromASocket(reader))
    metadata, text = ResponseMetadata(), ""
    try:
        async for piece in events.read_events(response, LIMITS, metadata, openai.text_of):
            if not text:
                time.sleep(stall)  # noqa: ASYNC251 (a loop that cannot run, which is what is tried here)
            text += piece
    finally:
        writer.close()
    return text, metadata


def say(theirs: socket.socket, *after: tuple[float, bytes]) -> None:
    with suppress(OSError):
        for seconds, data in after:
            time.sleep(seconds)
            theirs.sendall(data)


def read_while_said(stall: float, *after: tuple[float, bytes]) -> tuple[str, ResponseMetadata]:
    ours, theirs = socket.socketpair()
    speaker = threading.Thread(target=say, args=(theirs, *after))
    speaker.start()
    try:
        return asyncio.run(read(ours, stall))
    finally:
        speaker.join()
        theirs.close()


def test_text_that_came_during_a_stall_is_read() -> None:
    text, metadata = read_while_said(
        4 * IDLE,
        (0, event("one ")),
        (IDLE / 2, event("two ")),
        (IDLE / 2, event("three", "stop")),
        (0, b"data: [DONE]\n\n"),
    )

    assert text == "one two three"
    assert metadata.finish is Finish.STOP


def test_a_provider_that_said_nothing_during_a_stall_has_its_time_from_then_on() -> None:
    """Only what arrives late by itself is late: the stall was ours."""
    text, _ = read_while_said(
        3 * IDLE,
        (0, event("one ")),
        (IDLE / 2, event("two ")),
        (2.8 * IDLE, event("three", "stop")),
        (0, b"data: [DONE]\n\n"),
    )

    assert text == "one two three"


def test_silence_without_a_stall_is_still_told() -> None:
    with pytest.raises(ProviderError) as told:
        read_while_said(0, (0, event("one ")), (3 * IDLE, b""))

    assert told.value.fault is Fault.TIMED_OUT


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
def test_a_server_that_was_paused_finishes_its_reply(
    cast: Cast, visit: Visit, lend_server: LendServer, provider_double: Double
) -> None:
    platform_key()
    provider_double.script("chunks", chunks=["word "] * 20, gap_ms=50)
    server = lend_server(REPLY_IDLE_SECONDS="3")
    visitor, agent = visit(cast.edith, server=server), make_agent(cast.acme, "gpt-4o")
    where = accepted(visitor, agent)
    events = live_events(visitor, where["stream"])
    assert any(one.kind == "text" for one in events)

    server.pause()
    time.sleep(5)
    server.go_on()

    assert eventually(lambda: not Reply.objects.filter(state__in=Reply.RUNNING).exists())
    reply = Reply.objects.get()
    assert (reply.state, reply.text) == ("completed", "word " * 20)
    assert settings.REPLY_IDLE_SECONDS > 3  # the server's is shorter than the pause
