"""Users, workspaces, memberships, invitations, and the audit log."""

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone

from workspaces import audit_wording


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        """Make a superuser, and audit it. The first operator is made this way."""
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **extra)
        # Not with workspaces/audit.py, which imports these models.
        AuditEvent.objects.create(action="person.made_superuser", data={"person": user.email})
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class Theme(models.TextChoices):
    """The colours of pages; an empty value follows the system."""

    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail. `is_staff` makes an operator of the platform, never a member of anything."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True)
    # The time zone of pages, as a name of the IANA database; empty for UTC.
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Empty: follow the system's setting.
    theme = models.CharField(max_length=5, blank=True, default="", db_default="", choices=Theme)
    # Kinds of notices that are not mailed to this person, separated by blanks (workspaces/inbox.py).
    unmailed_notices = models.CharField(max_length=200, blank=True, default="", db_default="")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("operator", default=False)
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once_whatever_case")]

    def __str__(self) -> str:
        return self.email


class Session(AbstractBaseSession):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sessions"
    )


class Identity(models.Model):
    """Who a person is at the issuer (workspaces/identities.py). `subject` stays there for good; the address may change."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    # The address that the issuer last told, only for the person to recognise it.
    address = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_once"),
            models.UniqueConstraint(fields=["person", "issuer"], name="identity_one_at_an_issuer"),
        ]

    def __str__(self) -> str:
        return f"{self.address or self.subject} at {self.issuer}"


class SignUpCount(models.Model):
    """How many accounts were made from one network in one day (UTC), and how many more were refused."""

    network = models.CharField(max_length=50)
    day = models.DateField()
    made = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["network", "day"], name="signups_counted_once_a_day")]
        indexes = [models.Index(fields=["day"], name="signups_by_day")]

    def __str__(self) -> str:
        return f"{self.made} from {self.network} on {self.day}"


class SignInCount(models.Model):
    """How many sign-ins failed since `since`, for one limit and one account or network.

    See workspaces/sign_in_limits.py.
    """

    name = models.CharField(max_length=60, primary_key=True)
    count = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"


class CacheEntry(models.Model):
    """The table of Django's database cache, in which django-allauth counts for its own rate limits."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "workspaces_cache"

    def __str__(self) -> str:
        return self.cache_key


class Role(models.TextChoices):
    """Cumulative: each role may do all that the ones before it may."""

    VIEWER = "viewer", "Viewer"
    EDITOR = "editor", "Editor"
    ADMIN = "admin", "Admin"
    OWNER = "owner", "Owner"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def at_least(self, role: "Role") -> bool:
        """Whether this role may do all that `other` may. Roles are compared only here."""
        return self.rank >= role.rank

    @property
    def is_admin(self) -> bool:
        return self.at_least(Role.ADMIN)

    @property
    def with_article(self) -> str:
        """ "an admin", "a viewer"."""
        article = "a" if self is Role.VIEWER else "an"
        return f"{article} {self.label.lower()}"


class Workspace(models.Model):
    """The tenant: members, agents, provider keys and credits belong to one workspace each."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now)
    # If set, members without a second factor have no access (workspaces/access.py, agents/running/admission.py).
    second_factor_required = models.BooleanField(default=False, db_default=False)
    # The maker, even if others own it now. Limits and free credits count by maker, so giving a workspace away resets
    # neither.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="workspaces_made",
    )

    # Set while operators have suspended it (workspaces/standing.py): no replies, no changes; pages show the reason.
    suspended_at = models.DateTimeField(null=True, editable=False)
    suspended_for = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    # Set when its owner has deleted it: it then has no members. Once nothing runs any more it is emptied and closed.
    closing_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("workspaces:workspace", args=[self.slug])

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None


class PastAddress(models.Model):
    """An address that a workspace has had. It redirects members, and no other workspace can take it."""

    slug = models.SlugField(max_length=40, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="past_addresses")
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.slug}, now {self.workspace.slug}"


class RandomUUID(models.Func):
    """A random UUID as a database default, so that processes of the previous version can still insert rows."""

    arity = 0
    output_field = models.UUIDField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="LOWER(HEX(RANDOMBLOB(16)))", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="GEN_RANDOM_UUID()", **extra)


class Membership(models.Model):
    # Used in URLs instead of the primary key, which would reveal how many memberships exist.
    code = models.UUIDField(unique=True, editable=False, db_default=RandomUUID())
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(default=timezone.now)
    # When this member has hidden the list of first steps on the overview; empty while it may be shown.
    first_steps_hidden_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.workspace}"

    def at_least(self, role: Role) -> bool:
        return Role(self.role).at_least(role)

    @property
    def is_editor(self) -> bool:
        return self.at_least(Role.EDITOR)

    @property
    def is_admin(self) -> bool:
        return self.at_least(Role.ADMIN)

    @property
    def is_owner(self) -> bool:
        return self.at_least(Role.OWNER)

    @property
    def role_in_words(self) -> str:
        """ "an admin", "a viewer"."""
        return Role(self.role).with_article

    def may_manage(self, other: "Membership") -> bool:
        """Whether this member may change or remove `other`: admins may, but only owners may change an owner."""
        return self.is_admin and (self.is_owner or not other.is_owner)

    @property
    def grantable_roles(self) -> list[Role]:
        """The roles this member may give: none above their own."""
        return [role for role in Role if self.is_admin and self.at_least(role)]


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> "InvitationQuerySet":
        """Invitations that can still be accepted."""
        return self.filter(state=Invitation.State.PENDING, expires_at__gt=Now())


class Invitation(models.Model):
    """An invitation by a link that works once, to an address that no person has confirmed (workspaces/invitations.py).

    Only the hash of the link's token is stored. An invitation that was not accepted in time stays pending; that it
    has expired is derived.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        ACCEPTED = "accepted", "Accepted"
        REVOKED = "revoked", "Revoked"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=[one for one in Role.choices if one[0] != "owner"])
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    # The current link: how many links were made before it, and the hash of its token.
    serial = models.PositiveIntegerField(default=0)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=models.Q(state="pending"),
                name="invitation_pending_once",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["viewer", "editor", "admin"]), name="invitation_role_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state="pending", ended_at__isnull=True)
                | models.Q(state__in=["accepted", "revoked"], ended_at__isnull=False),
                name="invitation_state_known",
            ),
        ]
        indexes = [models.Index(fields=["email"], name="invitation_by_email")]

    def __str__(self) -> str:
        return f"{self.email} is invited to {self.workspace}"

    def is_open(self, moment: datetime) -> bool:
        """Whether it can be accepted at `moment`."""
        return self.state == self.State.PENDING and self.expires_at > moment

    @property
    def has_expired(self) -> bool:
        return self.state == self.State.PENDING and not self.is_open(timezone.now())

    @property
    def role_in_words(self) -> str:
        """ "an admin", "a viewer"."""
        return Role(self.role).with_article


class Notice(models.Model):
    """A notice to one person, shown until it is old; `once` identifies what it is about."""

    class Kind(models.TextChoices):
        KEY_REJECTED = "key_rejected", "A provider rejects a key"
        MODEL_LEAVES = "model_leaves", "A chat model in use leaves"
        CREDITS_LOW = "credits_low", "Credits run low"
        CREDITS_OUT = "credits_out", "Credits are used up"
        LIMIT_REACHED = "limit_reached", "A limit is reached"
        MEMBER_JOINED = "member_joined", "Somebody joins a workspace"
        OWNERSHIP = "ownership", "A workspace becomes yours"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    once = models.CharField(max_length=120)
    text = models.CharField(max_length=300)
    link = models.CharField(max_length=300)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "once"], name="notice_once")]
        indexes = [models.Index(fields=["person", "-id"], name="notices_of_a_person")]

    def __str__(self) -> str:
        return f"{self.kind} for {self.person_id}"


class AuditEvent(models.Model):
    """One act, written in the act's own transaction; the database refuses to change or delete it."""

    workspace = models.ForeignKey(Workspace, null=True, on_delete=models.PROTECT, related_name="audit_events")
    action = models.CharField(max_length=60)
    # No foreign key constraint: an event is never updated, so the id and `actor_email` stay when the actor is
    # deleted.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    actor_email = models.EmailField(blank=True)
    address = models.GenericIPAddressField(null=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_by_workspace"),
            models.Index(fields=["workspace", "action", "-id"], name="audit_by_action"),
            models.Index(fields=["workspace", "actor_email", "-id"], name="audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_email or 'the system'}"

    @property
    def sentence(self) -> str:
        return audit_wording.sentence(self.action, self.data)

    @property
    def details(self) -> list[tuple[str, str]]:
        """The data that the sentence does not mention, by name."""
        return audit_wording.unsaid(self.action, self.data)


class AuditRetention(models.Model):
    """A row here makes the database allow the deletion of events from before `before`.

    It exists only inside one transaction.

    Only `audit.forget` writes it (workspaces/guards.py).
    """

    before = models.DateTimeField()

    def __str__(self) -> str:
        return f"events from before {self.before} are being deleted"
