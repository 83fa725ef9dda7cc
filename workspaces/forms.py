"""The forms of the pages about people."""

from copy import copy
from typing import Any
from uuid import uuid4

from allauth.account.adapter import get_adapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.forms import AddEmailForm, LoginForm, ResetPasswordForm, SignupForm
from allauth.account.internal.flows.email_verification import consume_email_verification_rate_limit
from allauth.account.internal.flows.login import perform_login
from allauth.account.internal.flows.signup import complete_signup
from allauth.account.models import Login
from allauth.account.signals import user_signed_up
from allauth.account.utils import get_next_redirect_url
from allauth.core import context as current
from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from workspaces import audit, page_marks, people, signup
from workspaces.audit_wording import action_label
from workspaces.errors import TooManySignUps
from workspaces.models import Role, User, Workspace

# The session key in which allauth keeps an address confirmed by a link.
CONFIRMED_BY_LINK = "account_verified_email"
MANDATORY = EmailVerificationMethod.MANDATORY


class _Worded(forms.Form):
    """Labels e-mail fields of allauth's forms "E-mail address", as on all other pages, instead of "Email"."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.EmailField):
                field.label = "E-mail address"


class SignInForm(_Worded, LoginForm):
    pass


class ResetForm(_Worded, ResetPasswordForm):
    pass


class AddressForm(_Worded, AddEmailForm):
    pass


class SignUpForm(_Worded, SignupForm):
    """Allauth's form, limited to people whom SIGNUP admits, and to a number a day from one network.

    The response is the same whether the address has an account or not: look in your mail. The mail tells an owner
    that there is an account, and gives a new person the link that confirms the address and signs this browser in. An
    account whose address was never confirmed is replaced by the newest sign-up.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if invited := signup.invited_address(current.request):
            self.fields["email"].initial = invited

    def clean_email(self) -> str:
        address = str(get_adapter().clean_email(self.cleaned_data["email"]))
        if not signup.admits(current.request, address):
            raise forms.ValidationError("Use the address that your invitation was sent to.")
        self.account_already_exists = people.is_taken(address)
        return address

    def try_save(self, request: HttpRequest) -> tuple[Any, HttpResponse | None]:
        try:
            signup.count(request)
        except TooManySignUps as refusal:
            return None, too_many_sign_ups(request, str(refusal))
        person = None
        if self.account_already_exists:
            self._as_if_new(request)
        else:
            person = self._newest(request)
        return person, self._look_in_your_mail(request, person)

    def _newest(self, request: HttpRequest) -> User | None:
        """The new person.

        None if the limit of mails forbids another link, so that the one in their mailbox keeps working, and if
        another request has just made an account with the same address.
        """
        if not consume_email_verification_rate_limit(request, self.cleaned_data["email"], dry_run=True):
            return None
        try:
            with transaction.atomic():
                people.clear_sign_ups(self.cleaned_data["email"])
                person: User = self.save(request)
        except IntegrityError:
            return None
        return person

    def _as_if_new(self, request: HttpRequest) -> None:
        """Do the work of making a person and undo it, so that the response time does not reveal a known address.

        The same code runs, with a made-up address, so that both cases take equally long even when that code changes.
        There are two commits, like those of the person and of the event in the audit log.
        """
        address = f"{uuid4().hex}@bookbag.invalid"
        stand_in = copy(self)
        stand_in.cleaned_data = {**self.cleaned_data, "email": address}
        stand_in.account_already_exists = False
        # The address that an operator's link confirms must not be given to the made-up person.
        confirmed = request.session.pop(CONFIRMED_BY_LINK, None)
        with transaction.atomic():
            point = transaction.savepoint()
            people.clear_sign_ups(address)
            person = stand_in.save(request)
            user_signed_up.send(sender=User, request=request, user=person)
            transaction.savepoint_rollback(point)
            signup.touch(request)
        signup.touch(request)
        if confirmed is not None:
            request.session[CONFIRMED_BY_LINK] = confirmed

    def _look_in_your_mail(self, request: HttpRequest, person: User | None) -> HttpResponse:
        onwards = get_next_redirect_url(request)
        address = self.cleaned_data["email"]
        if person is None:
            nobody = Login(
                user=None, email=address, signup=True, email_verification=MANDATORY, redirect_url=onwards
            )
            answer: HttpResponse = perform_login(request, nobody)
        else:
            answer = complete_signup(request, user=person, email_verification=MANDATORY, redirect_url=onwards)
        return answer


def too_many_sign_ups(request: HttpRequest, words: str) -> HttpResponse:
    """The 429 response to TooManySignUps: its message `words`, and when to try again."""
    response = render(request, "account/signup_refused.html", {"words": words}, status=429)
    response.headers["Retry-After"] = str(signup.seconds_left_today())
    return response


class InvitationForm(forms.Form):
    """The address that an operator invites to make an account."""

    email = forms.EmailField(label="E-mail address")

    def clean_email(self) -> str:
        address = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email__iexact=address).exists():
            raise forms.ValidationError("There is an account with this address already.")
        return address


class SuspensionForm(forms.Form):
    """The reason for suspending a workspace, as a sentence that its members are shown."""

    reason = forms.CharField(
        max_length=200,
        strip=True,
        help_text="A sentence that the workspace's members read, on each of its pages.",
    )


class RoleForm(forms.Form):
    """One of the four roles. An unknown value is rejected and never taken for another role."""

    role = forms.TypedChoiceField(choices=Role.choices, coerce=Role)


class AuditFilterForm(forms.Form):
    """Which events to show; everything is optional."""

    action = forms.ChoiceField(required=False)
    actor = forms.ChoiceField(required=False)
    # Show only events older than the one with this mark (keyset pagination).
    before = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: object, workspace: Workspace, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        actions = [(action, action_label(action)) for action in audit.actions_in(workspace)]
        actors = [(email, email) for email in audit.actors_in(workspace)]
        self.fields["action"].choices = [("", "Every action"), *actions]  # type: ignore[attr-defined]
        self.fields["actor"].choices = [("", "Everybody"), *actors]  # type: ignore[attr-defined]

    def clean_before(self) -> int | None:
        given = self.cleaned_data["before"]
        if given and (found := page_marks.row_id(given, log=audit.LOG)) is None:
            raise forms.ValidationError("There is no such page of the log.")
        return found if given else None

    def filters(self) -> dict[str, Any]:
        """The arguments for `audit.events`, from a valid form."""
        return {name: self.cleaned_data[name] for name in ("action", "actor", "before")}
