"""What the pages about people take in."""

from typing import Any

from allauth.account.forms import SignupForm
from allauth.core import context as current
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from workspaces import audit, signup
from workspaces.errors import TooManySignUps
from workspaces.models import Role, User, Workspace, action_label


class SignUpForm(SignupForm):
    """allauth's form, for those whom SIGNUP admits, and so many a day from one network."""

    def clean_email(self) -> str:
        address: str = super().clean_email()
        if not signup.admits(current.request, address):
            raise forms.ValidationError("Use the address that your invitation was sent to.")
        return address

    def try_save(self, request: HttpRequest) -> tuple[Any, HttpResponse | None]:
        try:
            signup.count(request)
        except TooManySignUps as refusal:
            return None, _too_many(request, str(refusal))
        return super().try_save(request)


def _too_many(request: HttpRequest, words: str) -> HttpResponse:
    response = render(request, "account/signup_refused.html", {"words": words}, status=429)
    response.headers["Retry-After"] = str(signup.seconds_left_today())
    return response


class InvitationForm(forms.Form):
    """Whom an operator invites to make an account."""

    email = forms.EmailField(label="E-mail address")

    def clean_email(self) -> str:
        address = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email__iexact=address).exists():
            raise forms.ValidationError("There is an account with this address already.")
        return address


class RoleForm(forms.Form):
    """A role, which must be one of the four: an unknown value is rejected, never taken for another."""

    role = forms.TypedChoiceField(choices=Role.choices, coerce=Role)


class AuditFilterForm(forms.Form):
    """Which events to show; everything is optional."""

    action = forms.ChoiceField(required=False)
    actor = forms.ChoiceField(required=False)
    # The keyset: only events older than this one. At most what a 64-bit id can be.
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def __init__(self, *args: object, workspace: Workspace, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        actions = [(action, action_label(action)) for action in audit.actions_in(workspace)]
        actors = [(email, email) for email in audit.actors_in(workspace)]
        self.fields["action"].choices = [("", "Every action"), *actions]  # type: ignore[attr-defined]
        self.fields["actor"].choices = [("", "Everybody"), *actors]  # type: ignore[attr-defined]

    def filters(self) -> dict[str, Any]:
        """What `audit.events` takes, of a valid form."""
        return {name: self.cleaned_data[name] for name in ("action", "actor", "before")}
