"""The way out to providers: through the proxy that is set, trusting the authority that is set, and no other way."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llm.gateway import TWINS
from llm.providers import egress
from llm.providers.base import Fault, KeyHealth, check
from llm.vault import Secret

SECRET = Secret("sk-" + "x" * 40)
LIST = b'{"object": "list", "data": [{"id": "gpt-6-luna"}]}'


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    egress.configure(proxy="", ca_file="")


@asynccontextmanager
async def peer(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers everything with a model list; its address, and the heads of what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(LIST)
        writer.write(head + LIST)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def checked(base_url: str) -> tuple[KeyHealth, Fault | None]:
    found = await check(TWINS["openai"].list_models(SECRET, base_url=base_url, seconds=5))
    return found.health, found.fault


def test_calls_go_through_the_proxy_that_is_set() -> None:
    async def run() -> None:
        async with peer() as (proxy, asked):
            egress.configure(proxy=f"http://{proxy}", ca_file="")
            assert await checked("http://provider.invalid/v1") == (KeyHealth.VALID, None)
        assert asked[0].startswith(b"GET http://provider.invalid/v1/models HTTP/1.1\r\n")

    asyncio.run(run())


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_usual_variables_lead_nowhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async def run() -> None:
        async with peer() as (proxy, asked), peer() as (provider, _):
            monkeypatch.setenv(name, f"http://{proxy}")
            assert await checked(f"http://{provider}/v1") == (KeyHealth.VALID, None)
        assert asked == []

    asyncio.run(run())


def test_the_private_authority_is_trusted_and_only_when_set(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def run() -> None:
        async with peer(context) as (provider, _):
            assert await checked(f"https://{provider}/v1") == (KeyHealth.UNREACHABLE, Fault.UNREACHABLE)
            egress.configure(proxy="", ca_file=str(certificate))
            assert await checked(f"https://{provider}/v1") == (KeyHealth.VALID, None)

    asyncio.run(run())


def self_signed(place: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    certificate, key = place / "ca.pem", place / "ca.key"
    command = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 "
        f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    return certificate, key
