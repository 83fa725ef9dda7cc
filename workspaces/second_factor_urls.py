"""django-allauth's pages of second factors. The one where a passkey signs in is for people who are not signed in."""

from allauth.mfa.webauthn.views import login_webauthn
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

urlpatterns = [
    path("webauthn/login/", login_not_required(login_webauthn), name="mfa_login_webauthn"),
    path("", include("allauth.mfa.urls")),
]
