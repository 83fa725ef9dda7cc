"""The operators' forms. Each asks for a reason, which the ledger's line shows."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.utils import timezone

from billing.models import LAST_EXPIRY, MOST_CREDITS, Account, Plan


def end_of(day: date) -> datetime:
    """The first moment after `day`, in UTC, since credits valid until a day may still be used on that day."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)


# A ledger row is never changed, so a person named in the reason could not be removed when they or the workspace are
# deleted.
READ_IN_THE_LEDGER = (
    "Members read it in their ledger, and it stays there after the workspace is deleted: name nobody."
)


class GrantForm(forms.Form):
    amount = forms.IntegerField(label="Credits", min_value=1, max_value=MOST_CREDITS)
    reason = forms.CharField(max_length=200, help_text=READ_IN_THE_LEDGER)
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Left empty, the credits do not expire.",
    )
    # Generated with the form, so that a form sent twice grants once.
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def clean_expires_on(self) -> date | None:
        day = self.cleaned_data["expires_on"]
        if day is not None and day >= LAST_EXPIRY.date():
            raise forms.ValidationError(
                f"Choose a day before {LAST_EXPIRY.year}, or none for credits that stay."
            )
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
        help_text="If left empty, as much as can be reversed.",
    )
    reason = forms.CharField(max_length=200, help_text=READ_IN_THE_LEDGER)


class PlanForm(forms.ModelForm):
    """A plan. To mark it as the default, the page (PlanAdmin) first takes the mark from the plan that has it."""

    def _get_validation_exclusions(self) -> set[str]:
        # Excluded, because validation would refuse a second default before the page has unmarked the first.
        return {*super()._get_validation_exclusions(), "is_default"}  # type: ignore[misc]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_default = cleaned.get("is_default", self.instance.is_default)
        if is_default and not cleaned.get("once_per_person"):
            self.add_error(
                "once_per_person", "The allotment of the plan of new workspaces is given once per person."
            )
        return cleaned


class ChangePlanForm(forms.Form):
    plan = forms.ModelChoiceField(
        Plan.objects.all(),
        empty_label=None,
        help_text="Limits change at once, the monthly allotment from the next period on. "
        "Grant credits for the rest of this period if that was agreed.",
    )
    reason = forms.CharField(max_length=200)
    # The plan that the page showed, to notice when another operator has changed it since.
    opened_on = forms.ModelChoiceField(Plan.objects.all(), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        kwargs["initial"] = {"plan": account.plan, "opened_on": account.plan}
        super().__init__(*args, **kwargs)
