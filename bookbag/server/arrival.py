"""Determining scheme, host, address and id of a request before any other code sees it.

TRUST_PROXY is the number of proxies in front of the server. Each of them adds an entry on the right, so the
outermost wrote the entry that many places from the right; entries further left may be forged. Without proxies the
headers are ignored. Only this module reads them: Django and the express lane see the scope that it makes of them.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from workspaces import tracing

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FORWARDED = re.compile(rb"x[-_]forwarded[-_].*|forwarded|x[-_]real[-_]ip|x[-_]request[-_]id")
# A host name or an address, at most as long as a name can be.
A_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
# The most characters that are read of a header with a page's address; scheme, host and port fit easily.
LONGEST_ORIGIN = 400
A_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SCHEMES = ("http", "https")


class Arrival:
    """ASGI: gives `app` a trustworthy scope, and each response the id that is in its log lines."""

    def __init__(self, app: App, *, proxies: int) -> None:
        self.app = app
        self.proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = {name: value for name, value in scope["headers"] if FORWARDED.fullmatch(name)}
        peer = scope.get("client")
        if peer and ":" in peer[0]:
            scope = {**scope, "client": (address_of(peer[0]) or peer[0], peer[1])}
        if told:
            scope = self._believed(scope)
        request_id = self._request_id(told.get(b"x-request-id", b""))
        tracing.request_id.set(request_id)
        header = (b"x-request-id", request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await self.app(scope, receive, send_with_id)

    def _request_id(self, told: bytes) -> str:
        text = told.decode("latin-1")
        return text if self.proxies and A_REQUEST_ID.fullmatch(text) else secrets.token_hex(8)

    def _believed(self, scope: Scope) -> Scope:
        headers = [pair for pair in scope["headers"] if not FORWARDED.fullmatch(pair[0])]
        believed = {**scope, "headers": headers}
        if not self.proxies:
            return believed
        scheme = self._told(scope, b"x-forwarded-proto").lower()
        if scheme in SCHEMES:
            believed["scheme"] = scheme
        host = self._told(scope, b"x-forwarded-host").encode("latin-1")
        if host:
            believed["headers"] = [*(pair for pair in headers if pair[0] != b"host"), (b"host", host)]
        address = address_of(self._told(scope, b"x-forwarded-for"))
        if address:
            believed["client"] = (address, 0)
        return believed

    def _told(self, scope: Scope, name: bytes) -> str:
        """The entry of our outermost proxy.

        A proxy that passes the header on unchanged leaves fewer entries than proxies.
        """
        lines = b",".join(value for one, value in scope["headers"] if one == name).decode("latin-1")
        entries = [entry.strip() for entry in lines.split(",") if entry.strip()]
        return entries[-min(self.proxies, len(entries))] if entries else ""


def address_of(text: str) -> str:
    """The address in `text`, with or without a port, in the database's form; empty if there is none."""
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    # A socket for both families writes an IPv4 address in this form.
    return str(getattr(address, "ipv4_mapped", None) or address)


def origin_of(text: str) -> str:
    """Scheme, host and port of the http(s) address in `text`; empty if there is none.

    The rest is left out, since a path, a query or a password may be secret.
    """
    try:
        parts = urlsplit(text[:LONGEST_ORIGIN])
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in SCHEMES or not A_HOST.fullmatch(host):
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" if port is None else f"{parts.scheme}://{host}:{port}"
