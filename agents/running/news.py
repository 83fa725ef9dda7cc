"""Any number of watchers wait for a change, without polling."""

import asyncio


class News:
    """Something that watchers wait on. Code that changes it calls `tell`."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Future[None]] = set()

    async def changed(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Wait for the next `tell`, at most `seconds`. `loop` is the running event loop."""
        news: asyncio.Future[None] = loop.create_future()
        self._watchers.add(news)
        timer = loop.call_later(seconds, _wake, news)
        try:
            await news
        finally:
            timer.cancel()
            self._watchers.discard(news)

    def tell(self) -> None:
        """Wake all watchers that wait."""
        for news in self._watchers:
            _wake(news)
        self._watchers.clear()


def _wake(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)
