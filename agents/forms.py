"""The forms about agents and their sources."""

import copy
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet

from agents import model_settings, suggestions
from agents.knowledge import extract, fetch
from agents.model_settings import DEFAULT_TEMPERATURE, LEAST_OUTPUT, MOST_OUTPUT, NOTHING, Offer
from agents.models import Agent, QAPair, Source
from llm.models import ChatModel
from llm.outlook import Outlook
from llm.profiles import EFFORTS, Wish
from workspaces.models import Workspace
from workspaces.named import Named

ACCEPTED = ",".join(f".{ending}" for ending in extract.KINDS)
# The most characters of rows that are imported at once.
MOST_OF_CSV = 1_000_000
# What depends on the chat model.
SETTINGS = ("effort", "temperature", "output_limit")


def choosable(workspace: Workspace) -> QuerySet[ChatModel]:
    """The chat models an agent of this workspace may be given: the catalogue's and its own."""
    own = Q(workspace__isnull=True) | Q(workspace=workspace)
    return ChatModel.objects.filter(own, enabled=True, retired_at__isnull=True)


class AgentForm(Named, forms.ModelForm):
    """An agent, with those settings that its chat model takes.

    All settings are on the page, and those that the model does not take are hidden, so that they are kept. After a
    change of model, `notes` say what no longer applies; none of it is an error.
    """

    effort = forms.ChoiceField(
        required=False,
        choices=[("", ""), *((one, one) for one in EFFORTS)],
        help_text="How much the model thinks before it answers. Thinking takes time and counts as output.",
    )
    temperature = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        widget=forms.NumberInput(
            attrs={"step": "0.1", "placeholder": f"model's default ({DEFAULT_TEMPERATURE})"}
        ),
    )
    output_limit = forms.IntegerField(required=False, min_value=LEAST_OUTPUT)

    class Meta:
        model = Agent
        fields = [
            "name", "instructions", "chat_model", "effort", "temperature", "output_limit", "status", "fallback_text",
            "suggested_questions",
        ]  # fmt: skip
        labels = {"chat_model": "Chat model", "fallback_text": "Fallback text"}
        help_texts = {
            "status": "An archived agent keeps its conversations and no longer answers.",
            "suggested_questions": f"To begin a conversation with, one a line, up to {suggestions.MOST}. "
            "If you write none, some are taken from what the agent answers from.",
        }
        widgets = {
            "suggested_questions": forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
            "instructions": forms.Textarea(attrs={"rows": 8, "data-draft": True}),
            "fallback_text": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, workspace: Workspace, routes: Outlook, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notes: list[str] = []
        # The stored value, because validation changes the instance.
        self.saved_model: int | None = self.instance.chat_model_id
        self.saved = Wish(self.instance.temperature, self.instance.effort, self.instance.output_limit)
        models = self._choose_from(workspace, routes)
        self.was = self.offers.get(self.saved_model or 0, NOTHING)
        self._fit_fields(self._offer_shown(models))

    def _choose_from(self, workspace: Workspace, routes: Outlook) -> list[ChatModel]:
        """Offer the chat models that stay, and store in `offers` what each of them takes."""
        models = choosable(workspace)
        if self.saved_model:
            # A withdrawn or gone model can still be chosen where it is in use, so that the form can be saved.
            models = models | ChatModel.objects.filter(pk=self.saved_model)
        offered = [one for one in models if one.pk == self.saved_model or not routes.is_gone(one)]
        field = self.fields["chat_model"]
        field.queryset = models.filter(pk__in=[one.pk for one in offered])  # type: ignore[attr-defined]
        # Built from the rows already fetched, so that the page does not fetch them again.
        field.widget.choices = [(one.pk, routes.label(one)) for one in offered]
        self.offers = model_settings.offers(offered, routes)
        return offered

    def _offer_shown(self, models: list[ChatModel]) -> Offer:
        """The offer of the model shown as chosen. Without a chosen one, a browser chooses the first."""
        chosen = str(self["chat_model"].value())
        pks = [one.pk for one in models]
        return self.offers.get(next((pk for pk in pks if str(pk) == chosen), pks[0] if pks else 0), NOTHING)

    def _fit_fields(self, offer: Offer) -> None:
        """Show the settings as the model takes them; static/js/agent.js does the same when the model is changed."""
        effort, temperature, limit = (self.fields[name] for name in SETTINGS)
        # These are only the choices on the page. A form may be sent with any level, which `clean` then checks.
        effort.widget.choices = list(offer.efforts.items())
        temperature.help_text = offer.help.get("temperature", "")
        limit.help_text = offer.help.get("output_limit", "")
        shown = self["effort"].value() or ""
        limit.widget.attrs["placeholder"] = offer.output.get(shown, offer.output[""])
        limit.widget.attrs["max"] = offer.most or MOST_OUTPUT
        self.hidden_settings = [name for name in SETTINGS if not offer.applies(name)]

    def rows(self) -> Iterator[tuple[forms.BoundField, bool, bool]]:
        """Each field, with whether it is a setting of the model, and whether it is hidden."""
        for bound in self:
            yield bound, bound.name in SETTINGS, bound.name in self.hidden_settings

    def offers_by_id(self) -> dict[int, dict[str, Any]]:
        return {pk: asdict(offer) for pk, offer in self.offers.items()}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "chat_model" in cleaned:
            offer = self.offers[cleaned["chat_model"].pk]
            self._pass_over_hidden(cleaned, offer)
            self._fit_effort(cleaned, offer)
            self._fit_output_limit(cleaned, offer)
            self._tell_of_temperature(cleaned, offer)
        return cleaned

    def clean_suggested_questions(self) -> str:
        questions = suggestions.cleaned(self.cleaned_data["suggested_questions"])
        if len(questions) > suggestions.MOST:
            raise forms.ValidationError(f"At most {suggestions.MOST} questions; these are {len(questions)}.")
        if any(len(one) > suggestions.QUESTION_CHARACTERS for one in questions):
            raise forms.ValidationError(f"At most {suggestions.QUESTION_CHARACTERS} characters each.")
        return "\n".join(questions)

    def _is_typed(self, name: str, cleaned: dict[str, Any]) -> bool:
        """Whether the person entered this for the unchanged model, so that an invalid value is their error."""
        return cleaned["chat_model"].pk == self.saved_model and name in self.changed_data

    def _pass_over_hidden(self, cleaned: dict[str, Any], offer: Offer) -> None:
        """Drop errors in hidden fields, which the person could not see; the fields keep their stored values."""
        for name in SETTINGS:
            if name in self.errors and not offer.applies(name):
                del self.errors[name]
                cleaned[name] = getattr(self.saved, name)

    def _fit_effort(self, cleaned: dict[str, Any], offer: Offer) -> None:
        effort = cleaned.get("effort", "")
        if effort in offer.efforts:
            return
        if self._is_typed("effort", cleaned):
            self.add_error("effort", "The chat model does not offer this effort. Choose one of those listed.")
            return
        self.notes.append(offer.dropped[effort])
        cleaned["effort"] = ""

    def _fit_output_limit(self, cleaned: dict[str, Any], offer: Offer) -> None:
        limit = cleaned.get("output_limit")
        if limit is None:
            return
        if not offer.most:
            if self.was.applies("output_limit"):
                self.notes.append(offer.kept["output_limit"])
        elif limit > offer.most:
            if self._is_typed("output_limit", cleaned):
                self.add_error("output_limit", f"This model writes at most {offer.most:,} tokens.")
            else:
                self.notes.append(offer.kept["lowered"])
                cleaned["output_limit"] = offer.most

    def _tell_of_temperature(self, cleaned: dict[str, Any], offer: Offer) -> None:
        now = Wish(cleaned.get("temperature"), cleaned.get("effort", ""))
        if now.temperature is None or offer.sends_temperature(now):
            return
        if self.was.sends_temperature(self.saved) or "temperature" in self.changed_data:
            self.notes.append(offer.kept["temperature"])


class TryForm(AgentForm):
    """What a conversation tries: the settings of the agent's form, without those that are not a model's, and its
    instructions. `instance`, the agent as the conversation runs it (agents/trying.py), is copied and never saved.
    """

    class Meta(AgentForm.Meta):
        fields = ["chat_model", "effort", "temperature", "output_limit", "instructions"]

    def __init__(self, *args: Any, instance: Agent, **kwargs: Any) -> None:
        super().__init__(*args, instance=copy.copy(instance), **kwargs)


class SourceForm(forms.ModelForm):
    class Meta:
        model = Source
        fields = ["title", "text"]
        help_texts = {"text": "Plain text or Markdown. Headings help to find the right passage."}
        widgets = {"text": forms.Textarea(attrs={"rows": 14, "data-draft": True})}


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class SeveralFilesField(forms.FileField):
    """A list of uploaded files. Their content is not checked here."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = list(data) if isinstance(data, list | tuple) else [data]
        files = [file for file in files if file]
        if not files:
            raise forms.ValidationError("Choose at least one file.")
        return files


class FilesForm(forms.Form):
    MOST_FILES = 50

    files = SeveralFilesField(  # type: ignore[assignment]
        widget=SeveralFilesInput(attrs={"accept": ACCEPTED, "multiple": True})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["files"].help_text = (
            f"PDF, Word (.docx), text, Markdown, CSV or HTML. Up to {settings.SOURCE_FILE_MB} MB each, "
            f"{2 * settings.SOURCE_FILE_MB} MB and {self.MOST_FILES} files at once."
        )

    def clean_files(self) -> list[Any]:
        files: list[Any] = self.cleaned_data["files"]
        if len(files) > self.MOST_FILES:
            raise forms.ValidationError(f"At most {self.MOST_FILES} files at once; these are {len(files)}.")
        return files

    @staticmethod
    def problem(file: Any) -> str:
        """Why this file is not accepted, in words; empty if it is."""
        if not file.size:
            return extract.WHY_UNREADABLE["empty"]
        if file.size > settings.SOURCE_FILE_MB * 1024**2:
            return f"The file has more than {settings.SOURCE_FILE_MB} MB. Split it into several."
        if extract.kind_of(file.name or "") is None:
            return "Bookbag reads PDF, Word (.docx), text, Markdown, CSV and HTML, and this is none of them by its name."
        return ""


class RecrawlForm(forms.Form):
    recrawl = forms.ChoiceField(
        label="Read it again",
        required=False,
        choices=Source.Recrawl.choices,
        help_text="Only pages that have changed are trained again. Reading is free.",
    )


class WebsiteForm(RecrawlForm):
    url = forms.CharField(
        label="Address",
        max_length=fetch.LONGEST_URL,
        widget=forms.TextInput(attrs={"type": "url", "placeholder": "https://", "inputmode": "url"}),
        help_text="Where to begin, or the address of a sitemap. Pages of the same website are read, as its robots.txt "
        "allows.",
    )
    field_order = ["url", "recrawl"]

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if "://" not in url:
            url = f"https://{url}"
        try:
            fetch.target_of(url, loopback=settings.FETCH_LOOPBACK)
        except fetch.NotFetched:
            raise forms.ValidationError(
                "This address cannot be read. One that can begins with https:// or http://, belongs to a public website, "
                "and has neither a port nor a user in it."
            ) from None
        return url


class PairsForm(forms.Form):
    """Rows of questions and answers, from a file or pasted."""

    file = forms.FileField(
        label="CSV file",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
        help_text="One question and one answer in each row, split by a comma, a semicolon or a tab. You see what each "
        "row becomes before anything is saved.",
    )
    text = forms.CharField(
        label="Or paste the rows",
        required=False,
        max_length=MOST_OF_CSV,
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        file = cleaned.get("file")
        if file is not None:
            if file.size > MOST_OF_CSV:
                raise forms.ValidationError(
                    f"The file has more than {MOST_OF_CSV:,} bytes. Split it into several."
                )
            try:
                cleaned["text"] = extract.decoded_file(file.read()).text.replace("\0", "")
            except extract.FileUnreadable as why:
                raise forms.ValidationError(extract.WHY_UNREADABLE[str(why)]) from None
        if not cleaned.get("text", "").strip() and not self.errors:
            raise forms.ValidationError("Choose a file, or paste some rows.")
        return cleaned


class ImportForm(forms.Form):
    """The rows that the preview showed, to be imported."""

    text = forms.CharField(max_length=2 * MOST_OF_CSV, strip=False, widget=forms.HiddenInput)


class QAPairForm(forms.ModelForm):
    class Meta:
        model = QAPair
        fields = ["question", "answer"]
        help_texts = {
            "answer": "Given word for word, without a model and free, whenever the question is asked."
        }
        widgets = {"answer": forms.Textarea(attrs={"rows": 5, "data-draft": True})}
