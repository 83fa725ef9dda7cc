"""How the twins use a provider's official SDK: long-lived clients for replies, a new one for each token-free call."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import httpx2

from llm.providers import wire

Client = TypeVar("Client")


def per_loop(make: Callable[[str], Client]) -> Callable[[str], Client]:
    """Cache `make(base_url)` for each event loop, because a pool's sockets belong to the loop that opened them."""
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
        # Cached, because making a client takes as long as several replies.
        self.warm: Callable[[str], Any] = per_loop(self._make)

    def _make(self, base_url: str) -> Any:
        return self._client(api_key="none", base_url=base_url, max_retries=0, http_client=wire.async_client())

    def once(self, base_url: str, seconds: float) -> Any:
        """A client for a single call of at most `seconds`. The caller closes it."""
        return self._client(
            api_key="none",
            base_url=base_url,
            max_retries=0,
            timeout=httpx2.Timeout(seconds),
            http_client=wire.once_client(seconds),
        )
