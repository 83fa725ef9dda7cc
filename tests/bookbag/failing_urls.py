"""The site's map with addresses that fail in every way a view can."""

from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path

from bookbag import urls


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("CANARY of a view that broke")


def refusing(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("Not yours.")


def puzzled(request: HttpRequest) -> HttpResponse:
    raise BadRequest("CANARY of a request that made no sense")


urlpatterns: list[Any] = [
    *urls.urlpatterns,
    path("broken", broken),
    path("refusing", refusing),
    path("puzzled", puzzled),
]
handler400 = urls.handler400
handler500 = urls.handler500
