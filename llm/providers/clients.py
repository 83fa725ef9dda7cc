"""A provider's official SDK as the twins use it: warm clients for replies, and one for each token-free call."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import httpx2

from llm.providers import wire

Client = TypeVar("Client")


def per_loop(make: Callable[[str], Client]) -> Callable[[str], Client]:
    """`make(base_url)`, called once in each event loop; a pool's sockets belong to the loop that opened them."""
    made: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Client]] = WeakKeyDictionary()

    def client(base_url: str) -> Client:
        clients = made.setdefault(asyncio.get_running_loop(), {})
        if base_url not in clients:
            clients[base_url] = make(base_url)
        return clients[base_url]

    return client


class Sdk:
    """`client`: the SDK's asynchronous client; `stream`: its class of streams; `status_error`: its error for a status.

    A client holds no secret: each call brings its own. The SDK's retries are off, since the gateway counts attempts.
    """

    def __init__(self, client: type[Any], *, stream: type[Any], status_error: type[Exception]) -> None:
        self._client = client
        self.stream = stream
        self.status_error = status_error
        # Making a client costs as much as several replies.
        self.warm: Callable[[str], Any] = per_loop(self._make)

    def _make(self, base_url: str) -> Any:
        return self._client(api_key="none", base_url=base_url, max_retries=0, http_client=wire.async_client())

    def once(self, base_url: str, seconds: float) -> Any:
        """A client for a single call that may take `seconds`; close it afterwards."""
        return self._client(
            api_key="none",
            base_url=base_url,
            max_retries=0,
            timeout=httpx2.Timeout(seconds),
            http_client=wire.once_client(seconds),
        )
