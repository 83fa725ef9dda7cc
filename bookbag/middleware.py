"""Headers that every dynamic page carries."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

Handler = Callable[[HttpRequest], HttpResponse]

SIGN_OUT = {"account_logout", "admin:logout"}


def _forbid_storing(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Cache-Control", "no-store")
    match = request.resolver_match
    if match and match.view_name in SIGN_OUT and request.method == "POST":
        # For the next person at this browser: what it kept of files and pages goes as well. The
        # session's cookie is ended by Django, and the rest of the cookies carry the "signed out" message.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
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
