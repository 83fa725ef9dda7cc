"""What all forms with a name have in common."""

from django import forms

from workspaces.one_line import is_seen, one_line


class Named(forms.BaseForm):
    """Mixin for a form with a `name`, which is made one line."""

    def clean_name(self) -> str:
        name, field = one_line(self.cleaned_data["name"]), self.fields["name"]
        if not is_seen(name):
            name = ""
        if field.required and not name:
            raise forms.ValidationError(field.error_messages["required"])
        return name
