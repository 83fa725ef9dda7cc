"""What admins and operators may enter about chat models and provider keys."""

from typing import Any

from django import forms

from llm import shape
from llm.models import KEYED_PROVIDERS, Provider
from llm.vault import Secret


class SecretInput(forms.PasswordInput):
    """Never carries a value to the page, and asks browsers and their helpers to keep none."""

    def __init__(self) -> None:
        super().__init__(
            render_value=False,
            attrs={
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "class": "input--mono",
            },
        )


class ProviderKeyForm(forms.Form):
    """A pasted provider key. `cleaned_data["secret"]` is a vault.Secret; errors never quote the paste."""

    secret = forms.CharField(widget=SecretInput, error_messages={"required": "Paste a key first."})
    only_if_accepted = forms.BooleanField(required=False)

    def __init__(self, *args: Any, provider: str, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{provider}_%s")
        super().__init__(*args, **kwargs)
        name = Provider(provider).label
        self.provider = provider
        self.fields["secret"].label = f"{name} key"
        # Django's own check for NUL would be one more text to keep an eye on; ours covers it.
        self.fields["secret"].validators = []
        self.fields["only_if_accepted"].label = f"Do not save it if {name} rejects it"

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        # The page comes back with the field empty: take the person there.
        self.fields["secret"].widget.attrs["autofocus"] = True

    def clean_secret(self) -> Secret:
        text = self.cleaned_data["secret"]
        problem = shape.problem(text, self.provider)
        if problem:
            raise forms.ValidationError(problem)
        return Secret(text)


class CustomModelForm(forms.Form):
    """A chat model of the workspace's own, by the provider's id."""

    provider = forms.ChoiceField(choices=[(one.value, one.label) for one in KEYED_PROVIDERS])
    model_id = forms.RegexField(
        # Letters, digits and the few signs that model ids have; the id goes into a request body.
        r"^[A-Za-z0-9][A-Za-z0-9._:/\-]*$",
        max_length=100,
        label="Model id",
        help_text="As the provider writes it, for example gpt-4.1-mini.",
        error_messages={"invalid": "A model id has letters, digits and . _ : / - only."},
    )
    name = forms.CharField(
        max_length=60, required=False, help_text="How it is listed here. Left empty: the model id."
    )
