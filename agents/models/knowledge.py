"""An agent's knowledge: sources, the passages cut from them, and Q&A pairs."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.utils import timezone

from .agent import Agent


class SourceQuerySet(models.QuerySet["Source"]):
    def listed(self) -> "SourceQuerySet":
        """Sources as people and the plan count them: without the pages of websites and without deleted ones."""
        return self.filter(parent=None, deleted_at=None)


class Source(models.Model):
    """A source: a text, a file, or a website, whose pages are sources of their own.

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
    # The website of a page.
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="pages")
    title = models.CharField(max_length=200)
    # For a file or page: its text as Markdown.
    text = models.TextField(max_length=1_000_000)
    # A generated column, so that a page that lists sources need not read their texts.
    characters = models.GeneratedField(
        expression=Length("text"), output_field=models.PositiveIntegerField(), db_persist=True
    )
    # A digest of the normalised text, so that unchanged text is not trained again. Empty while there is no text.
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    # The start address of a website, or the address of a page.
    url = models.CharField(max_length=2_000, blank=True, default="", db_default="")
    recrawl = models.CharField(
        max_length=6, choices=Recrawl, blank=True, default=Recrawl.NEVER, db_default=Recrawl.NEVER
    )
    file_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    file_bytes = models.PositiveIntegerField(default=0, db_default=0)
    # `ready` by default in the database, because a server of an earlier version inserts only trained rows.
    state = models.CharField(max_length=9, choices=State, default=State.READY, db_default=State.READY)
    # For people: why it failed, or what was left out.
    note = models.CharField(max_length=500, blank=True, default="", db_default="")
    done = models.PositiveIntegerField(default=0, db_default=0)
    total = models.PositiveIntegerField(default=0, db_default=0)
    queued_at = models.DateTimeField(null=True)
    # The worker that trains holds the token until this time and renews it; after that another worker may start
    # again.
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # How often the current job was started.
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    crawled_at = models.DateTimeField(null=True)
    trained_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Set while a deleted source can be restored; its passages are deleted already.
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
    """A piece of an uploaded file, kept until the file has been read.

    Stored in pieces, so that no process holds a whole file twice.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["source", "position"], name="source_part_once")]

    def __str__(self) -> str:
        return f"part {self.position} of {self.source_id}"


class CrawledPage(models.Model):
    """A page read by a running crawl. Searches do not see it before the whole crawl is swapped in."""

    site = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="crawled")
    # The id of its source, existing or future.
    page = models.UUIDField(default=uuid.uuid4)
    url = models.CharField(max_length=2_000)
    title = models.CharField(max_length=200)
    text = models.TextField()
    content_hash = models.CharField(max_length=64)
    # As in Vocabulary.
    words = models.TextField()

    def __str__(self) -> str:
        return self.url


class CrawledPassage(models.Model):
    """A passage of a crawled page; the fields are those of Passage."""

    crawled = models.ForeignKey(CrawledPage, on_delete=models.CASCADE, related_name="passages")
    position = models.PositiveIntegerField()
    heading = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    searchable = models.TextField()
    vector = models.BinaryField(null=True)
    vector_by = models.CharField(max_length=40, null=True, editable=False)  # noqa: DJ001 (as in Passage)

    def __str__(self) -> str:
        return self.text[:60]


class Passage(models.Model):
    """A piece of a source, small enough to quote; the unit of the full-text index."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="passages")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="passages")
    position = models.PositiveIntegerField()
    heading = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    # Its terms, made by agents/knowledge/terms.py. None: written by an earlier version and not indexed yet.
    searchable = models.TextField(null=True, editable=False)  # noqa: DJ001 (empty is not the same as not indexed)
    # Its vector, and the name of the encoder that made it (agents/knowledge/encoders.py). An encoder leaves some
    # texts without a vector.
    vector = models.BinaryField(null=True)
    vector_by = models.CharField(max_length=40, null=True, editable=False)  # noqa: DJ001 (no encoder has processed it)

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
    """The words of a source, separated by blanks, for correcting misspelt words of questions."""

    source = models.OneToOneField(
        Source, on_delete=models.CASCADE, primary_key=True, related_name="vocabulary"
    )
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    words = models.TextField()

    def __str__(self) -> str:
        return f"words of {self.source}"


class CommonTerms(models.Model):
    """The terms that are in very many passages of an agent, with their number; only for agents with many passages."""

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, primary_key=True, related_name="+")
    # How many passages the agent had when terms were counted.
    size = models.PositiveIntegerField()
    terms = models.JSONField()

    def __str__(self) -> str:
        return f"common terms of {self.agent}"


class QAPair(models.Model):
    """A question with its one right answer, returned word for word and free."""

    QUESTION_CHARACTERS, ANSWER_CHARACTERS = 500, 20_000

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="qa_pairs")
    question = models.CharField(max_length=QUESTION_CHARACTERS)
    answer = models.TextField(max_length=ANSWER_CHARACTERS)
    # The question as the previous version compared it; its servers still read this column during an upgrade.
    folded = models.CharField(max_length=QUESTION_CHARACTERS, editable=False)
    # The question in the form compared word for word (agents/knowledge/folding.py), the terms of question and
    # answer, and the pair's number in the index. None: not indexed yet.
    exact = models.CharField(max_length=QUESTION_CHARACTERS, null=True, editable=False)  # noqa: DJ001 (empty means a question of only punctuation)
    searchable = models.TextField(null=True, editable=False)  # noqa: DJ001
    place = models.BigIntegerField(null=True, editable=False)
    # As in Passage; and a random number, new with each vector, so that the sum of all changes when a vector does.
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
    """A deleted Q&A pair that can still be restored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="removed_pairs")
    question = models.CharField(max_length=QAPair.QUESTION_CHARACTERS)
    answer = models.TextField(max_length=QAPair.ANSWER_CHARACTERS)
    deleted_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["-deleted_at"]

    def __str__(self) -> str:
        return self.question
