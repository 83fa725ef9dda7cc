"""The way to an issuer and back, and what a browser shows then."""

import re
from html import unescape
from typing import Any

from django.test import Client

from tests.harness.issuer import Issuer
from workspaces.models import AuditEvent, Identity, User

BEGIN, CONNECT, CONFIRM, REMOVE = "/sso/", "/sso/connect/", "/sso/confirm/", "/sso/remove/"
HOUR = 3600


def led_out(browser: Client, path: str = BEGIN, **fields: str) -> str:
    """Where the page that a button of ours answers with leads."""
    page = browser.post(path, fields).content.decode()
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    assert found is not None, page
    return unescape(found.group(1))


def came_back(
    browser: Client, issuer: Issuer, path: str = BEGIN, *, cancel: bool = False, **fields: str
) -> Any:
    return browser.get(issuer.visit(led_out(browser, path, **fields), cancel=cancel))


def is_in(browser: Client, email: str = "olivia@acme.test") -> bool:
    return browser.get("/account/").context is not None and email in browser.get("/account/").content.decode()


def heading(answer: Any) -> str:
    found = re.search(r"<h1>(.*?)</h1>", answer.content.decode(), re.S)
    return unescape(re.sub(r"<[^>]*>", "", found.group(1))) if found else ""


def nothing_changed() -> bool:
    return not Identity.objects.exists() and not AuditEvent.objects.filter(action="person.signed_in").exists()


def stale(browser: Client) -> Client:
    """As if the sign-in were long ago."""
    User.objects.update(last_login="2026-01-01T00:00:00Z")
    session = browser.session
    for record in session.get("account_authentication_methods", []):
        record["at"] -= HOUR
    session.save()
    return browser
