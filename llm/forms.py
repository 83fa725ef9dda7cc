"""What admins and operators may enter about chat models and provider keys."""

import re
from typing import Any

from django import forms

from llm import listing, shape
from llm.models import KEYED_PROVIDERS, MOST_CONTEXT, MOST_PRICE, ChatModel, Provider, Region
from llm.profiles import EFFORTS, OFF, OwnWord
from llm.vault import Secret
from workspaces.named import Named

# Letters, digits and the few other signs of model ids; checked because the id goes into a request body.
MODEL_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/\-]*\Z")
MODEL_ID_WORDS = "A model id has letters, digits and . _ : / - only."
IN_THE_WRONG_PLACE = "This looks like a provider key, so it was not stored. Here goes the name of a model."


class Forgets:
    """A bound form that drops a secret from its data once it has read it, or found it in a wrong field."""

    data: Any

    def forget(self, name: str) -> None:
        self.data = self.data.copy()
        self.data[name] = ""


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


class ProviderField(forms.ChoiceField):
    """A provider that takes keys. The error for any other value does not repeat the value."""

    def __init__(self) -> None:
        super().__init__(
            choices=[(one.value, one.label) for one in KEYED_PROVIDERS],
            error_messages={"invalid_choice": "Choose one of the providers listed."},
        )


class ProviderKeyForm(Forgets, forms.Form):
    """A pasted provider key. `cleaned_data["secret"]` is a vault.Secret; errors never quote the paste."""

    secret = forms.CharField(widget=SecretInput, error_messages={"required": "Paste a key first."})
    only_if_accepted = forms.BooleanField(required=False)

    def __init__(self, *args: Any, provider: str, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{provider}_%s")
        super().__init__(*args, **kwargs)
        name = Provider(provider).label
        self.provider = provider
        self.fields["secret"].label = f"{name} key"
        # No NUL check by Django, whose error message we would have to watch for secrets; our own check covers NUL.
        self.fields["secret"].validators = []
        self.fields["only_if_accepted"].label = f"Do not save it if {name} refuses it"

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        # Focus the field when the page comes back, because it is empty then.
        self.fields["secret"].widget.attrs["autofocus"] = True

    def clean_secret(self) -> Secret:
        text = self.cleaned_data["secret"]
        self.forget("secret")
        problem = shape.problem(text, self.provider)
        if problem:
            raise forms.ValidationError(problem)
        return Secret(text)


class EffortsField(forms.MultipleChoiceField):
    """Effort levels as check boxes. The value is as in the column: one text, separated by blanks, weakest first."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Effort levels")
        choices = [(one, "no thinking" if one == OFF else one) for one in EFFORTS]
        super().__init__(choices=choices, required=False, widget=forms.CheckboxSelectMultiple, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed((initial or "").split(), data)

    def clean(self, value: Any) -> str:
        chosen = super().clean(value)
        return " ".join(one for one in EFFORTS if one in chosen)


class RegionForm(forms.Form):
    """Where the project of a key keeps its data: one of the provider's own regions, never a host."""

    region = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "Choose one of the regions listed."}
    )

    def __init__(self, *args: Any, provider: str, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{provider}_%s")
        super().__init__(*args, **kwargs)
        offered = [(region, Region(region).label) for region in listing.regions(provider)]
        self.fields["region"].choices = [("", "Global"), *offered] if offered else []  # type: ignore[attr-defined]
        self.fields["region"].label = "Region of the key's project"


class PlatformKeyForm(Forgets, forms.Form):
    """A platform key, entered by an operator. The form's validation asks the provider about it."""

    provider = ProviderField()
    secret = forms.CharField(
        widget=SecretInput,
        error_messages={"required": "Paste a key first."},
        help_text="Checked with the provider's list of models, which uses no tokens. It replaces the active one.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"].validators = []

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        text = cleaned.get("secret")
        if text is not None:
            self.forget("secret")
            cleaned["secret"] = Secret(text)
        if text is not None and "provider" in cleaned:
            problem = shape.problem(text, cleaned["provider"])
            if problem:
                self.add_error("secret", problem)
        return cleaned


class ChatModelForm(forms.ModelForm):
    """A chat model of the catalogue."""

    efforts = EffortsField(
        help_text="The levels that the model takes. If none is ticked, the rules and the account's list decide."
    )

    class Meta:
        model = ChatModel
        fields = (
            "name",
            "provider",
            "model_id",
            "price",
            "input_price",
            "cached_input_price",
            "output_price",
            "long_prompt_tokens",
            "long_prompt_factor",
            "context_tokens",
            "takes_temperature",
            "efforts",
            "output_limit",
            "shuts_down_on",
            "replaced_by",
            "note",
            "position",
            "enabled",
            "retired_at",
        )
        labels = {
            "long_prompt_tokens": "Long prompt, tokens",
            "long_prompt_factor": "Long prompt, factor",
            "output_limit": "Output limit, tokens",
        }
        help_texts = {
            "cached_input_price": "For input that the provider reads from its prompt cache. Empty: unknown, so the full price.",
            "long_prompt_tokens": "Prompts of more input tokens than this cost the factor times all list prices.",
            "long_prompt_factor": "1 if long prompts cost no more.",
            "context_tokens": "Input and output together. What the account's list says comes first.",
            "takes_temperature": "Unknown: the rules decide. What the provider refused stays refused.",
            "output_limit": "The most that one answer may have. What the account's list says comes first.",
            "shuts_down_on": "The first day without it. What the account's list says comes first.",
            "replaced_by": "The provider's id of the model to use instead. Its name is shown where the catalogue has it.",
        }

    def clean_price(self) -> int:
        price: int = self.cleaned_data["price"]
        if price < 1:
            raise forms.ValidationError(
                f"A price is 1 to {MOST_PRICE:,} credits a reply. Bookbag Local is never charged."
            )
        return price

    def clean_replaced_by(self) -> str:
        model_id: str = self.cleaned_data["replaced_by"]
        if model_id and not MODEL_ID.match(model_id):
            raise forms.ValidationError(MODEL_ID_WORDS)
        return model_id

    def clean_long_prompt_factor(self) -> int:
        factor: int = self.cleaned_data["long_prompt_factor"]
        if factor < 1:
            raise forms.ValidationError("A factor is 1 or more.")
        return factor

    def clean(self) -> dict[str, Any]:
        # Django skips the model's constraints here, because they involve `workspace`, which this form leaves out.
        cleaned = super().clean() or {}
        provider, model_id = cleaned.get("provider"), cleaned.get("model_id", "")
        if provider in KEYED_PROVIDERS and not MODEL_ID.match(model_id):
            self.add_error("model_id", MODEL_ID_WORDS)
        same = ChatModel.objects.filter(workspace=None, provider=provider, model_id=model_id)
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("model_id", "The catalogue lists this chat model already.")
        return cleaned


class CustomModelForm(Named, Forgets, forms.Form):
    """A chat model of the workspace's own, by the provider's id."""

    provider = ProviderField()
    model_id = forms.RegexField(
        MODEL_ID,
        max_length=100,
        label="Model id",
        help_text="As the provider writes it, for example gpt-5.4-mini.",
        error_messages={"invalid": MODEL_ID_WORDS},
    )
    name = forms.CharField(
        max_length=60, required=False, help_text="How it is listed here. Left empty: the model id."
    )
    takes_temperature = forms.NullBooleanField(
        required=False, label="Takes a temperature", widget=forms.NullBooleanSelect
    )
    efforts = EffortsField()
    output_limit = forms.IntegerField(
        required=False, min_value=16, max_value=10_000_000, label="Output limit", help_text="In tokens."
    )
    context_tokens = forms.IntegerField(
        required=False, min_value=1_000, max_value=MOST_CONTEXT, label="Context", help_text="In tokens."
    )

    # The fields that the page shows first; the others are for admins who know the model better than Bookbag's rules.
    NAMING = ("provider", "model_id", "name")
    OWN_WORD = ("takes_temperature", "efforts", "output_limit", "context_tokens")

    def naming(self) -> list[forms.BoundField]:
        return [self[name] for name in self.NAMING]

    def own_word_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.OWN_WORD]

    def has_own_word(self) -> bool:
        """Whether any of the other fields was filled in, valid or not."""
        return any(name in self.changed_data for name in self.OWN_WORD)

    def asked(self) -> dict[str, Any]:
        """A valid form's chat model, as `byo.add_model` takes it."""
        words = {name: self.cleaned_data[name] for name in self.OWN_WORD}
        own_word = OwnWord(**words | {"efforts": tuple(words["efforts"].split())})
        return {name: self.cleaned_data[name] for name in self.NAMING} | {"own_word": own_word}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("model_id", "name"):
            if shape.may_be_secret(self.data.get(name, "")):
                self.forget(name)
                self.add_error(name, IN_THE_WRONG_PLACE)
        return cleaned
