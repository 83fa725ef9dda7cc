"""Middleware: headers of every dynamic page, and the refusal of NUL in addresses."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

Handler = Callable[[HttpRequest], HttpResponse]

# Permissions-Policy: of optional browser features, pages use only passkeys and copying.
PERMISSIONS = (
    "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
)
PERMISSIONS += (
    ", publickey-credentials-create=(self), publickey-credentials-get=(self), clipboard-write=(self)"
)

SIGN_OUT = {"account_logout", "admin:logout"}


def _forbid_storing(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Permissions-Policy"] = PERMISSIONS
    match = request.resolver_match
    if match and match.view_name in SIGN_OUT and request.method == "POST":
        # Sent after signing out: clears the browser's cached files and pages, for the next person at this browser.
        # Cookies are not cleared: Django ends the session's, and another carries the "signed out" message. Text that
        # is typed but not sent stays in the tab for its member, and is removed unread for anybody else.
        response.headers["Clear-Site-Data"] = '"cache"'
    return response


@sync_and_async_middleware
def no_store(get_response: Handler) -> Handler:
    """Pages show balances and masks, so no browser or proxy may store a copy, not even for the back button."""
    if iscoroutinefunction(get_response):
        async_next = cast(Callable[[HttpRequest], Awaitable[HttpResponse]], get_response)

        async def async_middleware(request: HttpRequest) -> HttpResponse:
            return _forbid_storing(request, await async_next(request))

        return cast(Handler, markcoroutinefunction(async_middleware))

    def middleware(request: HttpRequest) -> HttpResponse:
        return _forbid_storing(request, get_response(request))

    return middleware


def assert_no_nul(request: HttpRequest) -> None:
    """Raises BadRequest for a NUL in the path or the query, which PostgreSQL does not accept as a parameter.

    Form fields are not checked here: a form itself refuses a NUL, with a message at the field.
    """
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise BadRequest("a NUL in the path or the query")


@sync_and_async_middleware
def no_nul(get_response: Handler) -> Handler:
    """Middleware that refuses addresses with a NUL; the express lane calls the same check."""
    if iscoroutinefunction(get_response):
        async_next = cast(Callable[[HttpRequest], Awaitable[HttpResponse]], get_response)

        async def async_middleware(request: HttpRequest) -> HttpResponse:
            assert_no_nul(request)
            return await async_next(request)

        return cast(Handler, markcoroutinefunction(async_middleware))

    def middleware(request: HttpRequest) -> HttpResponse:
        assert_no_nul(request)
        return get_response(request)

    return middleware
