"""How sign-in differs from allauth's defaults."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.core.ratelimit import respond_429
from django.conf import settings
from django.contrib import messages
from django.contrib.sites.requests import RequestSite
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse

from workspaces import identities, issuer, people, reauth, sign_in_limits, signup

LONGEST_ADDRESS = 2_000


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This address and password do not belong together. If you have just signed up, follow the "
        "link in your mail first.",
    }

    def clean_email(self, email: str) -> str:
        return super().clean_email(email).strip().lower()

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """False, and a sentence that says why, where an account that operators have added signs in with the address."""
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError:
            messages.error(request, people.address_is_anothers())
            return False

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

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """allauth's, in our words, and the issuer that signs this person in."""
        methods = super().get_reauthentication_methods(user)
        if user.is_authenticated and issuer.is_offered() and identities.of(user):
            words = f"Confirm with {settings.OIDC_NAME}"
            methods.append({"id": "sso", "description": words, "url": reverse("sso_confirm")})
        return list(methods)

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Whoever has just signed in has shown who they are.

        Raises ReauthenticationRequired for somebody whom only the issuer signs in: allauth itself would not ask them.
        """
        request = current.request
        if reauth.is_recent(request):
            return False
        if [one["id"] for one in self.get_reauthentication_methods(request.user)] == ["sso"]:
            raise ReauthenticationRequired
        return True

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """After too many failures, answer 429 without looking at the password."""
        try:
            attempt = sign_in_limits.Attempt(request, credentials.get("email", ""))
        except sign_in_limits.TooMany as refusal:
            response = respond_429(request)
            response.headers["Retry-After"] = str(refusal.seconds)
            raise ImmediateHttpResponse(response) from None
        user = super().authenticate(request, **credentials)
        if user is not None and people.is_mere_sign_up(user):
            # As for a wrong password, in answer and in time: a stranger who has just signed up with an address would
            # learn here whether it was free. Whoever has lost the link signs up again.
            return None
        if user is not None:
            attempt.forgive()
        return user

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        """Where the link of a mail leads, unless it signs its browser in.

        In another browser than the one that signed up, whoever has the mailbox need not be who typed the password: they
        choose one.
        """
        person = email_address.user
        if self.request.user.is_authenticated or person.last_login is not None:
            return str(super().get_email_verification_redirect_url(email_address) or reverse("account_login"))
        person.set_unusable_password()
        person.save(update_fields=["password"])
        token = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
        return str(self.get_reset_password_from_key_url(token))
