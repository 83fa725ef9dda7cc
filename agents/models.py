"""What people build (agents and their sources) and what comes of it (conversations of replies)."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.urls import reverse
from django.utils import timezone

from llm.models import ChatModel
from llm.routing import Billing, Credential
from workspaces.models import Workspace


class Agent(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    FALLBACK = "I don't know that from my sources. Could you put it another way?"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="agents")
    name = models.CharField(max_length=80)
    instructions = models.TextField(
        max_length=20_000, blank=True, help_text="Who the agent is and how it should answer."
    )
    chat_model = models.ForeignKey(ChatModel, on_delete=models.PROTECT, related_name="agents")
    # Sent only where the model takes it (llm/profiles.py); empty is the model's own default, as below.
    temperature = models.FloatField(default=0.2, null=True, blank=True)
    effort = models.CharField(max_length=10, blank=True, default="", db_default="")
    output_limit = models.PositiveIntegerField("output limit", null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    fallback_text = models.CharField(
        max_length=500, default=FALLBACK, help_text="Said when the sources hold no answer."
    )
    # One a line; where there are none, agents/suggestions.py draws some from what the agent answers from.
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


class SourceQuerySet(models.QuerySet["Source"]):
    def listed(self) -> "SourceQuerySet":
        """What people see as one source each, and what the plan counts: no single pages, nothing that is deleted."""
        return self.filter(parent=None, deleted_at=None)


class Source(models.Model):
    """What an agent answers from: a text, a file, or a website with a source of its own for each of its pages.

    Training cuts its text into passages, by a job (agents/sources/working.py); it is always free.
    """

    class Kind(models.TextChoices):
        TEXT = "text", "Text"
        FILE = "file", "File"
        WEBSITE = "website", "Website"
        PAGE = "page", "Page of a website"

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        TRAINING = "training", "Training"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Recrawl(models.TextChoices):
        NEVER = "", "Only when I ask for it"
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"

    BUSY = (State.QUEUED, State.TRAINING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="sources")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.TEXT, db_default=Kind.TEXT)
    # Of a page: its website.
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="pages")
    title = models.CharField(max_length=200)
    # Of a file or a page: what was read from it, as Markdown.
    text = models.TextField(max_length=1_000_000)
    # Counted by the database when it stores the text: a page that lists sources does not read through all of them.
    characters = models.GeneratedField(
        expression=Length("text"), output_field=models.PositiveIntegerField(), db_persist=True
    )
    # Of the text, normalised: what has not changed is not trained again. Empty while there is no text yet.
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    # Where a website begins, or where a page is.
    url = models.CharField(max_length=2_000, blank=True, default="", db_default="")
    recrawl = models.CharField(
        max_length=6, choices=Recrawl, blank=True, default=Recrawl.NEVER, db_default=Recrawl.NEVER
    )
    file_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    file_bytes = models.PositiveIntegerField(default=0, db_default=0)
    # A row that a server of an earlier version makes is trained when it is there.
    state = models.CharField(max_length=9, choices=State, default=State.READY, db_default=State.READY)
    # Why it failed, or what was left out, in words for people.
    note = models.CharField(max_length=500, blank=True, default="", db_default="")
    done = models.PositiveIntegerField(default=0, db_default=0)
    total = models.PositiveIntegerField(default=0, db_default=0)
    queued_at = models.DateTimeField(null=True)
    # Whoever trains holds the token until then, and renews it; after that another may begin anew.
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # How often the present job has been taken up.
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    crawled_at = models.DateTimeField(null=True)
    trained_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Deleted, with time left to undo it; its passages are gone already.
    deleted_at = models.DateTimeField(null=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ["title", "created_at"]
        indexes = [
            models.Index(
                fields=["lease_until"], name="source_busy", condition=Q(state__in=["queued", "training"])
            ),
            models.Index(fields=["deleted_at"], name="source_deleted", condition=Q(deleted_at__isnull=False)),
            models.Index(
                fields=["crawled_at"], name="source_to_recrawl", condition=Q(recrawl__in=["daily", "weekly"])
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "content_hash"],
                name="source_text_once_per_agent",
                condition=Q(parent__isnull=True, deleted_at__isnull=True) & ~Q(content_hash=""),
            ),
            models.UniqueConstraint(
                fields=["parent", "url"], name="source_page_once", condition=Q(parent__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "training", "ready", "failed", "cancelled"]),
                name="source_state_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="page", parent__isnull=False)
                | Q(kind__in=["text", "file", "website"], parent__isnull=True),
                name="source_page_of_a_website",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_busy(self) -> bool:
        return self.state in self.BUSY


class SourcePart(models.Model):
    """A piece of an uploaded file, kept until the file has been read. Pieces, so that no process holds a whole one twice."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["source", "position"], name="source_part_once")]

    def __str__(self) -> str:
        return f"part {self.position} of {self.source_id}"


class Passage(models.Model):
    """A piece of a source, small enough to quote; the unit of the full-text index."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="passages")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="passages")
    position = models.PositiveIntegerField()
    heading = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    # Its terms, as agents/knowledge/terms.py makes them. None: written by a version before this one, and not indexed yet.
    searchable = models.TextField(null=True, editable=False)  # noqa: DJ001 (empty is not the same as not indexed)
    # What it means, as the encoder of that name made it (agents/knowledge/encoders.py), which leaves some texts out.
    vector = models.BinaryField(null=True)
    vector_by = models.CharField(max_length=40, null=True, editable=False)  # noqa: DJ001 (none has looked at it)

    class Meta:
        ordering = ["source", "position"]
        indexes = [
            models.Index(fields=["id"], name="passage_to_index", condition=Q(searchable__isnull=True)),
            models.Index(
                fields=["agent", "vector_by", "id"], name="passage_vectors", condition=Q(vector__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(vector__isnull=True) | Q(vector_by__isnull=False), name="passage_vector_by_one"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:60]


class Vocabulary(models.Model):
    """The words of a source, separated by blanks: what a misspelt word of a question may mean."""

    source = models.OneToOneField(
        Source, on_delete=models.CASCADE, primary_key=True, related_name="vocabulary"
    )
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    words = models.TextField()

    def __str__(self) -> str:
        return f"words of {self.source}"


class CommonTerms(models.Model):
    """The terms that stand in very many passages of an agent, each with how many; kept for agents with many passages."""

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, primary_key=True, related_name="+")
    # Passages that the agent had when they were counted.
    size = models.PositiveIntegerField()
    terms = models.JSONField()

    def __str__(self) -> str:
        return f"common terms of {self.agent}"


class QAPair(models.Model):
    """A question with its one right answer, returned word for word and free."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="qa_pairs")
    question = models.CharField(max_length=500)
    answer = models.TextField(max_length=20_000)
    # The question as a version before this one compared it, which still reads it during an upgrade.
    folded = models.CharField(max_length=500, editable=False)
    # The question as it is compared word for word (agents/knowledge/folding.py), the terms of question and answer, and
    # the pair's number in the index. None: not indexed yet.
    exact = models.CharField(max_length=500, null=True, editable=False)  # noqa: DJ001 (empty is a question of marks)
    searchable = models.TextField(null=True, editable=False)  # noqa: DJ001
    place = models.BigIntegerField(null=True, editable=False)
    # As of a passage; and a number drawn anew with each vector, so that the sum of all tells whether one has changed.
    vector = models.BinaryField(null=True)
    vector_by = models.CharField(max_length=40, null=True, editable=False)  # noqa: DJ001
    vector_mark = models.PositiveIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["question"]
        indexes = [
            models.Index(fields=["place"], name="qa_by_place"),
            models.Index(fields=["id"], name="qa_to_index", condition=Q(searchable__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["agent", "exact"], name="qa_exact_question_once_per_agent"),
            models.CheckConstraint(
                condition=Q(vector__isnull=True) | Q(vector_by__isnull=False, vector_mark__isnull=False),
                name="qa_vector_by_one",
            ),
        ]

    def __str__(self) -> str:
        return self.question


class RemovedPair(models.Model):
    """A Q&A pair that was deleted, with time left to undo it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="removed_pairs")
    question = models.CharField(max_length=500)
    answer = models.TextField(max_length=20_000)
    deleted_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["-deleted_at"]

    def __str__(self) -> str:
        return self.question


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def present(self) -> "ConversationQuerySet":
        """Without those that are deleted and could still be brought back."""
        return self.filter(deleted_at=None)


class Conversation(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="conversations")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    # Empty until somebody gives one: then the opening of the first question stands for it.
    title = models.CharField(max_length=120, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    # What this conversation tries in place of the agent's own (agents/trying.py). Without a chat model the three
    # settings of one count for nothing; instructions of None are the agent's.
    tried_model = models.ForeignKey(ChatModel, null=True, on_delete=models.SET_NULL, related_name="+")
    tried_temperature = models.FloatField(null=True)
    tried_effort = models.CharField(max_length=10, blank=True, default="", db_default="")
    tried_output_limit = models.PositiveIntegerField(null=True)
    tried_instructions = models.TextField(max_length=20_000, null=True)  # noqa: DJ001 (empty is not the same as the agent's)
    # Deleted, with time left to undo it; after that the row is gone (agents/conversations.py).
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


class Instance(models.Model):
    """A server process that works on replies, and when it last said so (agents/running/instances.py)."""

    id = models.UUIDField(primary_key=True, editable=False)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"instance {self.pk}, seen at {self.seen_at}"


class Duty(models.Model):
    """When a periodic duty was last taken, so that one process of many takes each round."""

    name = models.CharField(max_length=20, primary_key=True)
    last_at = models.DateTimeField()

    class Meta:
        # The first name of this model, which processes of an earlier version still use during an upgrade.
        db_table = "agents_watch"

    def __str__(self) -> str:
        return f"{self.name} at {self.last_at}"
