"""The express lane: the chat path without the middleware stack.

A reply takes less than half the time that it takes behind Django's middleware, most of which switches between
threads for each request (docs/decisions/0008-express-lane.md has the figures). The checks of the stack are made here
with Django's own code: the host, the CSRF token and origin, the size of the body. The view itself checks who may.
Its views are those of agents/chat_urls.py. They also answer through the ordinary stack, by which forms without
JavaScript reach them.
"""

import asyncio
import contextlib
import io
import logging
from typing import Any

from csp.utils import build_policy
from django.conf import settings
from django.core.exceptions import BadRequest, DisallowedHost, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.urls import Resolver404, ResolverMatch, resolve

from agents import refusals, running
from bookbag.operations import health
from bookbag.server import bounds
from bookbag.server.arrival import App, Receive, Scope, Send
from bookbag.server.error_pages import new_reference, outage
from bookbag.server.middleware import PERMISSIONS, assert_no_nul
from workspaces import tracing

log = logging.getLogger("django.request")

CHAT_URLS = "agents.chat_urls"


class Express:
    """ASGI: serves express views to scripts and answers health probes; passes everything else to Django."""

    def __init__(self, django: App) -> None:
        self.django = django
        self.csrf = CsrfViewMiddleware(lambda request: HttpResponse())
        self.headers = [
            (b"content-security-policy", build_policy().encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", settings.X_FRAME_OPTIONS.encode()),
            (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cache-control", b"no-store"),
            (b"permissions-policy", PERMISSIONS.encode()),
        ]
        if settings.SECURE_HSTS_SECONDS:
            self.headers.append(
                (
                    b"strict-transport-security",
                    f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload".encode(),
                )
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in health.PROBES:
            await self._send(await health.probe(scope["method"], scope["path"]), receive, send)
            return
        bounds.drop_odd_headers(scope)
        if len(scope["path"]) > bounds.LONGEST_PATH:
            await self._refuse(scope, receive, send, 414, "400.html")
            return
        match = _match(scope)
        if match is None:
            await self._page(scope, receive, send)
            return
        try:
            bounds.refuse_announced_flood(scope, bounds.FORM_BYTES)
            receive = bounds.up_to(bounds.FORM_BYTES, receive)
            body = await _read_body(receive)
            request = ASGIRequest(scope, io.BytesIO(body))
            response = await self._respond(request, match, len(body))
        except bounds.TooLarge:
            response = refusals.as_json(
                "message_too_large", status=413, data={"limit": running.QUESTION_CHARACTERS}
            )
        except asyncio.CancelledError:
            return
        await self._send(response, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to Django, with a limited body.

        Django would write a body of any size to disk before it checks the sender.
        """
        try:
            most = bounds.most_bytes(scope)
            bounds.refuse_announced_flood(scope, most)
            await self.django(scope, bounds.up_to(most, receive), send)
        except bounds.TooLarge:
            await self._refuse(scope, receive, send, 413, "413.html")

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, template: str) -> None:
        request = ASGIRequest({**scope, "path": "/"}, io.BytesIO())
        await self._send(render(request, template, status=status), receive, send)

    async def _respond(self, request: ASGIRequest, match: ResolverMatch, size: int) -> HttpResponseBase:
        try:
            request.get_host()
            if size > bounds.READ_AT_ONCE:
                # In a thread, so that other streams go on: parsing half a megabyte of "%" takes a quarter of a
                # second.
                await asyncio.to_thread(getattr, request, "POST")
            assert_no_nul(request)
            tracing.reply_id.set(str(match.kwargs.get("reply_id", "")))
            self.csrf.process_request(request)
            refusal = self.csrf.process_view(request, match.func, (), {})
            if refusal is not None:
                return refusal
            response: HttpResponseBase = await match.func(request, **match.kwargs)
        except DisallowedHost:
            return refusals.as_json("not_found", status=400)
        except (SuspiciousOperation, MultiPartParserError, BadRequest):
            return refusals.as_json("malformed", status=400)
        except Exception as problem:
            cause = await asyncio.to_thread(outage, problem)
            if cause:
                return refusals.as_json(cause, status=503)
            message = f"Our side: something went wrong. Try again. (Reference {new_reference(request)})"
            log.error("Internal Server Error: %s", request.path, exc_info=problem, extra={"request": request})
            return refusals.as_json("internal", status=500, message=message)
        return response

    async def _send(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()
        ]
        await send(
            {"type": "http.response.start", "status": response.status_code, "headers": headers + self.headers}
        )
        if response.streaming:
            await _stream(response, receive, send)
        else:
            await send({"type": "http.response.body", "body": response.content})  # type: ignore[attr-defined]


def _match(scope: Scope) -> ResolverMatch | None:
    if scope["type"] != "http":
        return None
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    if b"application/json" not in accept and b"text/event-stream" not in accept:
        return None
    try:
        return resolve(scope["path"], CHAT_URLS)
    except Resolver404:
        return None


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _stream(response: Any, receive: Receive, send: Send) -> None:
    """Send until the stream ends or the client leaves, which is noticed even while nothing is sent."""
    sender = asyncio.current_task()
    left = False

    async def notice_leaving() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        left = True
        if sender:
            sender.cancel()

    listener = asyncio.create_task(notice_leaving())
    try:
        async with contextlib.aclosing(aiter(response)) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        if sender:
            sender.uncancel()
        if not left:
            # The server is stopping and waits no longer. End cleanly; watchers reconnect for the rest.
            await send({"type": "http.response.body", "body": b""})
    finally:
        listener.cancel()
