"""Conversations, and which of them members have pinned."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from llm.models import ChatModel

from .agent import Agent


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def present(self) -> "ConversationQuerySet":
        """Conversations that are not deleted; deleted ones can still be restored for a while."""
        return self.filter(deleted_at=None)


class Conversation(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="conversations")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    # Empty unless somebody named it; then the opening of its first question is shown.
    title = models.CharField(max_length=120, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    # What this conversation tries in place of the agent's own (agents/trying.py). The three settings count only with
    # a chat model; instructions of None mean the agent's.
    tried_model = models.ForeignKey(ChatModel, null=True, on_delete=models.SET_NULL, related_name="+")
    tried_temperature = models.FloatField(null=True)
    tried_effort = models.CharField(max_length=10, blank=True, default="", db_default="")
    tried_output_limit = models.PositiveIntegerField(null=True)
    tried_instructions = models.TextField(max_length=Agent.INSTRUCTIONS_CHARACTERS, null=True)  # noqa: DJ001 (empty is not the same as the agent's)
    # Set while a deleted conversation can be restored; after that the row is deleted (agents/conversations.py).
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = ConversationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["agent", "started_by", "-created_at"], name="conversation_latest"),
            models.Index(
                fields=["deleted_at"], name="conversation_deleted", condition=Q(deleted_at__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(tried_temperature__isnull=True)
                | Q(tried_temperature__gte=0, tried_temperature__lte=1),
                name="conversation_tried_temperature_0_to_1",
            ),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class ConversationPin(models.Model):
    """A conversation that a member keeps at the top of their own list."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="pins")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "user"], name="pin_once_per_member")]

    def __str__(self) -> str:
        return f"{self.user} keeps {self.conversation}"
