"""Whether somebody has shown lately who they are: what concerns secrets, money or people asks for it."""

import time
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse


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
