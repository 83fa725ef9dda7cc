"""Recent sign-ins: acts on secrets, money or people require one.

The check comes before anything is typed. A form that takes a secret has a password field as well. A form without a
secret is kept in the session while its sender confirms, and then done (django-allauth resumes it).
"""

import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY, reauthenticate_by_password
from allauth.core.internal.httpkit import serialize_request
from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from workspaces.models import Workspace


def is_recent(request: HttpRequest) -> bool:
    """Whether this session's user signed in or confirmed within the last ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    records = get_authentication_records(request, request.user)
    if records:
        at = max(record["at"] for record in records)
    else:
        # A session that Django opened without our sign-in page is as old as the user's last sign-in.
        last_login = request.user.last_login  # type: ignore[union-attr]
        at = last_login.timestamp() if last_login else 0.0
    return time.time() - at < app_settings.REAUTHENTICATION_TIMEOUT


def ask_again(back: str) -> HttpResponseRedirect:
    """Redirect to the page that asks for the password, and from there to `back`. The POST's data is dropped."""
    return HttpResponseRedirect(reverse("account_reauthenticate") + "?" + urlencode({"next": back}))


def ask_and_carry_on(request: HttpRequest) -> HttpResponseRedirect:
    """The same, but afterwards this POST is done.

    Only for forms without a secret, because the data waits in the session.
    """
    kept = json.loads(serialize_request(request))
    fields = request.POST.copy()
    fields.pop("csrfmiddlewaretoken", None)
    kept["POST"] = fields.urlencode()
    # The session's own cookie need not be stored in the session.
    kept["META"].pop("HTTP_COOKIE", None)
    request.session[STATE_SESSION_KEY] = {"request": json.dumps(kept)}
    return ask_again(request.path)


def recent_sign_in_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For acts of a workspace without a secret: after an old sign-in, the act waits until its sender has confirmed."""

    @wraps(view)
    def guarded(request: HttpRequest, workspace: Workspace, *args: object, **kwargs: object) -> HttpResponse:
        if request.method != "POST" or is_recent(request):
            return view(request, workspace, *args, **kwargs)
        return ask_and_carry_on(request)

    return guarded


class PasswordForm(forms.Form):
    """The password field for sending a secret after an old sign-in. It is on the same page, above the secret."""

    current_password = forms.CharField(
        label="Your Bookbag password",
        help_text="You signed in a while ago, so this is asked as well.",
        error_messages={
            "required": "You signed in a while ago: type your password here, and paste the key once more."
        },
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
        strip=False,
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_current_password(self) -> str:
        if not get_adapter().reauthenticate(self.request.user, self.cleaned_data["current_password"]):
            raise forms.ValidationError(
                "That is not your password. Nothing was saved; paste the key once more."
            )
        return ""

    def confirms(self) -> bool:
        """Whether the password is right; if so, the sign-in counts as recent."""
        if self.is_valid():
            reauthenticate_by_password(self.request)
        return self.is_valid()
