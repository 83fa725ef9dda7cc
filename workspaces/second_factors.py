"""Second factors: proofs of identity in addition to the password. django-allauth stores them.

A *passkey* replaces password and second factor and signs in alone. An *authenticator app* shows a code of six
digits. Each of the ten *recovery codes* works once, for a person who has lost phone and passkey. A person with an
app or a passkey is asked for it at each sign-in with a password.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from allauth.core import context as current
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.forms import GenerateRecoveryCodesForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn import forms as passkey_forms
from allauth.mfa.webauthn.internal import auth as webauthn
from django import forms
from django.core.cache import cache
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.crypto import salted_hmac

from workspaces.errors import FactorUnreadable
from workspaces.models import Membership, User, Workspace
from workspaces.sign_in_limits import Count

# The types that count as a second factor. Recovery codes do not: they are added and removed with these.
KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# How long a used code is remembered, because each works once: with MFA_TOTP_TOLERANCE a code is valid for 90
# seconds.
USED_SECONDS = 120
WRONG_CODES = 10


def has_one(user: User) -> bool:
    """Whether `user` has an authenticator app or a passkey."""
    return Authenticator.objects.filter(user=user, type__in=KINDS).exists()


def has_passkey(user: User) -> bool:
    """Whether `user` can sign in without a password and without the issuer."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).exists()


def exists_for(user_reference: str) -> Exists:
    """The same as a query expression. `user_reference`: the expression of the user's id in the outer query."""
    return Exists(Authenticator.objects.filter(user=OuterRef(user_reference), type__in=KINDS))


_whose: ContextVar[int] = ContextVar("whose_second_factor")


def lacking_in(workspace: Workspace) -> QuerySet[Membership]:
    """The members without one."""
    return workspace.memberships.filter(~exists_for("user_id")).select_related("user")


@contextmanager
def belonging_to(person: User) -> Iterator[None]:
    """Inside the block, second factors are sealed and opened for `person`, who need not be signed in."""
    token = _whose.set(person.pk)
    try:
        yield
    finally:
        _whose.reset(token)


def at_hand() -> int:
    """The id of the person whose second factor is being sealed or opened.

    It is the person of `belonging_to`, else the signed-in user.

    Needed because allauth passes secrets without their person. Raises LookupError without either.
    """
    whose = _whose.get(0)
    user = getattr(current.request, "user", None)
    if whose or user is None or not user.is_authenticated:
        return whose or _whose.get()
    return int(user.pk)


class FactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "That is not right, or it was used before. Wait for the app's next code, or use a recovery code.",
    }

    def make_ready(self, secrets: int) -> None:
        """Prepare, outside a transaction, for sealing so many new secrets.

        llm/factor_adapter.py overrides this, because the vault is in llm.
        """

    def _get_site_name(self) -> str:
        return "Bookbag"

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return f"Passkey {number}"


def open_all(person: User) -> None:
    """Open the person's secrets now, which may call a KMS, so that the DEKs are cached when a transaction checks codes.

    Raises FactorUnreadable.
    """
    for factor in Authenticator.objects.filter(user=person).exclude(type=Authenticator.Type.WEBAUTHN):
        get_adapter().decrypt(str(factor.data.get("secret") or factor.data.get("seed")))


class _LimitedCodes(forms.Form):
    """Allows ten wrong codes in 15 minutes, counted in the database; otherwise all codes of six digits could be tried."""

    def clean_code(self) -> str:
        user: User = self.user  # type: ignore[attr-defined]
        count = Count("second-factor", str(user.pk), WRONG_CODES)
        if not count.take():
            raise forms.ValidationError(
                "Too many wrong codes. Wait 15 minutes, then try again; a passkey works meanwhile."
            )
        try:
            with belonging_to(user):
                open_all(user)
                code = str(super().clean_code())  # type: ignore[misc]
        except FactorUnreadable as problem:
            count.give_back()
            raise forms.ValidationError(str(problem)) from None
        used = salted_hmac("workspaces.second_factors", f"{user.pk} {code}").hexdigest()
        if not cache.add(f"second-factor-used:{used}", 1, USED_SECONDS):
            raise forms.ValidationError(FactorAdapter.error_messages["incorrect_code"])
        count.give_back()
        return code


def _in_our_words(form: Any) -> None:
    field = form.fields["code"]
    field.label = "Code from your app, or a recovery code"
    field.widget.attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 20}


class _SealedAhead(forms.Form):
    """For forms that add a factor: makes envelopes once the form is valid.

    That may call a KMS, so it must come before allauth's transaction.
    """

    # How many secrets the form can make: the factor itself, and the recovery codes that may come with it.
    most_secrets = 1

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            get_adapter().make_ready(self.most_secrets)
        return cleaned


class SetUpForm(_SealedAhead, ActivateTOTPForm):
    """Adds an authenticator app. Its secret is kept, sealed, in the session until a code is typed."""

    most_secrets = 2

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = current.request.session
        kept = session.pop(SECRET_SESSION_KEY, None)
        if kept:
            # Without the secret allauth makes a new one, which the page then shows.
            with suppress(FactorUnreadable):
                session[SECRET_SESSION_KEY] = get_adapter().decrypt(kept)
        super().__init__(*args, **kwargs)
        session[SECRET_SESSION_KEY] = get_adapter().encrypt(self.secret)


class CredentialField(forms.JSONField):
    """The answer of a browser's authenticator. Anything else that a client sends is refused with a message."""

    widget = forms.HiddenInput
    default_error_messages = {
        "invalid": "The answer of your browser could not be read. Try again.",
        "required": "No passkey was used. Try again.",
    }
    # The function of allauth that parses it.
    parser = "parse_authentication_response"

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
            if found is not None:
                getattr(webauthn, self.parser)(found)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # Including errors that allauth does not catch: for a missing part, or a number of thousands of digits.
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None
        return found

    def bound_data(self, data: Any, initial: Any) -> None:
        """Empty, because the page asks the authenticator again when it is shown again."""


class NewCredentialField(CredentialField):
    parser = "parse_registration_response"


class PasskeyForm(_SealedAhead, passkey_forms.AddWebAuthnForm):
    credential = NewCredentialField()


class PasskeySignInForm(passkey_forms.LoginWebAuthnForm):
    credential = CredentialField()


class ConfirmingPasskeyForm(passkey_forms.ReauthenticateWebAuthnForm):
    credential = CredentialField()


class NewCodesForm(_SealedAhead, GenerateRecoveryCodesForm):
    pass


class SignInCodeForm(_LimitedCodes, AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self)


class ConfirmingCodeForm(_LimitedCodes, ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _in_our_words(self)
