"""Headers that every dynamic page carries, and what no request may hold."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

Handler = Callable[[HttpRequest], HttpResponse]

# What a browser may offer pages beside what it must: nothing but passkeys and copying.
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
        # For the next person at this browser: files and pages that it has kept are cleared too. The
        # session's cookie is ended by Django, and the rest of the cookies carry the "signed out" message.
        # What is typed and not yet sent stays in the tab for its member, and is removed unread for any other.
        response.headers["Clear-Site-Data"] = '"cache"'
    return response


@sync_and_async_middleware
def no_store(get_response: Handler) -> Handler:
    """Pages show balances and masks: no browser or proxy may keep a copy (the back button included)."""
    if iscoroutinefunction(get_response):
        async_next = cast(Callable[[HttpRequest], Awaitable[HttpResponse]], get_response)

        async def async_middleware(request: HttpRequest) -> HttpResponse:
            return _forbid_storing(request, await async_next(request))

        return cast(Handler, markcoroutinefunction(async_middleware))

    def middleware(request: HttpRequest) -> HttpResponse:
        return _forbid_storing(request, get_response(request))

    return middleware


def assert_no_nul(request: HttpRequest) -> None:
    """Raises BadRequest for a NUL in the path or the query, which PostgreSQL would refuse to look anything up by.

    Fields of forms are not looked at: a form refuses a NUL by itself, next to the field.
    """
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise BadRequest("a NUL in the path or the query")


@sync_and_async_middleware
def no_nul(get_response: Handler) -> Handler:
    """The one place where addresses with a NUL are refused; the express lane calls the same check."""
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
