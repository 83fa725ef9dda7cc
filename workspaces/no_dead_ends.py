"""Redirects for people who open, without a form, an address that only accepts POST.

That happens after a sign-in that was required in the middle of an act, by a reload, or from a bookmark. A script
gets a 405; a person is sent to the nearest page above the address, and told that nothing was done.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

NOTHING_DONE = (
    "Nothing was done at that address: it needs its form. If you had pressed a button before, press it again."
)
NOT_SAVED = "Your session has ended, and what you sent was not saved. Sign in, and send it again."


def lead_on(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: redirects a person's GET of a POST-only address to the page above it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_dead_end = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET"
        if not (is_dead_end and "text/html" in request.headers.get("Accept", "")):
            return response
        messages.info(request, NOTHING_DONE)
        return HttpResponseRedirect(page_above(request.path))

    return middleware


def page_above(path: str) -> str:
    """The nearest address above `path` that has a page."""
    parts = path.strip("/").split("/")
    while parts := parts[:-1]:
        above = f"/{'/'.join(parts)}/"
        try:
            view = resolve(above).func
        except Resolver404:
            continue
        if not takes_forms_only(view):
            return above
    return "/"


def takes_forms_only(view: Any) -> bool:
    """Whether `view` is decorated with Django's require_POST.

    The only sign of that is the list of methods in its closure.
    """
    while view is not None:
        kept = [cell.cell_contents for cell in getattr(view, "__closure__", None) or ()]
        if ["POST"] in kept:
            return True
        view = getattr(view, "__wrapped__", None)
    return False


class SignInRequired(LoginRequiredMiddleware):
    """Django's middleware, which returns people after the sign-in to where they were; after a form, to the form's page."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        messages.warning(request, NOT_SAVED)
        return redirect_to_login(page_of_the_form(request), reverse("account_login"))


def page_of_the_form(request: HttpRequest) -> str:
    """The page of the form, by the Referer header if that is one of our pages; else the address that the form was
    sent to.
    """
    page = urlsplit(request.headers.get("Referer", ""))
    url = page.geturl()
    if (
        url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
        and page.netloc
    ):
        return page.path + (f"?{page.query}" if page.query else "")
    match = request.resolver_match
    return page_above(request.path) if match and takes_forms_only(match.func) else request.path
