"""Inviting people: a person who has confirmed the address joins at once; any other address gets a link that works once.

    invite ─▶ member                                     a person has confirmed the address
           └▶ pending ─▶ accepted                        a person who has confirmed the address followed the link
                      ├▶ revoked
                      └▶ (expired, derived) ─ resend ─▶ pending

Every act locks the workspace's row, so that members and open invitations are counted against the plan's seats one
act at a time. `seats`: how many seats the plan has, None for no limit. An invitation never changes the role of a
member.

The link's token is derived from the invitation's id, the number of the link and SECRET_KEY, and only its hash is
stored. So the members page can show the link again, but a copy of the database lets nobody in.
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
# The least time between two mails of one invitation, so that nobody's mailbox can be flooded with them.
PAUSE = timedelta(minutes=1)
MOST_AT_ONCE = 50
# Not `owner`: only a member can be made an owner.
ROLES = (Role.VIEWER, Role.EDITOR, Role.ADMIN)
SALT = "workspaces.invitations"
_BETWEEN = re.compile(r"[\s,;]+")
_ADDRESS_LENGTH = Invitation._meta.get_field("email").max_length or 0


class InviteStatus(Enum):
    """The result of inviting one address."""

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
    """One address as it was typed, its result, and the row that was made for it."""

    address: str
    status: InviteStatus
    invitation: Invitation | None = None
    member: Membership | None = None


def addresses_in(text: str) -> list[str]:
    """The addresses in a text, separated by blanks, commas, semicolons or line breaks; each once, in order."""
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
    """Invite each address; returns the results. Sends no mail: the caller does, after the commit.

    Raises NoLongerMember if `by` is no admin any more, RoleAboveOwn for a role that `by` may not give.
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
    # An open invitation already has its seat.
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
    """Make a new link, valid for another 24 hours; the old one stops working. The caller mails it.

    Raises InvitationOver, InvitationSent, NoLongerMember, or NoSeat if it had expired and its seat was taken.
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
    """Make the link stop working and free the seat. Raises InvitationOver or NoLongerMember."""
    invitation = _locked(invitation, by)
    by = _as_admin(by)
    _end(invitation, Invitation.State.REVOKED)
    _record("invitation.revoked", invitation, by.user, request)


def accept(
    invitation: Invitation, person: User, *, seats: int | None, request: HttpRequest | None = None
) -> Membership:
    """Make `person` a member; a member keeps their role. Raises InvitationOver, NotInvited, NotNow or NoSeat."""
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
        # Other open invitations are not counted: of the people who were invited while there were seats, the first to
        # accept get them.
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
    """The token of the current link; None if SECRET_KEY has changed since, so that only a new link can work."""
    token = _token(invitation)
    return token if constant_time_compare(_hash(token), invitation.token_hash) else None


def find(token: str) -> Invitation | None:
    """The invitation that this token belongs to, in any state."""
    found = Invitation.objects.select_related("workspace", "invited_by")
    return found.filter(token_hash=_hash(token)).first()


def pending(workspace: Workspace, words: str = "") -> QuerySet[Invitation]:
    """Invitations that are not accepted or revoked, including expired ones, newest first.

    `words`: only addresses that contain them.
    """
    found = workspace.invitations.filter(state=Invitation.State.PENDING, email__icontains=words)
    return found.select_related("invited_by").order_by("-sent_at", "email")


def waiting_for(person: User) -> QuerySet[Invitation]:
    """Open invitations of the addresses that `person` has confirmed."""
    confirmed = EmailAddress.objects.filter(user=person, verified=True).values("email")
    found = Invitation.objects.open().filter(email__in=confirmed)
    return found.select_related("workspace", "invited_by").order_by("expires_at", "pk")


def person_of(address: str) -> User | None:
    """The person who has confirmed this address; typing it into the sign-up form does not confirm it."""
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
    """Whether the address is a member's; it counts even if unconfirmed, when an operator has added the person."""
    found = workspace.memberships.filter(user__email__iexact=address).exists()
    return found or (person is not None and workspace.memberships.filter(user=person).exists())


def _as_admin(by: Membership) -> Membership:
    """The membership of `by`, read again."""
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
    """End a pending invitation; of two attempts one succeeds. Raises InvitationOver."""
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
