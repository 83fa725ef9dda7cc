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
        """False, with a message that says why, if an account that operators added signs in with the address."""
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError:
            messages.error(request, people.address_is_anothers())
            return False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return signup.is_open(request)

    def is_safe_url(self, url: str | None) -> bool:
        # A longer address is refused unread: browsers do not accept it, and the time to check it grows with the
        # square of its accents.
        return url is not None and len(url) <= LONGEST_ADDRESS and super().is_safe_url(url)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # Mails name the product; allauth would name the host and its port.
        site = RequestSite(current.request)
        site.name = "Bookbag"
        super().send_mail(template_prefix, email, {**context, "current_site": site})

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """The methods of allauth, in our words, and the issuer if it signs this person in."""
        methods = super().get_reauthentication_methods(user)
        if user.is_authenticated and issuer.is_offered() and identities.of(user):
            words = f"Confirm with {settings.OIDC_NAME}"
            methods.append({"id": "sso", "description": words, "url": reverse("sso_confirm")})
        return list(methods)

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Whether to ask again who the person is; not if they have just signed in.

        Raises ReauthenticationRequired for a person whom only the issuer signs in, because allauth itself would not
        ask them.
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
            # The same response, after the same time, as for a wrong password. Otherwise a stranger who has just
            # signed up with an address would learn here whether it was free. A person who has lost the link signs up
            # again.
            return None
        if user is not None:
            attempt.forgive()
        return user

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        """Where the link of a confirmation mail leads, if it does not sign its browser in.

        In a browser other than the one that signed up, the person with the mailbox may not be the one who typed the
        password, so they choose a new one.
        """
        person = email_address.user
        if self.request.user.is_authenticated or person.last_login is not None:
            return str(super().get_email_verification_redirect_url(email_address) or reverse("account_login"))
        person.set_unusable_password()
        person.save(update_fields=["password"])
        token = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
        return str(self.get_reset_password_from_key_url(token))
