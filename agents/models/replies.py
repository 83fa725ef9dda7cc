"""What comes of a conversation: replies, each with its receipt, and what members think of them."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from llm.models import ChatModel
from llm.routing import Billing, Credential
from workspaces.models import Workspace

from .agent import Agent
from .conversations import Conversation


def keep_without_prompt(collector: Any, field: Any, replies: Any, using: str) -> None:
    """What becomes of the replies of a conversation that is deleted: their receipts stay, their prompts go."""
    models.SET_NULL(collector, field, replies, using)
    collector.add_field_update(field.model._meta.get_field("prompt"), None, replies)


class Reply(models.Model):
    """One turn: what a member asked and what the agent answered, with the receipt of it.

    The route (model, credential, who pays, price, why) is written once, when the reply is accepted,
    and nothing later changes it.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", "Accepted"
        STREAMING = "streaming", "Answering"
        COMPLETED = "completed", "Complete"
        STOPPED = "stopped", "Stopped"
        CUT = "cut", "Cut at limit"
        FAILED = "failed", "Failed"

    class Ending(models.TextChoices):
        """How an answer ended, in more words than the state that decides the charge."""

        COMPLETE = "complete", "Complete"
        CUT_MODEL = "cut_model", "Cut at the model's limit"
        CUT_OURS = "cut_ours", "Cut at our limit"
        DECLINED = "declined", "The model declined"
        THINKING_SPENT = "thinking_spent", "Used up on thinking"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    BILLING_NAMES: ClassVar = {
        Billing.CREDITS: "Credits",
        Billing.BYO: "Your provider account",
        Billing.LOCAL: "Local, free",
        Billing.UNMETERED: "Unmetered",
    }

    RUNNING = (State.RESERVED, State.STREAMING)
    # With an answer that counts: what a conversation goes on from, and what may have been charged.
    ANSWERED = (State.COMPLETED, State.STOPPED, State.CUT)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="replies")
    # Found by the index over agent and time.
    agent = models.ForeignKey(
        Agent, null=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=keep_without_prompt, related_name="replies"
    )
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Made by the browser: the same press of Send, however often it arrives, is one reply.
    idempotency_key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)

    question = models.TextField()
    text = models.TextField(blank=True)
    # The text as pages show it, and which renderer made it; 0 is none yet (agents/rendering.py).
    html = models.TextField(blank=True, default="", db_default="")
    html_version = models.PositiveSmallIntegerField(default=0, db_default=0)
    sources = models.JSONField(default=list)
    # What cannot be put together again from other rows of the prompt that was sent (agents/sent_prompts.py). None
    # where none was, and once the conversation is deleted.
    prompt = models.BinaryField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    # Empty while the reply runs.
    ending = models.CharField(max_length=16, choices=Ending, blank=True, default="", db_default="")
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(
        max_length=300, blank=True, help_text="For admins; never the provider's raw words."
    )
    # What the provider's last answer said of a failure, as far as it is safe to keep.
    provider_status = models.PositiveSmallIntegerField(null=True)
    provider_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    provider_param = models.CharField(max_length=40, blank=True, default="", db_default="")
    request_id = models.CharField(max_length=100, blank=True, default="", db_default="")
    retry_after = models.PositiveIntegerField(null=True, help_text="Seconds after `done_at`.")

    # The route.
    chat_model = models.ForeignKey(ChatModel, null=True, on_delete=models.SET_NULL, related_name="+")
    model_name = models.CharField(max_length=60)
    provider = models.CharField(max_length=12)
    model_id = models.CharField(max_length=100, blank=True)
    credential_kind = models.CharField(max_length=10)
    credential_id = models.UUIDField(null=True)
    credential_mask = models.CharField(max_length=20, blank=True)
    billing = models.CharField(
        max_length=10, choices=[(one.value, name) for one, name in BILLING_NAMES.items()]
    )
    price = models.PositiveIntegerField()
    why = models.CharField(max_length=40)

    # What came of it.
    charged = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    # Parts of the input that the provider's prompt cache served or stored, and of the output spent on thinking.
    cached_tokens = models.PositiveIntegerField(null=True)
    cache_write_tokens = models.PositiveIntegerField(null=True)
    thinking_tokens = models.PositiveIntegerField(null=True)
    estimated_cost = models.PositiveBigIntegerField(
        null=True, help_text="Millionths of a US dollar, at list price."
    )
    # The cost can be less: a price for cached input is not known.
    cost_is_at_most = models.BooleanField(default=False, db_default=False)
    cache_saved = models.BigIntegerField(
        null=True, help_text="Millionths of a US dollar that the prompt cache saved."
    )
    # Parameters that the provider refused, separated by blanks: the call was made again without them.
    left_out = models.CharField(max_length=100, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    first_text_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    # The later version of this turn, or of one before it: the conversation goes on from there instead.
    superseded_by = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="supersedes", db_index=False
    )

    # The run. Of which process it is; None where that was not known, which leaves it to its lease.
    instance_id = models.UUIDField(null=True)
    lease_token = models.UUIDField()
    renewed_at = models.DateTimeField()
    stop_requested = models.BooleanField(default=False)
    # When question and answer were wiped, because the conversation was deleted; the receipt stays.
    erased_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "replies"
        indexes = [
            models.Index(fields=["agent", "-created_at"], name="reply_by_agent"),
            models.Index(
                fields=["created_at"],
                name="reply_to_erase",
                condition=Q(conversation__isnull=True, erased_at__isnull=True),
            ),
            models.Index(fields=["conversation", "created_at"], name="reply_in_conversation"),
            models.Index(fields=["workspace", "billing", "created_at"], name="reply_usage"),
            models.Index(fields=["member", "-created_at"], name="reply_by_member"),
            models.Index(
                fields=["renewed_at"], name="reply_running", condition=Q(state__in=["reserved", "streaming"])
            ),
            # Of the few that have one, so that all others are stored without a further entry.
            models.Index(
                fields=["superseded_by"], name="reply_superseded", condition=Q(superseded_by__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "member", "idempotency_key"], name="reply_once_per_send"
            ),
            models.CheckConstraint(
                condition=Q(billing=Billing.CREDITS.value, price__gt=0)
                | (~Q(billing=Billing.CREDITS.value) & Q(price=0)),
                name="reply_price_only_on_credits",
            ),
            models.CheckConstraint(
                condition=Q(charged=0) | Q(charged=F("price")), name="reply_charged_price_or_nothing"
            ),
            models.CheckConstraint(
                condition=~Q(billing=Billing.BYO.value) | Q(credential_kind=Credential.WORKSPACE.value),
                name="reply_byo_on_workspace_key",
            ),
        ]

    def __str__(self) -> str:
        return f"reply {self.pk} ({self.state})"

    def get_absolute_url(self) -> str:
        return reverse("agents:receipt", args=[self.workspace.slug, self.pk])

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING


class ReplyRating(models.Model):
    """What one member thinks of one reply; it can be changed, and taken back."""

    class Value(models.TextChoices):
        UP = "up", "Good"
        DOWN = "down", "Bad"

    class Reason(models.TextChoices):
        WRONG = "wrong", "Not true"
        INCOMPLETE = "incomplete", "Leaves something out"
        UNASKED = "unasked", "Answers something else"
        SOURCE = "source", "Uses the wrong source"
        TONE = "tone", "Tone or length"
        OTHER = "other", "Something else"

    reply = models.ForeignKey(Reply, on_delete=models.CASCADE, related_name="ratings")
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    value = models.CharField(max_length=4, choices=Value)
    reason = models.CharField(max_length=12, choices=Reason, blank=True)
    note = models.CharField(max_length=500, blank=True)
    rated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reply", "member"], name="rating_once_per_member"),
            models.CheckConstraint(condition=Q(value__in=["up", "down"]), name="rating_up_or_down"),
        ]

    def __str__(self) -> str:
        return f"{self.value} for {self.reply}"
