"""The product's server with faults, served by the canary suite in the place of bookbag.asgi.

The header `X-Canary-Fault` of a request names the fault that is on from then on. Each error has the planted secrets
and the prompt in its message and in the locals of its frames, as errors of a careless library would. Nothing here is
reachable from the product.
"""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

from bookbag.asgi import application as sound_application

# After the application: it sets Django up.
from django.contrib import admin  # isort: skip
from django.db import DatabaseError  # isort: skip
from django.urls import URLPattern, URLResolver, get_callable, get_resolver  # isort: skip

import httpx2  # isort: skip

from agents.running import accepting, heartbeat, runs, settlement, watching  # isort: skip
from bookbag.pages import llm_overview  # isort: skip
from bookbag.server import error_pages  # isort: skip
from llm import gateway, keys, listing, notices, vault  # isort: skip
from llm.keys import saving  # isort: skip
from workspaces.sessions import SessionStore  # isort: skip

WORDS = os.environ["CANARY_WORDS"]
_on = ""


async def application(scope: Any, receive: Any, send: Any) -> None:
    global _on
    if scope["type"] == "http":
        _on = dict(scope["headers"]).get(b"x-canary-fault", b"").decode()
    await sound_application(scope, receive, send)


def fail(kind: type[Exception] = RuntimeError) -> Any:
    """Raise an error that has a cause, and every secret in its message and in a local."""
    header = {"Authorization": f"Bearer {WORDS}"}
    try:
        raise ValueError(f"Illegal header value {header['Authorization'].encode()!r}")
    except ValueError as cause:
        raise kind(f"It did not work: {WORDS}") from cause


def breakable(fault: str, function: Callable[..., Any], kind: type[Exception] = RuntimeError) -> Any:
    """A version of `function` that fails while `fault` is on."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return fail(kind) if fault in _on.split() else await function(*args, **kwargs)

    else:

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return fail(kind) if fault in _on.split() else function(*args, **kwargs)

    return wrapped


def break_views(resolver: URLResolver) -> None:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            break_views(entry)
        elif isinstance(entry, URLPattern):
            entry.callback = breakable("view", entry.callback)


async def break_off(self: Any) -> Any:
    """A provider's text that is followed by an error of ours."""
    if "pieces" not in _on.split():
        async for piece in _text(self):
            yield piece
        return
    yield "Half a "
    fail()


PLACES: tuple[tuple[str, Any, str, type[Exception]], ...] = (
    ("seal", vault, "seal", RuntimeError),
    ("store", saving, "_put_in_place", DatabaseError),
    ("check", listing, "ask", RuntimeError),
    ("page", llm_overview, "overview", RuntimeError),
    ("session", SessionStore, "load", RuntimeError),
    ("mail", notices, "tell_of_rejection", OSError),
    ("accept", accepting, "accept", RuntimeError),
    ("settle", settlement, "settle", RuntimeError),
    ("heartbeat", heartbeat, "store", RuntimeError),
    ("health", keys, "note_result", RuntimeError),
    ("say", runs.Run, "_say", RuntimeError),
    ("launch", runs, "launch", RuntimeError),
    ("frame", watching, "frame", RuntimeError),
    ("transport", httpx2.AsyncClient, "send", httpx2.LocalProtocolError),
    ("transport", httpx2.Client, "send", httpx2.LocalProtocolError),
    ("handler", error_pages, "server_error", RuntimeError),
    ("admin", admin.ModelAdmin, "get_queryset", RuntimeError),
)

for _fault, _owner, _name, _kind in PLACES:
    setattr(_owner, _name, breakable(_fault, getattr(_owner, _name), _kind))
# The start-up check of settings has already looked up the error page, so the cache has the original.
get_callable.cache_clear()  # type: ignore[attr-defined]
_text = gateway.Completion.text
gateway.Completion.text = break_off  # type: ignore[method-assign]
break_views(get_resolver())
