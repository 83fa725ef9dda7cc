"""Plain requests to the double without an SDK, so that exactly what a test gives is sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from .client import OPENER, Double
from .sdk import SECRETS

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
VERSION = "2026-10-21"
HELLO = [{"role": "user", "content": "Hello"}]


@dataclass(frozen=True)
class Said:
    """An answer: its status, headers (names in lower case) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object of an error's body."""
        found: dict[str, Any] = self.json["error"]
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON of a stream's events, without [DONE]."""
        lines = self.body.decode().split("\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def headers_for(provider: str, secret: str = "") -> dict[str, str]:
    """The headers that the provider's own SDK sends, as far as they matter."""
    headers = {
        "authorization": f"Bearer {secret or SECRETS[provider]}",
        "content-type": "application/json",
    }
    return headers | ({"anthropic-version": VERSION} if provider == "anthropic" else {})


def send(
    double: Double, method: str, path: str, headers: Mapping[str, str | None], body: bytes | None = None
) -> Said:
    """One request; a header given as None is left out."""
    given = {name: value for name, value in headers.items() if value is not None}
    request = Request(double.url + path, body, given, method=method)  # noqa: S310 (our own process)
    try:
        with OPENER.open(request, timeout=10) as response:
            return Said(response.status, lowered(response.headers), response.read())
    except HTTPError as refused:
        with refused:
            return Said(refused.code, lowered(refused.headers), refused.read())


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def ask(
    double: Double,
    provider: str,
    model: str,
    *,
    headers: Mapping[str, str | None] | None = None,
    secret: str = "",
    **body: Any,
) -> Said:
    """Ask for a reply, with the model, one message and these fields; a field that is None is left out."""
    asked: dict[str, Any] = {"model": model, "messages": HELLO}
    if provider == "anthropic":
        asked["max_tokens"] = 1024
    sent = {name: value for name, value in {**asked, **body}.items() if value is not None}
    named: dict[str, str | None] = {**headers_for(provider, secret), **(headers or {})}
    return send(double, "POST", PATHS[provider], named, json.dumps(sent).encode())


def models(double: Double, provider: str, query: str = "", *, secret: str = "") -> Said:
    """Ask for the model list."""
    return send(double, "GET", f"/v1/models{query}", {**headers_for(provider, secret)})
