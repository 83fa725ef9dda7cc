"""Where a person is signed in: each session with the browser and address that opened it. Ending one works at once."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from workspaces import audit
from workspaces.addresses import client_address
from workspaces.models import Session, User
from workspaces.sessions import SessionStore

OPENED = "opened"
# The page shows the newest sessions only; ending all sessions ends the others, too.
SHOWN = 50
# Names of browsers in user agents. The first match counts, because other browsers include Chrome's name.
BROWSERS = {
    "Edge": re.compile(r"\bEdg\w*/"),
    "Opera": re.compile(r"\bOPR\w*/"),
    "Samsung Internet": re.compile(r"\bSamsungBrowser/"),
    # On iPhones each browser has a different name.
    "Firefox": re.compile(r"\b(?:Firefox|FxiOS)\w*/"),
    "Chrome": re.compile(r"\b(?:Chrome|HeadlessChrome|CriOS)\w*/"),
    "Safari": re.compile(r"\bSafari\w*/"),
}
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class OpenSession:
    """`name` identifies the session on pages, where its key must not be shown.

    `opened_at` is None for sessions of an older version.
    """

    name: str
    browser: str
    address: str
    opened_at: datetime | None
    is_current: bool


@receiver(user_logged_in, dispatch_uid="workspaces.open_sessions")
def note(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """Store in the session which browser opened it, to show to its owner."""
    if request is not None:
        request.session[OPENED] = {
            "at": timezone.now().isoformat(),
            "browser": browser_name(request.headers.get("User-Agent", "")),
            "address": client_address(request),
        }


def browser_name(told: str) -> str:
    """A user agent in words: "Firefox on Linux"."""
    told = told[:500]
    browser = next((name for name, sign in BROWSERS.items() if sign.search(told)), "A browser")
    system = next((name for sign, name in SYSTEMS if sign in told), "")
    return f"{browser} on {system}" if system else browser


def of(request: HttpRequest) -> list[OpenSession]:
    """The sessions of the request's user: the current one first, then by age."""
    found = [_told(row, request) for row in _rows(request)[:SHOWN]]
    return sorted(
        found, key=lambda one: (not one.is_current, -(one.opened_at.timestamp() if one.opened_at else 0))
    )


def end(request: HttpRequest, name: str) -> bool:
    """End one session of the request's user; False if there is none with that name."""
    row = next((row for row in _rows(request) if _name(row.session_key) == name), None)
    if row is None:
        return False
    told = _told(row, request)
    row.delete()
    audit.record(None, "session.ended", request=request, browser=told.browser, opened_from=told.address)
    return True


def end_others(request: HttpRequest) -> int:
    """End every session of the request's user except the current one; returns how many."""
    ended, _ = _rows(request).exclude(session_key=request.session.session_key).delete()
    audit.record(None, "session.all_others_ended", request=request, ended=ended)
    return ended


def _rows(request: HttpRequest) -> Any:
    open_ones = Session.objects.filter(user=request.user.pk, expire_date__gt=timezone.now())
    return open_ones.order_by("-expire_date", "session_key")


def _told(row: Session, request: HttpRequest) -> OpenSession:
    opened = SessionStore().decode(row.session_data).get(OPENED) or {}
    return OpenSession(
        name=_name(row.session_key),
        browser=opened.get("browser") or "A browser",
        address=opened.get("address") or "",
        opened_at=datetime.fromisoformat(opened["at"]) if opened.get("at") else None,
        is_current=row.session_key == request.session.session_key,
    )


def _name(session_key: str) -> str:
    return salted_hmac("workspaces.open_sessions", session_key).hexdigest()[:32]
