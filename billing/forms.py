"""The operators' forms. A reason is always asked for: it is what the ledger's line will say."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from django import forms
from django.utils import timezone

from billing.models import LAST_EXPIRY, MOST_CREDITS, Plan


def end_of(day: date) -> datetime:
    """The first moment after `day`, in UTC: what is valid until that day may still be used on it."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)


class GrantForm(forms.Form):
    amount = forms.IntegerField(label="Credits", min_value=1, max_value=MOST_CREDITS)
    reason = forms.CharField(max_length=200, help_text="Members read it in their ledger.")
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Left empty, the credits do not expire.",
    )
    # Made with the form: however often it is sent, it grants once.
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def clean_expires_on(self) -> date | None:
        day = self.cleaned_data["expires_on"]
        if day is not None and day >= LAST_EXPIRY.date():
            raise forms.ValidationError(f"Choose a day before {LAST_EXPIRY.year}, or none for credits that stay.")
        if day is not None and end_of(day) <= timezone.now():
            raise forms.ValidationError("That day is over.")
        return day

    @property
    def expires_at(self) -> datetime | None:
        day = self.cleaned_data["expires_on"]
        return end_of(day) if day else None


class ReverseForm(forms.Form):
    amount = forms.IntegerField(
        label="Credits",
        min_value=1,
        max_value=MOST_CREDITS,
        required=False,
        help_text="Left empty, as much of it as can be.",
    )
    reason = forms.CharField(max_length=200, help_text="Members read it in their ledger.")


class PlanForm(forms.Form):
    plan = forms.ModelChoiceField(
        Plan.objects.all(),
        empty_label=None,
        help_text="Limits change at once, the monthly allotment from the next period on. "
        "Grant credits for the rest of this period if that was agreed.",
    )
    reason = forms.CharField(max_length=200)
