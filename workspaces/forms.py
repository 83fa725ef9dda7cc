"""What the pages about people take in."""

from typing import Any

from django import forms

from workspaces import audit
from workspaces.models import Role, Workspace, action_label


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
