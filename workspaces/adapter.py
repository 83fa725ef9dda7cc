"""How sign-in differs from allauth's defaults."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.contrib.sites.requests import RequestSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest

# The longest window of ACCOUNT_RATE_LIMITS["login_failed"], in seconds.
RETRY_AFTER = 15 * 60
LONGEST_ADDRESS = 2_000


class AccountAdapter(DefaultAccountAdapter):
    def clean_email(self, email: str) -> str:
        return super().clean_email(email).strip().lower()

    def is_safe_url(self, url: str | None) -> bool:
        # Nobody is sent on to an address longer than a browser takes; looking at one takes the square of its accents.
        return url is not None and len(url) <= LONGEST_ADDRESS and super().is_safe_url(url)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # The product's name in the text; without this it would be the host's, port and all.
        site = RequestSite(current.request)
        site.name = "Bookbag"
        super().send_mail(template_prefix, email, {**context, "current_site": site})

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """After too many failures no password is looked at any more, and the answer is a plain 429."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            response = respond_429(request)
            response.headers["Retry-After"] = str(RETRY_AFTER)
            raise ImmediateHttpResponse(response) from None
