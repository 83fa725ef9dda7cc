"""Error pages whose status Django does not tell apart by itself."""

import secrets
import sys

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template import loader
from psycopg_pool import PoolTimeout


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 for a request that is too big to be read."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def new_reference(request: HttpRequest) -> str:
    """A word to ask us by: the person is shown it, and the log line and mail of the same failure carry it."""
    request.reference = reference = secrets.token_hex(4)  # type: ignore[attr-defined]
    return reference


def is_database_down(problem: BaseException | None) -> bool:
    """Whether it failed because the database could not be reached: nobody's fault here, and soon over."""
    return isinstance(problem, OperationalError | InterfaceError | PoolTimeout)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 without a database. Rendered without the request: what failed may be something every page asks for."""
    down = is_database_down(sys.exc_info()[1])
    page = loader.get_template("500.html").render(
        {"reference": new_reference(request), "database_down": down}
    )
    if not down:
        return HttpResponseServerError(page)
    return HttpResponse(page, status=503, headers={"Retry-After": "10"})
