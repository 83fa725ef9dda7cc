"""The product's server with one address whose answer never comes, from a thread that nothing can end."""

import asyncio
import time
from typing import Any

from bookbag.asgi import application as product


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http" and scope["path"] == "/stuck/":
        await asyncio.to_thread(time.sleep, 600)
    else:
        await product(scope, receive, send)
