"""The map of /sso/, which exists where an issuer is named (OIDC_ISSUER)."""

from django.urls import path

from workspaces import sso_pages

urlpatterns = [
    path("", sso_pages.begin, name="sso_begin"),
    path("back/", sso_pages.back, name="sso_back"),
    path("connect/", sso_pages.connect, name="sso_connect"),
    path("confirm/", sso_pages.confirm, name="sso_confirm"),
    path("remove/", sso_pages.remove, name="sso_remove"),
]
