"""The second factor pages of django-allauth. Only the one where a passkey signs in is open to people not signed in."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn.views import add_webauthn, login_webauthn
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path

from workspaces.errors import FactorUnreadable


def told_if_shut(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """If the vault cannot open or seal what a page needs, redirect to the list of second factors, with a message."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
            # Rendered inside the `try`, because the template reads recovery codes from the vault.
            return response.render() if hasattr(response, "render") else response
        except FactorUnreadable as problem:
            messages.error(request, str(problem))
            return redirect("mfa_index")

    return guarded


urlpatterns = [
    path("webauthn/login/", login_not_required(login_webauthn), name="mfa_login_webauthn"),
    path("webauthn/add/", told_if_shut(add_webauthn), name="mfa_add_webauthn"),
    path("totp/activate/", told_if_shut(totp.activate_totp), name="mfa_activate_totp"),
    path("recovery-codes/", told_if_shut(recovery_codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/generate/",
        told_if_shut(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "recovery-codes/download/",
        told_if_shut(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("", include("allauth.mfa.urls")),
]
