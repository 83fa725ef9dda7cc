"""Second factors: what proves, beside the password, that it is the same person. django-allauth keeps them.

A *passkey* stands for both and signs in alone. An *authenticator app* shows a code of six digits; each of the
ten *recovery codes* works once, for the day when phone and passkey are lost. Whoever has an app or a passkey is
asked for it at each sign-in with a password.
"""

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django import forms
from django.core.cache import cache
from django.db.models import Exists, OuterRef
from django.utils.crypto import salted_hmac

from workspaces.models import User
from workspaces.sign_in_limits import Count

# Those that count; recovery codes come with them and go with them.
KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# A code of the app is taken once. With MFA_TOTP_TOLERANCE it is good for 90 seconds.
USED_SECONDS = 120
WRONG_CODES = 10


def has_one(user: User) -> bool:
    """Whether `user` has an authenticator app or a passkey."""
    return Authenticator.objects.filter(user=user, type__in=KINDS).exists()


def has_passkey(user: User) -> bool:
    """Whether `user` can sign in without a password and without the issuer."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists()


def exists_for(user_reference: str) -> Exists:
    """The same of each row of a query, whose user's id is `user_reference`."""
    return Exists(Authenticator.objects.filter(user=OuterRef(user_reference), type__in=KINDS))


class Adapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "That is not right, or it was used before. Wait for the app's next code, or use a recovery code.",
    }

    def _get_site_name(self) -> str:
        return "Bookbag"

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return f"Passkey {number}"


class _LimitedCodes(forms.Form):
    """Ten wrong codes in 15 minutes, counted in the database: six digits could be tried through otherwise."""

    def clean_code(self) -> str:
        user: User = self.user  # type: ignore[attr-defined]
        count = Count("second-factor", str(user.pk), WRONG_CODES)
        if not count.take():
            raise forms.ValidationError(
                "Too many wrong codes. Wait 15 minutes, then try again; a passkey works meanwhile."
            )
        code = str(super().clean_code())  # type: ignore[misc]
        used = salted_hmac("workspaces.second_factors", f"{user.pk} {code}").hexdigest()
        if not cache.add(f"second-factor-used:{used}", 1, USED_SECONDS):
            raise forms.ValidationError(Adapter.error_messages["incorrect_code"])
        count.give_back()
        return code


def _in_our_words(form: Any) -> None:
    field = form.fields["code"]
    field.label = "Code from your app, or a recovery code"
    field.widget.attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 20}


class SignInCodeForm(_LimitedCodes, AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self)


class ConfirmingCodeForm(_LimitedCodes, ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self)
