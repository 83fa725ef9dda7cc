"""The product's server, which also tells what is alive inside it; served by test_leaving.py in the place of bookbag.asgi."""

import asyncio
import gc
import json
import threading
from collections import Counter
from typing import Any

from django.db import connection

from bookbag.asgi import application as product

from agents.running import database, runs  # isort: skip (the application sets Django up)

PATH = "/alive/"


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http" or scope["path"] != PATH:
        await product(scope, receive, send)
        return
    await fill_the_pool()
    gc.collect()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(alive()).encode()})


async def fill_the_pool() -> None:
    """Have every chat thread and its connection there before anything is counted: they come when first needed."""
    await database.in_each_thread(connection.ensure_connection)


def alive() -> dict[str, Any]:
    """Tasks by the name of their coroutine, this request's own among them; threads by name; unfinished runs."""
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    threads = Counter(thread.name.rstrip("0123456789") for thread in threading.enumerate())
    return {"tasks": tasks, "threads": threads, "runs": len(runs._live)}
