"""django-allauth's pages of an account, with our page of its addresses in the place of the library's."""

from django.urls import include, path

from workspaces import email_page

urlpatterns = [
    path("email/", email_page.email_page, name="account_email"),
    path("", include("allauth.account.urls")),
]
