"""Known browsers: a signed cookie that outlives the session and says who has signed in with this browser before.

The cookie does not sign anybody in. It only allows its browser to try a password while unknown browsers are locked
out (workspaces/sign_in_limits.py). A browser in which a password was set by a link from a mail is known as well.
"""

import secrets
from collections.abc import Callable
from typing import Any

from allauth.account.signals import password_reset
from allauth.account.utils import filter_users_by_email
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from workspaces.models import User

SALT = "workspaces.devices"
# The longest time for which browsers keep a cookie.
DAYS = 400
# The most people who share a browser; beyond that, the one who signed in longest ago is dropped.
PEOPLE = 5


def cookie_name() -> str:
    return "__Host-device" if settings.HTTPS else "device"


def known_for(request: HttpRequest, email: str) -> str:
    """The browser's id if the person with this e-mail address has signed in with it before; else empty."""
    device = _read(request)
    user = request.user if hasattr(request, "user") and request.user.is_authenticated else None
    if not device["users"] and user is None:
        return ""
    people = {str(person.pk) for person in filter_users_by_email(email)}
    if people & set(device["users"]):
        return str(device["id"])
    # A signed-in person who must enter the password again counts as known here, even without the cookie.
    return f"user {user.pk}" if user is not None and str(user.pk) in people else ""


def _read(request: HttpRequest) -> dict[str, Any]:
    nobody: dict[str, Any] = {"id": secrets.token_urlsafe(12), "users": []}
    try:
        told = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=DAYS * 86_400)
    except signing.BadSignature:
        return nobody
    return told if isinstance(told, dict) else nobody


@receiver([user_logged_in, password_reset], dispatch_uid="workspaces.devices")
def note(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    if request is not None:
        request.device_of = str(user.pk)  # type: ignore[attr-defined]


def remember(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: sets the cookie when a person has just signed in or set a new password."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        user = getattr(request, "device_of", "")
        if user:
            _give(request, response, user)
        return response

    return middleware


def _give(request: HttpRequest, response: HttpResponse, user: str) -> None:
    device = _read(request)
    device["users"] = [user, *(one for one in device["users"] if one != user)][:PEOPLE]
    response.set_cookie(
        cookie_name(),
        signing.dumps(device, salt=SALT),
        max_age=DAYS * 86_400,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )
