"""The pages of a person's own account: name and preferences, sessions, notices, and deleting the account."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bookbag.pages import own_data
from workspaces import departure, identities, inbox, open_sessions, second_factors, time_zones
from workspaces.access import signed_in
from workspaces.errors import LastOwner
from workspaces.models import Notice, Theme, User
from workspaces.named import Named
from workspaces.reauth import ask_again, is_recent

# The form value that stands for an empty one in the database, so that one choice is always selected.
UTC, SYSTEM = "UTC", "system"


class AccountForm(Named, forms.ModelForm):
    time_zone = forms.ChoiceField(label="Time zone", help_text="Times on pages are in this zone, and say so.")
    theme = forms.ChoiceField(
        label="Colours",
        choices=[(SYSTEM, "As the system has them"), *Theme.choices],
        widget=forms.RadioSelect,
    )

    class Meta:
        model = User
        fields = ("name", "time_zone", "theme")
        help_texts = {"name": "How other members see you. Left empty, they see your e-mail address."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        self.initial["time_zone"] = self.instance.time_zone or UTC
        self.initial["theme"] = self.instance.theme or SYSTEM
        zones = [(name, name.replace("_", " ")) for name in time_zones.names()]
        self.fields["time_zone"].choices = [(UTC, "UTC"), *zones]  # type: ignore[attr-defined]

    def clean_time_zone(self) -> str:
        return "" if self.cleaned_data["time_zone"] == UTC else str(self.cleaned_data["time_zone"])

    def clean_theme(self) -> str:
        return "" if self.cleaned_data["theme"] == SYSTEM else str(self.cleaned_data["theme"])


class DeletePersonForm(forms.Form):
    confirm = forms.EmailField(label="Your e-mail address", widget=forms.EmailInput({"autocomplete": "off"}))

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_confirm(self) -> str:
        if self.cleaned_data["confirm"].lower() != self.person.email:
            raise forms.ValidationError("That is not the address of this account.")
        return self.person.email


def _person(request: HttpRequest) -> User:
    """A separate copy of `request.user`, which the page's header shows."""
    return User.objects.get(pk=request.user.pk)  # type: ignore[misc]


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def account_page(request: HttpRequest) -> HttpResponse:
    person = _person(request)
    form = AccountForm(request.POST or None, instance=person)
    if form.is_valid():
        # Saves only its own fields, so that a simultaneous change of password or status is not overwritten.
        form.save(commit=False).save(update_fields=list(form.fields))
        messages.success(request, "Saved.")
        return redirect("own_account")
    memberships = person.memberships.select_related("workspace").order_by("workspace__name", "pk")
    may_remove = identities.may_remove(person, has_passkey=second_factors.has_passkey(person))
    context = {"form": form, "memberships": memberships, "may_remove_identity": may_remove}
    return render(request, "bookbag/own_account/page.html", context)


@signed_in
@require_safe
def sessions_page(request: HttpRequest) -> HttpResponse:
    return render(request, "bookbag/own_account/sessions.html", {"sessions": open_sessions.of(request)})


@signed_in
@require_POST
def end_session(request: HttpRequest, name: str) -> HttpResponse:
    if open_sessions.end(request, name):
        messages.success(request, "That browser is signed out.")
    else:
        messages.info(request, "That session had ended already.")
    return redirect("own_sessions")


@signed_in
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    ended = open_sessions.end_others(request)
    messages.success(
        request,
        f"Signed out everywhere else: {ended} session{'' if ended == 1 else 's'} ended."
        if ended
        else "You are signed in nowhere else.",
    )
    return redirect("own_sessions")


class NoticesForm(forms.Form):
    mailed = forms.MultipleChoiceField(
        label="Also by mail", required=False, choices=Notice.Kind.choices, widget=forms.CheckboxSelectMultiple
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def notices_page(request: HttpRequest) -> HttpResponse:
    """Context: `notices`, the latest; `count`, their number; `form`, which kinds are mailed as well."""
    person = _person(request)
    data, mailed = request.POST if request.method == "POST" else None, inbox.mailed_kinds(person)
    form = NoticesForm(data, initial={"mailed": mailed})
    if form.is_valid():
        inbox.mail_only(person, form.cleaned_data["mailed"])
        messages.success(request, "Saved.")
        return redirect("own_notices")
    context = {"form": form, "notices": inbox.of(person), "count": person.notices.count()}
    return render(request, "bookbag/own_account/notices.html", context)


@signed_in
@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    if not is_recent(request):
        return ask_again(reverse("own_account") + "#data")
    return StreamingHttpResponse(
        own_data.as_json(_person(request)),
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="bookbag-my-data.json"'},
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def delete_page(request: HttpRequest) -> HttpResponse:
    """Context: `held`, the workspaces that prevent it; `form`.

    Asks for the password before anything is typed.
    """
    person = _person(request)
    if not is_recent(request):
        return ask_again(reverse("delete_own_account"))
    form = DeletePersonForm(request.POST or None, person=person)
    if form.is_valid() and not person.is_staff:
        try:
            departure.delete_account(person, request=request)
        except LastOwner:
            # Another workspace has become held since the page was shown; show the page again with it.
            return redirect("delete_own_account")
        logout(request)
        get_adapter(request).add_message(
            request, messages.SUCCESS, message="Your account is deleted. Nothing signs in with it any more."
        )
        return redirect("account_login")
    context = {"form": form, "held": list(departure.held_by(person)), "person": person}
    return render(request, "bookbag/own_account/delete.html", context)
