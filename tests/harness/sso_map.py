"""The map of the site as it is where an issuer is named."""

from django.urls import include, path

from bookbag import urls

urlpatterns = [*urls.urlpatterns, path("sso/", include("workspaces.sso_urls"))]
handler400, handler500 = urls.handler400, urls.handler500
