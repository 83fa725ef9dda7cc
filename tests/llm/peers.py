"""Peers that take their time: each listens on a loopback address of its own and never gives a whole answer."""

import asyncio
import contextlib
import socket
import threading
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
TEXT = {
    "openai": b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n',
    "anthropic": b'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}\n\n',
}
FINISH = {
    "openai": b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
    "anthropic": b'data: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}\n\n'
    b'data: {"type": "message_stop"}\n\n',
}
EVERY = 0.1  # seconds between two bytes of a trickle


async def silent(reader: Reader, writer: Writer) -> None:
    await asyncio.Event().wait()


async def _trickle(writer: Writer, begin: bytes, then: bytes) -> None:
    writer.write(begin)
    while True:
        for byte in then:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(EVERY)


async def trickling_status(reader: Reader, writer: Writer) -> None:
    await _trickle(writer, b"HTTP/1.1 200 ", b"O")


async def trickling_headers(reader: Reader, writer: Writer) -> None:
    await _trickle(writer, b"HTTP/1.1 200 OK\r\n", b"x: y\r\n")


async def trickling_body(reader: Reader, writer: Writer) -> None:
    await _trickle(
        writer, b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n", b" "
    )


async def trickling_error(reader: Reader, writer: Writer) -> None:
    await _trickle(
        writer, b"HTTP/1.1 500 Oh\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n", b" "
    )


HANDLERS = (silent, trickling_status, trickling_headers, trickling_body, trickling_error)
NEVER_ACCEPTS = "never_accepts"


@contextmanager
def never_accepting() -> Iterator[str]:
    """The address of a listener whose queue is full: the kernel drops who else knocks."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            knock = stack.enter_context(socket.socket())
            knock.setblocking(False)
            knock.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(handler: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[str]:
    """The address of a peer that behaves as `handler` once it has read a request's first bytes."""
    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await reader.read(65536)
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def all_of_them() -> AsyncIterator[dict[str, str]]:
    """The addresses of all the peers, by name."""
    async with contextlib.AsyncExitStack() as stack:
        found = {one.__name__: await stack.enter_async_context(serving(one)) for one in HANDLERS}
        yield found | {NEVER_ACCEPTS: stack.enter_context(never_accepting())}


@contextmanager
def in_a_thread() -> Iterator[dict[str, str]]:
    """The same, on an event loop of their own, for callers that block."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    found: dict[str, str] = {}
    ended = asyncio.Event()

    async def serve() -> None:
        async with all_of_them() as addresses:
            found.update(addresses)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    yield found
    loop.call_soon_threadsafe(ended.set)
    thread.join()
    loop.close()
