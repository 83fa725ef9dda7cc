"""One warm SDK client for each host and event loop: making one costs as much as several replies."""

import asyncio
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

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
