"""Headers that every dynamic page carries."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

Handler = Callable[[HttpRequest], HttpResponse]


def _forbid_storing(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@sync_and_async_middleware
def no_store(get_response: Handler) -> Handler:
    """Pages show balances and masks: no browser or proxy may keep a copy (the back button included)."""
    if iscoroutinefunction(get_response):
        async_next = cast(Callable[[HttpRequest], Awaitable[HttpResponse]], get_response)

        async def async_middleware(request: HttpRequest) -> HttpResponse:
            return _forbid_storing(await async_next(request))

        return cast(Handler, markcoroutinefunction(async_middleware))

    def middleware(request: HttpRequest) -> HttpResponse:
        return _forbid_storing(get_response(request))

    return middleware
