"""Agents: what people build."""

import uuid

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from llm.models import ChatModel
from workspaces.models import Workspace


class Agent(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    INSTRUCTIONS_CHARACTERS = 20_000
    FALLBACK = "I don't know that from my sources. Could you put it another way?"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="agents")
    name = models.CharField(max_length=80)
    instructions = models.TextField(
        max_length=INSTRUCTIONS_CHARACTERS, blank=True, help_text="Who the agent is and how it should answer."
    )
    chat_model = models.ForeignKey(ChatModel, on_delete=models.PROTECT, related_name="agents")
    # Sent only if the model takes it (llm/profiles.py); empty is the model's own default. The same holds for the
    # next two.
    temperature = models.FloatField(default=0.2, null=True, blank=True)
    effort = models.CharField(max_length=10, blank=True, default="", db_default="")
    output_limit = models.PositiveIntegerField("output limit", null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    fallback_text = models.CharField(
        max_length=500, default=FALLBACK, help_text="Said when the sources hold no answer."
    )
    # One per line; if empty, agents/suggestions.py takes some from the agent's sources.
    suggested_questions = models.TextField(max_length=2_000, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(temperature__gte=0, temperature__lte=1), name="agent_temperature_0_to_1"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("agents:agent", args=[self.workspace.slug, self.pk])
