"""Replies, each with its receipt, and members' ratings of them."""

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
    """Called for the replies of a deleted conversation: their receipts stay, their prompts are deleted."""
    models.SET_NULL(collector, field, replies, using)
    collector.add_field_update(field.model._meta.get_field("prompt"), None, replies)


class Reply(models.Model):
    """One turn: a member's question and the agent's answer, with the receipt.

    The route (model, credential, who pays, price, why) is written once, when the reply is accepted, and never
    changed.
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
    # States with a usable answer: later turns build on it, and it may have been charged.
    ANSWERED = (State.COMPLETED, State.STOPPED, State.CUT)
    # The columns with text of people and models, and the stored prompt; each with its value once it is wiped.
    TEXTS: ClassVar[dict[str, Any]] = {"question": "", "text": "", "html": "", "sources": [], "prompt": None}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="replies")
    # No index of its own: the index over agent and time serves.
    agent = models.ForeignKey(
        Agent, null=True, on_delete=models.SET_NULL, related_name="replies", db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=keep_without_prompt, related_name="replies"
    )
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Made by the browser, so that one press of Send makes one reply, however often it arrives.
    idempotency_key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)

    question = models.TextField()
    text = models.TextField(blank=True)
    # The text as HTML for pages, and the version of the renderer; 0 is none yet (agents/rendering.py).
    html = models.TextField(blank=True, default="", db_default="")
    html_version = models.PositiveSmallIntegerField(default=0, db_default=0)
    sources = models.JSONField(default=list)
    # The part of the sent prompt that cannot be rebuilt from other rows (agents/sent_prompts.py). None if no prompt
    # was sent, and after the conversation is deleted.
    prompt = models.BinaryField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    # Empty while the reply runs.
    ending = models.CharField(max_length=16, choices=Ending, blank=True, default="", db_default="")
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(
        max_length=300, blank=True, help_text="For admins; never the provider's raw words."
    )
    # The parts of the provider's last error that are safe to store.
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

    # The result.
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
    # The real cost may be lower, because the price for cached input is unknown.
    cost_is_at_most = models.BooleanField(default=False, db_default=False)
    cache_saved = models.BigIntegerField(
        null=True, help_text="Millionths of a US dollar that the prompt cache saved."
    )
    # Parameters that the provider refused, separated by blanks; the call was repeated without them.
    left_out = models.CharField(max_length=100, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    first_text_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    # The later version of this turn or of an earlier one, from which the conversation continues instead.
    superseded_by = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="supersedes", db_index=False
    )

    # The run, and the process that it is in. None if that is unknown; then only the lease tells whether it lives.
    instance_id = models.UUIDField(null=True)
    lease_token = models.UUIDField()
    renewed_at = models.DateTimeField()
    stop_requested = models.BooleanField(default=False)
    # When question and answer were deleted with the conversation; the receipt stays.
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
            # A partial index: few replies have a value, and the others need no entry.
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

    @property
    def is_readable(self) -> bool:
        """Whether its texts may be shown: not those of a deleted conversation, even while it can be restored."""
        return self.conversation is not None and self.conversation.deleted_at is None


class ReplyRating(models.Model):
    """One member's rating of one reply. It can be changed and removed."""

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

    NOTE_CHARACTERS = 500

    reply = models.ForeignKey(Reply, on_delete=models.CASCADE, related_name="ratings")
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    value = models.CharField(max_length=4, choices=Value)
    reason = models.CharField(max_length=12, choices=Reason, blank=True)
    note = models.CharField(max_length=NOTE_CHARACTERS, blank=True)
    rated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reply", "member"], name="rating_once_per_member"),
            models.CheckConstraint(condition=Q(value__in=["up", "down"]), name="rating_up_or_down"),
        ]

    def __str__(self) -> str:
        return f"{self.value} for {self.reply}"
