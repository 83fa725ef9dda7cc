"""One warm SDK client for each provider and event loop: making one costs as much as several replies."""

import asyncio
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

Client = TypeVar("Client")


def per_loop(make: Callable[[], Client]) -> Callable[[], Client]:
    """`make`, called once in each event loop; a pool's sockets belong to the loop that opened them."""
    made: WeakKeyDictionary[asyncio.AbstractEventLoop, Client] = WeakKeyDictionary()

    def client() -> Client:
        loop = asyncio.get_running_loop()
        existing = made.get(loop)
        if existing is None:
            existing = made[loop] = make()
        return existing

    return client
