"""Credits: whole numbers, moved only by immutable transfers.

An account's `posted` is the sum of its transfers and `held` the sum of its open holds; database triggers
(billing/guards.py) move both, so that no code can forget to, and the checks below refuse any change that would
overdraw. *Available* = posted − held. A hold is captured by changing its state; a trigger then writes the charge's
transfer, so neither exists without the other.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from workspaces.models import Workspace

# The bounds of what operators may enter: far above any use, far below what a column, a sum or a date can hold.
MOST_CREDITS = 1_000_000_000
MOST_THINGS = 1_000_000
LAST_POSITION = 10_000
LAST_EXPIRY = datetime(2200, 1, 1, tzinfo=UTC)


def _at_most(most: int) -> list[MaxValueValidator]:
    return [MaxValueValidator(most)]


class Plan(models.Model):
    """What a workspace gets each month and how much it may have; null means no limit."""

    slug = models.SlugField(unique=True, help_text="Fixed once the plan is made.")
    name = models.CharField(max_length=40)
    monthly_credits = models.PositiveIntegerField(
        help_text="Credits granted at the start of each period.", validators=_at_most(MOST_CREDITS)
    )
    agent_limit = models.PositiveIntegerField(null=True, blank=True, validators=_at_most(MOST_THINGS))
    seat_limit = models.PositiveIntegerField(null=True, blank=True, validators=_at_most(MOST_THINGS))
    source_limit = models.PositiveIntegerField(
        "sources per agent", null=True, blank=True, validators=_at_most(MOST_THINGS)
    )
    position = models.PositiveSmallIntegerField(default=0, validators=_at_most(LAST_POSITION))
    once_per_person = models.BooleanField(
        default=False,
        help_text="Its allotment goes to one workspace of each person who has confirmed their e-mail address.",
    )
    is_default = models.BooleanField(
        "plan of new workspaces",
        default=False,
        help_text="Exactly one plan is. Anybody can make workspaces, so its allotment is given once per person.",
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="plan_one_default"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(once_per_person=True),
                name="plan_default_once_per_person",
                violation_error_message="The plan of new workspaces is given once per person.",
            ),
            models.CheckConstraint(
                name="plan_within_bounds",
                condition=Q(monthly_credits__lte=MOST_CREDITS, position__lte=LAST_POSITION)
                & (Q(agent_limit__isnull=True) | Q(agent_limit__lte=MOST_THINGS))
                & (Q(seat_limit__isnull=True) | Q(seat_limit__lte=MOST_THINGS))
                & (Q(source_limit__isnull=True) | Q(source_limit__lte=MOST_THINGS)),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    """A workspace's ledger account, in credits."""

    workspace = models.OneToOneField(Workspace, on_delete=models.PROTECT, related_name="account")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="accounts")
    posted = models.BigIntegerField(default=0, editable=False)
    held = models.BigIntegerField(default=0, editable=False)
    # The earlier of two moments: the next allotment is due, the soonest bucket expires. Before it, a reply is
    # accepted without looking at either.
    next_event_at = models.DateTimeField(null=True, editable=False)
    # When the plan begins to give its allotment: the start of the period after the change to it; null if the plan
    # was never changed.
    allots_from = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        permissions = [("grant_credits", "Can grant and reverse credits")]
        constraints = [
            models.CheckConstraint(condition=Q(held__gte=0), name="account_held_not_negative"),
            models.CheckConstraint(condition=Q(posted__gte=F("held")), name="account_never_overdrawn"),
        ]

    def __str__(self) -> str:
        return f"account of {self.workspace}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Never writes the balances of an existing row, because the values in this object may be old."""
        if not self._state.adding and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = [
                field.name
                for field in self._meta.concrete_fields
                if field.name not in ("id", "posted", "held")
            ]
        super().save(*args, **kwargs)

    @property
    def available(self) -> int:
        return self.posted - self.held


class Transfer(models.Model):
    """An immutable movement between a workspace's account and a system account, which its kind names."""

    class Kind(models.TextChoices):
        GRANT_PLAN = "grant_plan", "Monthly allotment"
        GRANT_OPERATOR = "grant_operator", "Grant"
        PURCHASE = "purchase", "Purchase"
        CAPTURE = "capture", "Reply"
        EXPIRE = "expire", "Expired"
        REVERSAL = "reversal", "Reversal"

    # The system account on the other side: *issued* creates credits, *usage* and *expired* take them.
    COUNTERPART = {
        Kind.GRANT_PLAN: "issued",
        Kind.GRANT_OPERATOR: "issued",
        Kind.PURCHASE: "issued",
        Kind.CAPTURE: "usage",
        Kind.EXPIRE: "expired",
    }
    INWARD = (Kind.GRANT_PLAN, Kind.GRANT_OPERATOR, Kind.PURCHASE)

    # Each capture writes to every index of this table, so it has no index that is not read.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="transfers", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind)
    amount = models.BigIntegerField(help_text="Credits: above zero into the account, below zero out of it.")
    external_id = models.CharField(max_length=120)
    # No foreign key constraint: the actor's id stays when the person is deleted, since a transfer can never be
    # changed.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    reason = models.CharField(max_length=200, blank=True)
    reply_id = models.UUIDField(null=True)
    reverses = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="reversed_by")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="transfer_statement"),
            # The index includes the amount, so that usage is added up from the index alone.
            models.Index(fields=["account", "kind", "created_at", "amount"], name="transfer_usage"),
        ]
        constraints = [
            # Not `unique=True` on the field: on PostgreSQL Django would add a second index for LIKE.
            models.UniqueConstraint(fields=["external_id"], name="transfer_external_id_once"),
            models.CheckConstraint(
                name="transfer_sign_follows_kind",
                condition=(
                    Q(kind__in=["grant_plan", "grant_operator", "purchase"], amount__gt=0)
                    | Q(kind__in=["capture", "expire"], amount__lt=0)
                    | (Q(kind="reversal", reverses__isnull=False) & ~Q(amount=0))
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:+}"


class Hold(models.Model):
    """Credits set aside for one reply until it is captured, released, or its lease runs out."""

    class State(models.TextChoices):
        HELD = "held", "Held"
        CAPTURED = "captured", "Captured"
        RELEASED = "released", "Released"
        EXPIRED = "expired", "Expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="holds", db_index=False)
    amount = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.HELD)
    reply_id = models.UUIDField(unique=True)
    # The fence: only the run that still owns this token may resolve the hold.
    lease_token = models.UUIDField()
    renewed_at = models.DateTimeField()
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    # Shown in the ledger's line of the charge; set when the hold is captured.
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["account"], name="hold_open", condition=Q(state="held")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="hold_amount_positive"),
            models.CheckConstraint(
                condition=Q(state="held", resolved_at__isnull=True)
                | (~Q(state="held") & Q(resolved_at__isnull=False)),
                name="hold_resolved_once",
            ),
        ]

    def __str__(self) -> str:
        return f"hold of {self.amount}, {self.state}"

    @property
    def capture_id(self) -> str:
        """The external id of the transfer that charges it, as the database writes it (billing/guards.py)."""
        return f"capture:{self.pk.hex}"


class Bucket(models.Model):
    """What is left of one grant. Captures draw on the soonest-expiring bucket first, lazily (docs/decisions)."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="buckets")
    transfer = models.OneToOneField(Transfer, on_delete=models.PROTECT, related_name="bucket")
    remaining = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(remaining__gte=0), name="bucket_not_negative"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__lte=LAST_EXPIRY),
                name="bucket_expires_in_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining} until {self.expires_at or 'spent'}"


class FreeAllotment(models.Model):
    """Which account has a person's free credits: one row for each person and each mailbox, kept for good.

    The row outlives the person's user row, so that signing up again brings no second allotment.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="free_allotment")
    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    mailbox = models.CharField(max_length=64, unique=True, help_text="Digest, workspaces/people.py.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"free allotment of {self.account}"
