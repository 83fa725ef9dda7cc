"""Acts on keys and on the switch ask who you are again when your last sign-in is older than 15 minutes.

django-allauth can hold a POST back and run it after the password was given again, but it stores the
POST in the session to do so, typed secret included. Here the POST is dropped instead: the person
confirms and comes back to the page, which says that nothing was saved.
"""

import time
from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from workspaces.models import Workspace


def is_recent(request: HttpRequest) -> bool:
    """Whether this session proved its user within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    records = get_authentication_records(request, request.user)
    if records:
        at = max(record["at"] for record in records)
    else:
        # A session that Django itself opened, without our sign-in page: it was new when the user last signed in.
        last_login = request.user.last_login  # type: ignore[union-attr]
        at = last_login.timestamp() if last_login else 0.0
    return time.time() - at < app_settings.REAUTHENTICATION_TIMEOUT


def ask_again(back: str) -> HttpResponseRedirect:
    """To the page that asks for the password, and from there to `back`. What was posted is dropped."""
    return HttpResponseRedirect(reverse("account_reauthenticate") + "?" + urlencode({"next": back}))


def recent_sign_in_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For views that get a workspace: a POST with a stale sign-in leads to the password page and back."""

    @wraps(view)
    def guarded(request: HttpRequest, workspace: Workspace, *args: object, **kwargs: object) -> HttpResponse:
        if request.method != "POST" or is_recent(request):
            return view(request, workspace, *args, **kwargs)
        return ask_again(reverse("llm:settings", args=[workspace.slug]) + "?confirmed=1")

    return guarded
