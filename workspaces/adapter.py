"""How sign-in differs from allauth's defaults."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.contrib.sites.requests import RequestSite
from django.http import HttpRequest

from workspaces import reauth, sign_in_limits, signup

LONGEST_ADDRESS = 2_000


class AccountAdapter(DefaultAccountAdapter):
    def clean_email(self, email: str) -> str:
        return super().clean_email(email).strip().lower()

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return signup.is_open(request)

    def is_safe_url(self, url: str | None) -> bool:
        # A longer address is refused unread: no browser takes it, and checking it takes time by the square of its accents.
        return url is not None and len(url) <= LONGEST_ADDRESS and super().is_safe_url(url)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # Mails name the product; allauth would name the host and its port.
        site = RequestSite(current.request)
        site.name = "Bookbag"
        super().send_mail(template_prefix, email, {**context, "current_site": site})

    def is_reauthentication_required(self, *, app: str) -> bool:
        # Whoever has just signed in has shown who they are.
        return not reauth.is_recent(current.request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """After too many failures, answer 429 without looking at the password."""
        try:
            attempt = sign_in_limits.Attempt(request, credentials.get("email", ""))
        except sign_in_limits.TooMany as refusal:
            response = respond_429(request)
            response.headers["Retry-After"] = str(refusal.seconds)
            raise ImmediateHttpResponse(response) from None
        user = super().authenticate(request, **credentials)
        if user is not None:
            attempt.forgive()
        return user
