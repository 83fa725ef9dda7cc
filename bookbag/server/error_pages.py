"""Error pages, with statuses that Django itself does not distinguish."""

import logging
import secrets
import sys
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.middleware import csrf
from django.shortcuts import render
from django.template import loader
from psycopg_pool import PoolTimeout

from agents import refusals
from bookbag.operations import health
from bookbag.operations.logs import redact
from bookbag.server.arrival import origin_of

log = logging.getLogger(__name__)

STALE = "stale"
OTHER_SCHEME = "scheme"
OTHER_PORT = "port"
OTHER_HOST = "host"
NO_COOKIE = "cookie"
NO_REFERER = "referer"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 for a request that is too large."""
    if isinstance(exception, TooManyFilesSent):
        return render(request, "413.html", {"files": settings.DATA_UPLOAD_MAX_NUMBER_FILES}, status=413)
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def new_reference(request: HttpRequest) -> str:
    """A reference for support: the person is shown it, and the log line and mail of the same failure contain it."""
    request.reference = reference = secrets.token_hex(4)  # type: ignore[attr-defined]
    return reference


def outage(problem: BaseException | None) -> str:
    """The reason if the database has failed, which is temporary and not the person's fault.

    "database_down": it could not be reached. "busy": it answers, and no connection to it was free in time, which is
    logged. "" for every other problem. Queries the database, so do not call it on the event loop.
    """
    if not isinstance(problem, OperationalError | InterfaceError | PoolTimeout):
        return ""
    waited = isinstance(problem, PoolTimeout) or isinstance(problem.__cause__, PoolTimeout)
    if not waited or not health.database_answers_beside_the_pool():
        return "database_down"
    figures = connection.pool.get_stats()  # type: ignore[attr-defined]
    log.warning(
        "busy: the pool's %d connections are all lent; since one was last free, %d more requests wait or have given up",
        figures["pool_size"],
        figures.get("requests_waiting", 0),
    )
    return "busy"


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 without a database.

    Rendered without the request, because the failure may be in something that every page uses.
    """
    cause = outage(sys.exc_info()[1])
    if cause and "application/json" in request.headers.get("Accept", ""):
        response: HttpResponse = refusals.as_json(cause, status=503)
    else:
        page = loader.get_template("500.html")
        facts = {
            "reference": new_reference(request),
            "outage": cause,
            "support": settings.SUPPORT_EMAIL,
        }
        response = HttpResponse(page.render(facts))
    response.status_code = 503 if cause else 500
    if cause:
        response["Retry-After"] = "10"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that fails the CSRF check; tells the person what is missing, and operators why.

    Context: `cause`, one of the constants above; `sent_from` and `here`, the two addresses that differ.
    """
    here = origin_of(f"{request.scheme}://{request.get_host()}")
    sent_from = origin_of(request.headers.get("Origin") or request.headers.get("Referer", ""))
    cause = _csrf_cause(request, reason, here, sent_from)
    shown = {"sent_from": redact(sent_from) or UNTOLD, "here": redact(here)}
    if "application/json" in request.headers.get("Accept", ""):
        message = "" if cause == STALE else CSRF_WORDS[cause].format_map(shown)
        return refusals.as_json("csrf_failed", status=403, message=message)
    context = {"cause": cause, **shown}
    return render(request, "403_csrf.html", context, status=403)


UNTOLD = "an address that your browser does not tell"
CSRF_WORDS = {
    OTHER_SCHEME: "The page was opened at {sent_from}, and what it sent arrived as {here}. Nothing was done.",
    OTHER_PORT: "The page was opened at {sent_from}, and what it sent arrived as {here}. Nothing was done.",
    OTHER_HOST: "The page was opened at {sent_from}, and what it sent arrived as {here}. Nothing was done.",
    NO_COOKIE: "The browser sent no cookie, so nothing was done. Allow cookies for this site and reload the page.",
    NO_REFERER: "The browser hides which page this came from, so nothing was done. Let it tell this site.",
}


def _csrf_cause(request: HttpRequest, reason: str, here: str, sent_from: str) -> str:
    if reason == csrf.REASON_NO_CSRF_COOKIE:
        # A browser without TLS does not keep a cookie that requires TLS.
        return OTHER_SCHEME if settings.CSRF_COOKIE_SECURE and not request.is_secure() else NO_COOKIE
    if reason in (csrf.REASON_NO_REFERER, csrf.REASON_MALFORMED_REFERER):
        return NO_REFERER
    if not reason.startswith(("Origin checking failed", "Referer checking failed")):
        return STALE
    theirs, ours = urlsplit(sent_from), urlsplit(here)
    if theirs.hostname != ours.hostname:
        return OTHER_HOST
    return OTHER_SCHEME if theirs.scheme != ours.scheme else OTHER_PORT
