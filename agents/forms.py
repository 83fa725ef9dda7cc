"""What people type about agents and their sources."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from agents import words
from agents.models import Agent, QAPair, Source
from llm.models import ChatModel
from workspaces.models import Workspace


def choosable(workspace: Workspace) -> QuerySet[ChatModel]:
    """The chat models an agent of this workspace may be given: the catalogue's and its own."""
    own = Q(workspace__isnull=True) | Q(workspace=workspace)
    return ChatModel.objects.filter(own, enabled=True, retired_at__isnull=True)


class ChatModelChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        if obj.provider == "local":
            return f"{obj.name} (free, no key)"
        if obj.is_custom:
            return f"{obj.name} (your own, needs your key)"
        return f"{obj.name} ({words.credits(obj.price)} a reply)"


class AgentForm(forms.ModelForm):
    class Meta:
        model = Agent
        fields = ["name", "instructions", "chat_model", "temperature", "status", "fallback_text"]
        field_classes = {"chat_model": ChatModelChoice}
        labels = {"chat_model": "Chat model", "fallback_text": "When the sources hold no answer"}
        help_texts = {
            "temperature": "0 keeps to the most likely words, 1 varies them.",
            "status": "An archived agent keeps its conversations and answers no more.",
        }
        widgets = {
            "instructions": forms.Textarea(attrs={"rows": 8}),
            "fallback_text": forms.Textarea(attrs={"rows": 2}),
            "temperature": forms.NumberInput(attrs={"min": "0", "max": "1", "step": "0.1"}),
        }

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["chat_model"]
        models = choosable(workspace)
        if self.instance.chat_model_id:
            # A retired model stays choosable where it is in use, so that the form can be saved.
            models = models | ChatModel.objects.filter(pk=self.instance.chat_model_id)
        field.queryset = models  # type: ignore[attr-defined]
        field.empty_label = None  # type: ignore[attr-defined]


class SourceForm(forms.ModelForm):
    class Meta:
        model = Source
        fields = ["title", "text"]
        help_texts = {"text": "Plain text or Markdown. Headings help to find the right passage."}
        widgets = {"text": forms.Textarea(attrs={"rows": 14})}


class QAPairForm(forms.ModelForm):
    class Meta:
        model = QAPair
        fields = ["question", "answer"]
        help_texts = {
            "answer": "Given word for word, without a model and free, whenever the question is asked."
        }
        widgets = {"answer": forms.Textarea(attrs={"rows": 5})}
