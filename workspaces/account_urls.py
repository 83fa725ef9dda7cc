"""The account pages of django-allauth, with our own page of e-mail addresses in place of the library's."""

from django.urls import include, path

from workspaces import email_page

urlpatterns = [
    path("email/", email_page.email_page, name="account_email"),
    path("", include("allauth.account.urls")),
]
