"""The double's HTTP: requests in any cut, several in a row, and clients of every transport the SDKs have."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from .client import Double
from .sdk import SECRET, SECRETS

MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]


def request(model: str, *, headers: str = "") -> bytes:
    body = json.dumps({"model": model, "messages": MESSAGES}).encode()
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: double\r\nAuthorization: Bearer {SECRET}\r\n{headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@pytest.fixture
def wire(double: Double) -> Iterator[socket.socket]:
    port = int(double.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        yield connection


def read_until(connection: socket.socket, wanted: bytes, count: int = 1) -> bytes:
    """What comes, until it holds the wanted bytes so many times or the other side has closed."""
    got = b""
    while got.count(wanted) < count and (piece := connection.recv(65536)):
        got += piece
    return got


def test_request_in_single_bytes_is_one_request(wire: socket.socket) -> None:
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in request("fake-t3"):
        wire.send(bytes([byte]))
    assert b'"content":"t0 t1 t2 "' in read_until(wire, b"fp_double")


def test_requests_sent_ahead_are_answered_in_order(wire: socket.socket) -> None:
    wire.sendall(request("fake-t1-f50") + request("fake-t2") + request("fake-t3"))
    answers = read_until(wire, b"fp_double", 3)
    assert [answers.find(b'"model":"fake-t%d' % number) > 0 for number in (1, 2, 3)] == [True] * 3
    assert answers.find(b"fake-t1") < answers.find(b"fake-t2") < answers.find(b"fake-t3")


def test_large_request_is_read_whole(double: Double, wire: socket.socket) -> None:
    text = "x" * 5_000_000
    body = json.dumps({"model": "fake-t1", "messages": [{"role": "user", "content": text}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    wire.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
    assert read_until(wire, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.sendall(body)
    assert b'"prompt_tokens":1250000' in read_until(wire, b"fp_double")
    assert double.calls()[0]["messages"] == [{"role": "user", "content": text}]


def test_connection_closes_when_the_client_asks(wire: socket.socket) -> None:
    wire.sendall(request("fake-t1", headers="Connection: close\r\n"))
    assert b"fp_double" in read_until(wire, b"never")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /v1/messages HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET /" + b"x" * 300_000, 431),
    ],
)
def test_what_cannot_be_read_is_refused_and_closed(wire: socket.socket, sent: bytes, status: int) -> None:
    wire.sendall(sent)
    assert read_until(wire, b"never").startswith(b"HTTP/1.1 %d " % status)


def test_body_that_is_no_json_is_refused_in_the_providers_shape(wire: socket.socket) -> None:
    wire.sendall(request("m").replace(b'"model"', b'?model"'))
    answer = read_until(wire, b"}}")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("aiohttp", [False, True])
def test_async_clients_of_both_transports_stream(double: Double, aiohttp: bool) -> None:
    async def heard() -> tuple[int, int]:
        async with (
            openai.AsyncOpenAI(
                api_key=SECRET,
                base_url=double.openai_base_url,
                http_client=openai.DefaultAioHttpClient() if aiohttp else None,
            ) as one,
            anthropic.AsyncAnthropic(
                api_key=SECRETS["anthropic"],
                base_url=double.anthropic_base_url,
                http_client=anthropic.DefaultAioHttpClient() if aiohttp else None,
            ) as two,
        ):
            chunks = await one.chat.completions.create(model="fake-t50-d1", messages=MESSAGES, stream=True)
            events = await two.messages.create(
                model="fake-t50-d1", max_tokens=99, messages=MESSAGES, stream=True
            )
            return len([chunk async for chunk in chunks]), len([event async for event in events])

    assert asyncio.run(heard()) == (52, 55)
