"""Inviting people: whoever has confirmed the address joins at once, anybody else gets a link that works once.

    invite ─▶ member                                     the address is a confirmed one of somebody's
           └▶ pending ─▶ accepted                        the link was followed by whoever has confirmed the address
                      ├▶ revoked
                      └▶ (expired, derived) ─ resend ─▶ pending

Every act takes the workspace's row lock, under which members and open invitations are counted against the plan's seats:
`seats` is how many the plan has, None for no limit. An invitation never changes the role of somebody who is a member.

The link's token is made of the invitation's id, the number of the link and SECRET_KEY, and only its hash is stored: the
members page can show the link again, and a copy of the database opens nothing.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from workspaces import audit, limits_reached, members
from workspaces.errors import (
    InvitationOver,
    InvitationSent,
    NoLongerMember,
    NoSeat,
    NotInvited,
    NotNow,
    RoleAboveOwn,
)
from workspaces.models import Invitation, Membership, Role, User, Workspace

LIFE = timedelta(hours=24)
# Between two mails of one invitation, so that nobody's mailbox is flooded through it.
PAUSE = timedelta(minutes=1)
MOST_AT_ONCE = 50
# An owner is made of a member, never of an invitation.
ROLES = (Role.VIEWER, Role.EDITOR, Role.ADMIN)
SALT = "workspaces.invitations"
_BETWEEN = re.compile(r"[\s,;]+")
_ADDRESS_LENGTH = Invitation._meta.get_field("email").max_length or 0


class InviteStatus(Enum):
    """What became of one address that was to be invited."""

    INVITED = "was sent an invitation"
    JOINED = "has joined at once"
    MEMBER = "is a member already"
    MALFORMED = "is not an e-mail address"
    NO_SEAT = "was not invited: no seat is left"
    JUST_SENT = "was sent an invitation less than a minute ago"

    @property
    def is_done(self) -> bool:
        return self in (
            InviteStatus.INVITED,
            InviteStatus.JOINED,
            InviteStatus.MEMBER,
            InviteStatus.JUST_SENT,
        )


@dataclass(frozen=True)
class Invitee:
    """One address as it was typed, what became of it, and the row that was made of it."""

    address: str
    status: InviteStatus
    invitation: Invitation | None = None
    member: Membership | None = None


def addresses_in(text: str) -> list[str]:
    """What is separated by blanks, commas, semicolons or line breaks, each once, in its order."""
    return list(dict.fromkeys(filter(None, _BETWEEN.split(text))))


def seats_taken(workspace: Workspace) -> int:
    """Members, and invitations that can still be accepted."""
    return workspace.memberships.count() + workspace.invitations.open().count()


@transaction.atomic
def invite(
    addresses: Iterable[str],
    *,
    role: Role,
    by: Membership,
    seats: int | None,
    request: HttpRequest | None = None,
) -> list[Invitee]:
    """What became of each address. Nobody is written to: the caller does so once this is committed.

    Raises NoLongerMember where `by` is no admin by now, RoleAboveOwn for a role that is not theirs to give.
    """
    workspace = members.lock(by.workspace)
    by = _as_admin(by)
    if role not in ROLES or role not in by.grantable_roles:
        raise RoleAboveOwn
    return [_invite_one(address, workspace, role, by, seats, request) for address in addresses]


def _invite_one(
    typed: str,
    workspace: Workspace,
    role: Role,
    by: Membership,
    seats: int | None,
    request: HttpRequest | None,
) -> Invitee:
    address = typed.lower()
    if not _is_address(address):
        return Invitee(typed, InviteStatus.MALFORMED)
    person = person_of(address)
    if _is_member(workspace, address, person):
        return Invitee(typed, InviteStatus.MEMBER)
    pending = workspace.invitations.filter(email=address, state=Invitation.State.PENDING).first()
    # Its own seat is its own already, as long as it is open.
    others = seats_taken(workspace) - bool(pending and pending.is_open(timezone.now()))
    if seats is not None and others >= seats:
        limits_reached.note(workspace.pk, "seats", seats)
        return Invitee(typed, InviteStatus.NO_SEAT)
    if person is not None:
        if pending is not None:
            _end(pending, Invitation.State.ACCEPTED)
        member = Membership.objects.create(workspace=workspace, user=person, role=role)
        audit.record(
            workspace, "member.added", actor=by.user, request=request, member=person.email, role=role.value
        )
        return Invitee(typed, InviteStatus.JOINED, member=member)
    if pending is not None:
        return _invite_again(typed, pending, role, by, request)
    invitation = Invitation(workspace=workspace, email=address, role=role, invited_by=by.user)
    _give_link(invitation)
    invitation.save(force_insert=True)
    _record("invitation.sent", invitation, by.user, request)
    return Invitee(typed, InviteStatus.INVITED, invitation=invitation)


def _invite_again(
    typed: str, pending: Invitation, role: Role, by: Membership, request: HttpRequest | None
) -> Invitee:
    if timezone.now() - pending.sent_at < PAUSE:
        return Invitee(typed, InviteStatus.JUST_SENT)
    pending.role, pending.invited_by = role, by.user
    pending.serial += 1
    _give_link(pending)
    pending.save()
    _record("invitation.sent_again", pending, by.user, request)
    return Invitee(typed, InviteStatus.INVITED, invitation=pending)


@transaction.atomic
def resend(
    invitation: Invitation, *, by: Membership, seats: int | None, request: HttpRequest | None = None
) -> Invitation:
    """A new link, good for another 24 hours; the old one is dead. The caller mails it.

    Raises InvitationOver, InvitationSent, NoLongerMember, or NoSeat for one that had expired and whose seat is gone.
    """
    invitation = _locked(invitation, by)
    by = _as_admin(by)
    if timezone.now() - invitation.sent_at < PAUSE:
        raise InvitationSent
    has_seat = invitation.is_open(timezone.now())
    if not has_seat and seats is not None and seats_taken(invitation.workspace) >= seats:
        limits_reached.note(invitation.workspace_id, "seats", seats)
        raise NoSeat
    invitation.serial += 1
    _give_link(invitation)
    invitation.save()
    _record("invitation.sent_again", invitation, by.user, request)
    return invitation


@transaction.atomic
def revoke(invitation: Invitation, *, by: Membership, request: HttpRequest | None = None) -> None:
    """The link is dead from now on, and the seat free. Raises InvitationOver or NoLongerMember."""
    invitation = _locked(invitation, by)
    by = _as_admin(by)
    _end(invitation, Invitation.State.REVOKED)
    _record("invitation.revoked", invitation, by.user, request)


def accept(
    invitation: Invitation, person: User, *, seats: int | None, request: HttpRequest | None = None
) -> Membership:
    """Make `person` a member, once; who is one already keeps their role. Raises InvitationOver, NotInvited, NotNow or NoSeat."""
    with transaction.atomic():
        workspace = members.lock(invitation.workspace)
        known = workspace.invitations.filter(pk=invitation.pk, token_hash=invitation.token_hash).first()
        if known is None or not known.is_open(timezone.now()):
            raise InvitationOver
        if not has_confirmed(person, known.email):
            raise NotInvited
        if workspace.is_suspended:
            raise NotNow
        member = workspace.memberships.filter(user=person).first()
        # Not the other invitations: of those who were invited while there was room, the first come in.
        if member is None and seats is not None and workspace.memberships.count() >= seats:
            limits_reached.note(workspace.pk, "seats", seats)
            raise NoSeat
        _end(known, Invitation.State.ACCEPTED)
        if member is None:
            member = Membership.objects.create(workspace=workspace, user=person, role=known.role)
            audit.record(
                workspace,
                "member.joined",
                actor=person,
                request=request,
                member=person.email,
                role=known.role,
            )
    return member


def token_of(invitation: Invitation) -> str | None:
    """The token of the link that works now; None where SECRET_KEY has changed since, and only a new one would work."""
    token = _token(invitation)
    return token if constant_time_compare(_hash(token), invitation.token_hash) else None


def find(token: str) -> Invitation | None:
    """The invitation that this token belongs to, whatever its state."""
    found = Invitation.objects.select_related("workspace", "invited_by")
    return found.filter(token_hash=_hash(token)).first()


def pending(workspace: Workspace, words: str = "") -> QuerySet[Invitation]:
    """Those that nobody has accepted or revoked, the expired ones too, the newest first; with `words` in the address."""
    found = workspace.invitations.filter(state=Invitation.State.PENDING, email__icontains=words)
    return found.select_related("invited_by").order_by("-sent_at", "email")


def waiting_for(person: User) -> QuerySet[Invitation]:
    """Open invitations of the addresses that `person` has confirmed."""
    confirmed = EmailAddress.objects.filter(user=person, verified=True).values("email")
    found = Invitation.objects.open().filter(email__in=confirmed)
    return found.select_related("workspace", "invited_by").order_by("expires_at", "pk")


def person_of(address: str) -> User | None:
    """Whoever has confirmed this address. Somebody who only typed it into the sign-up form has not."""
    found = EmailAddress.objects.filter(email__iexact=address, verified=True, user__is_active=True)
    known = found.select_related("user").order_by("pk").first()
    return known.user if known else None


def has_confirmed(person: User, address: str) -> bool:
    return EmailAddress.objects.filter(user=person, email__iexact=address, verified=True).exists()


# --- Inside a transaction that has the workspace's lock ---------------------------------------------------


def _is_address(address: str) -> bool:
    try:
        validate_email(address)
    except ValidationError:
        return False
    return len(address) <= _ADDRESS_LENGTH


def _is_member(workspace: Workspace, address: str, person: User | None) -> bool:
    """Also somebody whom an operator has added under an address that is not confirmed yet."""
    found = workspace.memberships.filter(user__email__iexact=address).exists()
    return found or (person is not None and workspace.memberships.filter(user=person).exists())


def _as_admin(by: Membership) -> Membership:
    """The membership as it is now."""
    now = Membership.objects.select_related("user").filter(pk=by.pk).first()
    if now is None or not now.is_admin:
        raise NoLongerMember
    return now


def _locked(invitation: Invitation, by: Membership) -> Invitation:
    workspace = members.lock(by.workspace)
    found = workspace.invitations.filter(pk=invitation.pk, state=Invitation.State.PENDING).first()
    if found is None:
        raise InvitationOver
    return found


def _end(invitation: Invitation, state: Invitation.State) -> None:
    """Take it out of the pending ones; of two who try, one does. Raises InvitationOver."""
    pending_row = Invitation.objects.filter(
        pk=invitation.pk, state=Invitation.State.PENDING, token_hash=invitation.token_hash
    )
    if pending_row.update(state=state, ended_at=Now()) != 1:
        raise InvitationOver


def _give_link(invitation: Invitation) -> None:
    now = timezone.now()
    invitation.token_hash = _hash(_token(invitation))
    invitation.sent_at, invitation.expires_at = now, now + LIFE


def _token(invitation: Invitation) -> str:
    made_of = f"{invitation.pk}.{invitation.serial}"
    return urlsafe_b64encode(salted_hmac(SALT, made_of, algorithm="sha256").digest()).decode().rstrip("=")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(action: str, invitation: Invitation, actor: User, request: HttpRequest | None) -> None:
    audit.record(
        invitation.workspace,
        action,
        actor=actor,
        request=request,
        invited=invitation.email,
        role=invitation.role,
    )
