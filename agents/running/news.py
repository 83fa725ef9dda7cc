"""Waiting for something to change, by any number of watchers, without polling."""

import asyncio


class News:
    """What its watchers look at. Whoever changes it calls `tell`."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Future[None]] = set()

    async def changed(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Wait until there is more to see, at most `seconds`. `loop` is the running one."""
        news: asyncio.Future[None] = loop.create_future()
        self._watchers.add(news)
        timer = loop.call_later(seconds, _wake, news)
        try:
            await news
        finally:
            timer.cancel()
            self._watchers.discard(news)

    def tell(self) -> None:
        """Wake all who wait."""
        for news in self._watchers:
            _wake(news)
        self._watchers.clear()


def _wake(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)
