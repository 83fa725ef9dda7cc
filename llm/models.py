"""Chat models, provider keys, and a workspace's LLM settings."""

import uuid
from datetime import UTC, datetime
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from llm.providers import roster
from workspaces.models import RandomUUID, Workspace


class Provider(models.TextChoices):
    """What a chat model runs on: a provider of llm/providers/roster.py, or Bookbag itself."""

    OPENAI = roster.OPENAI.name, roster.OPENAI.label
    ANTHROPIC = roster.ANTHROPIC.name, roster.ANTHROPIC.label
    LOCAL = "local", "Bookbag Local"


KEYED_PROVIDERS = tuple(Provider(one.name) for one in roster.KEYED)

# The bounds of what operators may enter: far above any use, far below what a column, a product or a date can hold.
MOST_PRICE = 10_000  # credits
MOST_LIST_PRICE = 10_000_000_000  # µ$ per million tokens: ten thousand dollars
MOST_CONTEXT = 100_000_000  # tokens
MOST_FACTOR = 100
LAST_POSITION = 10_000
FIRST_DAY, LAST_DAY = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _at_most(name: str, most: object) -> Q:
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__lte": most})


class ChatModel(models.Model):
    """A model that agents can run on: in the catalogue, or one workspace's own (runnable under BYO only)."""

    # Used in URLs instead of the primary key, which would reveal how many custom models exist.
    code = models.UUIDField(unique=True, editable=False, db_default=RandomUUID())
    workspace = models.ForeignKey(
        Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="chat_models"
    )
    name = models.CharField(max_length=60)
    provider = models.CharField(max_length=12, choices=Provider)
    model_id = models.CharField("provider's model id", max_length=100, blank=True)
    price = models.PositiveIntegerField(
        "credits per reply", default=0, validators=[MaxValueValidator(MOST_PRICE)]
    )
    # The provider's list price in millionths of a US dollar per million tokens; null when unknown.
    input_price = models.PositiveBigIntegerField(
        "input, µ$ per million tokens", null=True, blank=True, validators=[MaxValueValidator(MOST_LIST_PRICE)]
    )
    output_price = models.PositiveBigIntegerField(
        "output, µ$ per million tokens",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_LIST_PRICE)],
    )
    # The price for input from the provider's prompt cache; and the threshold and factor for long prompts.
    cached_input_price = models.PositiveBigIntegerField(
        "cached input, µ$ per million tokens",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_LIST_PRICE)],
    )
    long_prompt_tokens = models.PositiveIntegerField(
        "long prompt",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_CONTEXT)],
        help_text="Input tokens above which all list prices are multiplied.",
    )
    long_prompt_factor = models.PositiveSmallIntegerField(
        "factor for long prompts",
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_FACTOR)],
    )
    context_tokens = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MOST_CONTEXT)]
    )
    # What an operator or admin entered about the model; llm/profiles.py says when that counts.
    takes_temperature = models.BooleanField(null=True, blank=True)
    efforts = models.CharField(
        "effort levels",
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text="Separated by blanks, for example: none low high.",
    )
    output_limit = models.PositiveIntegerField(
        "most output tokens",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CONTEXT)],
    )
    shuts_down_on = models.DateField(
        "shuts down on",
        null=True,
        blank=True,
        validators=[MinValueValidator(FIRST_DAY.date()), MaxValueValidator(LAST_DAY.date())],
    )
    replaced_by = models.CharField(
        "replacement's model id", max_length=100, blank=True, default="", db_default=""
    )
    # Parameters that the provider refused for this model, separated by blanks; requests leave them out.
    left_out = models.CharField(max_length=100, blank=True, default="", db_default="", editable=False)
    note = models.CharField(max_length=120, blank=True)
    enabled = models.BooleanField(default=True)
    retired_at = models.DateTimeField(
        null=True, blank=True, validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
    )
    position = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(LAST_POSITION)])

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(provider__in=Provider.values), name="chatmodel_provider_known"
            ),
            models.CheckConstraint(
                condition=Q(workspace__isnull=False, price=0)
                | Q(provider="local")
                | Q(workspace__isnull=True, price__gt=0),
                name="chatmodel_price_positive_in_catalogue",
            ),
            models.CheckConstraint(
                condition=Q(price__lte=MOST_PRICE, position__lte=LAST_POSITION)
                & _at_most("input_price", MOST_LIST_PRICE)
                & _at_most("output_price", MOST_LIST_PRICE)
                & _at_most("context_tokens", MOST_CONTEXT)
                & _at_most("retired_at", LAST_DAY)
                & (Q(retired_at__isnull=True) | Q(retired_at__gte=FIRST_DAY)),
                name="chatmodel_within_bounds",
            ),
            models.CheckConstraint(
                condition=Q(long_prompt_factor__gte=1, long_prompt_factor__lte=MOST_FACTOR)
                & _at_most("cached_input_price", MOST_LIST_PRICE)
                & _at_most("long_prompt_tokens", MOST_CONTEXT)
                & _at_most("output_limit", MOST_CONTEXT)
                & _at_most("shuts_down_on", LAST_DAY.date()),
                name="chatmodel_profile_within_bounds",
            ),
            models.UniqueConstraint(
                fields=["provider", "model_id"],
                condition=Q(workspace__isnull=True),
                name="chatmodel_once_in_catalogue",
            ),
            models.UniqueConstraint(
                fields=["workspace", "provider", "model_id"], name="chatmodel_once_per_workspace"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_custom(self) -> bool:
        return self.workspace_id is not None

    @property
    def is_available(self) -> bool:
        return self.enabled and self.retired_at is None


class LLMSettings(models.Model):
    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="llm_settings")
    byo_enabled = models.BooleanField(default=False)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "LLM settings"

    def __str__(self) -> str:
        return f"BYO {'on' if self.byo_enabled else 'off'}"


class Region(models.TextChoices):
    """Data-residency regions of OpenAI; empty is the global host."""

    US = "us", "United States"
    EU = "eu", "Europe"
    AE = "ae", "United Arab Emirates"


def mask_of(prefix: str, tail: str) -> str:
    """What may be shown of a provider key."""
    return f"{prefix}…{tail}"


class ProviderKeyQuerySet(models.QuerySet["ProviderKey"]):
    def sealed(self) -> "ProviderKeyQuerySet":
        """Keys that still have sealed bytes; a wiped row is only history."""
        return self.exclude(kek_id="")


class ProviderKey(models.Model):
    """A sealed secret and the parts of it that may be shown. Without a workspace it is a platform key.

    `prefix` and `tail` make the mask, so that no page ever needs to open the sealed part.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        SUPERSEDED = "superseded", "Superseded"
        DELETED = "deleted", "Deleted"

    class Health(models.TextChoices):
        UNVERIFIED = "unverified", "Not verified yet"
        VALID = "valid", "Works"
        REJECTED = "rejected", "Rejected by the provider"
        LIMITED = "limited", "Rate limited or out of funds"
        UNREACHABLE = "unreachable", "Provider not reached"
        UNREADABLE = "unreadable", "Unreadable: enter it again"

    # The id is part of the binding, so it is made before the row is stored.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        Workspace, null=True, on_delete=models.PROTECT, related_name="provider_keys"
    )
    provider = models.CharField(max_length=12, choices=[(p.value, p.label) for p in KEYED_PROVIDERS])
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    prefix = models.CharField(max_length=12)
    tail = models.CharField(max_length=4, blank=True)
    # Envelope (llm/vault.py). Empty once wiped.
    kek_id = models.CharField(max_length=40, blank=True, editable=False)
    wrapped_dek = models.BinaryField(default=b"", editable=False)
    nonce = models.BinaryField(default=b"", editable=False)
    ciphertext = models.BinaryField(default=b"", editable=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True)
    health = models.CharField(max_length=12, choices=Health, default=Health.UNVERIFIED)
    health_at = models.DateTimeField(null=True)
    last_good_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=40, blank=True)
    last_error_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    # When the admins were last mailed about a rejection, so that a flapping provider causes one mail a day.
    rejection_told_at = models.DateTimeField(null=True, editable=False)
    # False for a key that may run replies but not list models; then only a reply can verify it.
    may_list = models.BooleanField(default=True, db_default=True, editable=False)
    # When its account's list was last stored, or last asked for by the daily refresh.
    listed_at = models.DateTimeField(null=True, editable=False)
    # What is left of the account's rate limits, by the headers of the last reply (providers.base.Headroom).
    headroom = models.JSONField(null=True, editable=False)
    # One of the provider's data-residency regions. A closed choice, so that a workspace can never enter a host.
    region = models.CharField(max_length=4, blank=True, choices=Region, default="", db_default="")

    objects = ProviderKeyQuerySet.as_manager()

    class Meta:
        ordering = ["provider", "-added_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "provider"],
                condition=Q(state="active", workspace__isnull=False),
                name="one_active_key_per_workspace_and_provider",
            ),
            models.UniqueConstraint(
                fields=["provider"],
                condition=Q(state="active", workspace__isnull=True),
                name="one_active_platform_key_per_provider",
            ),
            models.CheckConstraint(
                condition=Q(provider__in=[p.value for p in KEYED_PROVIDERS]),
                name="providerkey_provider_known",
            ),
        ]

    def __str__(self) -> str:
        return self.mask

    @property
    def mask(self) -> str:
        return mask_of(self.prefix, self.tail)


class ListedModel(models.Model):
    """One model of the list of a key's account, as last fetched (llm/listing.py)."""

    provider_key = models.ForeignKey(ProviderKey, on_delete=models.CASCADE, related_name="listed_models")
    model_id = models.CharField(max_length=100)
    name = models.CharField(max_length=100, blank=True)
    # One of llm.profiles.Lifecycle; empty where the list does not say.
    lifecycle = models.CharField(max_length=12, blank=True)
    shuts_down_on = models.DateField(null=True)
    context_tokens = models.PositiveIntegerField(null=True)
    output_limit = models.PositiveIntegerField(null=True)
    # Accepted effort levels and kinds of thinking, separated by blanks; null when the list does not say.
    efforts = models.CharField(max_length=80, null=True)  # noqa: DJ001 (none is not the same as unknown)
    thinking = models.CharField(max_length=80, null=True)  # noqa: DJ001

    class Meta:
        ordering = ["model_id"]
        constraints = [
            models.UniqueConstraint(fields=["provider_key", "model_id"], name="listedmodel_once_per_key")
        ]

    def __str__(self) -> str:
        return self.model_id


class ShutdownNotice(models.Model):
    """A mail telling a workspace's admins that a chat model of its agents leaves.

    There is one row for each stage, so each mail is sent once.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="shutdown_notices")
    provider = models.CharField(max_length=12)
    model_id = models.CharField(max_length=100)
    shuts_down_on = models.DateField()
    days_before = models.PositiveSmallIntegerField()
    told_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "provider", "model_id", "shuts_down_on", "days_before"],
                name="shutdownnotice_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_id}, {self.days_before} days before"


class PlatformKeys(models.Manager):
    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(workspace=None)


class PlatformKey(ProviderKey):
    """Our own keys, for the operators' pages: the rows without a workspace."""

    objects: ClassVar[PlatformKeys] = PlatformKeys()  # type: ignore[assignment]

    class Meta:
        proxy = True


class KekRecord(models.Model):
    """The KEK that an id meant at its first use, so that no secret is sealed under a different one by mistake."""

    kek_id = models.CharField(primary_key=True, max_length=40)
    # A one-way digest of the KEK (llm/vault.py): distinguishes two KEKs, opens nothing.
    proof = models.BinaryField(editable=False)
    first_used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "KEK"

    def __str__(self) -> str:
        return self.kek_id


class UnsealCount(models.Model):
    """How often a provider key was opened in one day (UTC) for one purpose."""

    provider_key = models.ForeignKey(ProviderKey, on_delete=models.CASCADE, related_name="unseal_counts")
    purpose = models.CharField(max_length=20)
    day = models.DateField()
    times = models.PositiveIntegerField(default=0)
    # Set when the day is over and its count is in the audit log.
    reported = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider_key", "purpose", "day"], name="unsealcount_once_a_day")
        ]
        indexes = [models.Index(fields=["day"], name="unsealcount_unreported", condition=Q(reported=False))]

    def __str__(self) -> str:
        return f"{self.times} for {self.purpose} on {self.day}"
