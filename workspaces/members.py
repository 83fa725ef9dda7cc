"""Memberships: creating a workspace, changing a role, transferring ownership, removing a member, leaving.

Every act takes the workspace's row lock first and reads the roles it decides on under that lock, so
that two owners who demote each other at once cannot both succeed.
"""

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import slugify

from workspaces import audit, second_factors
from workspaces.errors import (
    CannotOwn,
    LastOwner,
    NoLongerMember,
    NoOwnFactor,
    OwnerProtected,
    RoleAboveOwn,
    SlugTaken,
    TooManyWorkspaces,
)
from workspaces.models import Membership, PastAddress, Role, User, Workspace

SLUG_LENGTH = Workspace._meta.get_field("slug").max_length or 0


@transaction.atomic
def create_workspace(*, name: str, slug: str, owner: User, request: HttpRequest | None = None) -> Workspace:
    """A workspace with its first owner. Raises SlugTaken or TooManyWorkspaces."""
    _refuse_one_too_many(owner)
    try:
        with transaction.atomic():
            workspace = Workspace.objects.create(name=name, slug=slug, created_by=owner)
            # Checked after the insert: an address that another workspace gives up at this moment is a past address
            # by now.
            if PastAddress.objects.filter(slug=slug).exists():
                raise SlugTaken
    except IntegrityError:
        raise SlugTaken from None
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    audit.record(workspace, "workspace.created", actor=owner, request=request, name=name, slug=slug)
    return workspace


def hide_first_steps(membership: Membership) -> None:
    """Hide the first steps on the overview from this member. Safe to repeat."""
    rows = Membership.objects.filter(pk=membership.pk, first_steps_hidden_at=None)
    rows.update(first_steps_hidden_at=timezone.now())


def free_slug(name: str) -> str:
    """A slug for `name` that no workspace has at this moment."""
    stem = slugify(name)[: SLUG_LENGTH - 5].strip("-") or "workspace"
    taken = {
        slug
        for rows in (Workspace.objects, PastAddress.objects)
        for slug in rows.filter(slug__startswith=stem).values_list("slug", flat=True)
    }
    candidates = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(slug for slug in candidates if slug not in taken)


@transaction.atomic
def change_role(
    member: Membership, *, role: Role, by: Membership, request: HttpRequest | None = None
) -> Membership:
    """Give `member` another role. Raises RoleAboveOwn, OwnerProtected, LastOwner or NoLongerMember."""
    member, by = _under_lock(member, by)
    _refuse_unless_manageable(member, by)
    if role not in by.grantable_roles:
        raise RoleAboveOwn
    if role != Role.OWNER:
        _refuse_last_owner(member)
    before, member.role = member.role, role
    if before != role:
        member.save(update_fields=["role"])
        changed = {"member": member.user.email, "before": before, "after": role.value}
        audit.record(member.workspace, "member.role_changed", actor=by.user, request=request, **changed)
    return member


@transaction.atomic
def transfer(member: Membership, *, by: Membership, request: HttpRequest | None = None) -> Membership:
    """Make `member` an owner and `by`, who must be an owner, an admin; both or neither.

    Raises OwnerProtected if `by` is no owner any more, CannotOwn if `member` cannot sign in, or NoLongerMember.
    """
    member, by = _under_lock(member, by)
    if not by.is_owner:
        raise OwnerProtected
    if member.pk == by.pk:
        return member
    if not member.user.is_active:
        raise CannotOwn
    before = member.role
    for one, role in ((member, Role.OWNER), (by, Role.ADMIN)):
        one.role = role
        one.save(update_fields=["role"])
    audit.record(
        member.workspace,
        "ownership.passed",
        actor=by.user,
        request=request,
        member=member.user.email,
        before=before,
        after=Role.OWNER.value,
        by=by.user.email,
    )
    return member


@transaction.atomic
def remove(member: Membership, *, by: Membership, request: HttpRequest | None = None) -> None:
    """End `member`'s membership. Raises OwnerProtected, LastOwner or NoLongerMember."""
    member, by = _under_lock(member, by)
    _refuse_unless_manageable(member, by)
    _end(member, "member.removed", by, request)


@transaction.atomic
def leave(member: Membership, *, request: HttpRequest | None = None) -> None:
    """End one's own membership, whatever the role. Raises LastOwner or NoLongerMember."""
    member, _ = _under_lock(member, member)
    _end(member, "member.left", member, request)


def lock(workspace: Workspace) -> Workspace:
    """The workspace, freshly read and its row locked until the transaction ends: one change of members at a time."""
    # `no_key`: storing a reply needs a lock on the row's key only, so it does not wait.
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)


def lock_maker(owner: User) -> None:
    """Lock the person's row until the transaction ends, so that their workspaces are created one at a time."""
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)


def roles(workspace: Workspace) -> dict[str, str]:
    """The role of every member, by e-mail address."""
    return dict(workspace.memberships.values_list("user__email", "role"))


def record_changes(
    workspace: Workspace, before: dict[str, str], *, reason: str, request: HttpRequest
) -> list[str]:
    """Audit an operator's changes of members, given the `roles` before them; returns a line for each change."""
    after = roles(workspace)
    lines = []
    for email in sorted({*before, *after}):
        was, now = before.get(email), after.get(email)
        if was == now:
            continue
        action, data = _change(was, now)
        audit.record(
            workspace, action, request=request, member=email, **data, reason=reason, by="an operator"
        )
        lines.append(f"{email}: {was or 'no member'} → {now or 'no member'}")
    return lines


def _change(was: str | None, now: str | None) -> tuple[str, dict[str, Any]]:
    if was is None:
        return "member.added", {"role": now}
    if now is None:
        return "member.removed", {"role": was}
    return "member.role_changed", {"before": was, "after": now}


def _end(member: Membership, action: str, by: Membership, request: HttpRequest | None) -> None:
    _refuse_last_owner(member)
    audit.record(
        member.workspace, action, actor=by.user, request=request, member=member.user.email, role=member.role
    )
    member.delete()


def _under_lock(member: Membership, by: Membership) -> tuple[Membership, Membership]:
    """Both memberships, read again with the workspace locked."""
    found = lock(by.workspace).memberships.select_related("user", "workspace").in_bulk([member.pk, by.pk])
    if len(found) != len({member.pk, by.pk}):
        raise NoLongerMember
    return found[member.pk], found[by.pk]


def _refuse_unless_manageable(member: Membership, by: Membership) -> None:
    if not by.is_admin:
        raise NoLongerMember
    if not by.may_manage(member):
        raise OwnerProtected


def _refuse_one_too_many(owner: User) -> None:
    """The caller has locked the person's row, so that simultaneous requests cannot all use the last allowed workspace."""
    most = settings.WORKSPACES_PER_OWNER
    lock_maker(owner)
    if most and owner.workspaces_made.count() >= most:
        raise TooManyWorkspaces(most)


def _refuse_last_owner(member: Membership) -> None:
    owners = member.workspace.memberships.filter(role=Role.OWNER)
    if member.is_owner and not owners.exclude(pk=member.pk).exists():
        raise LastOwner


@transaction.atomic
def require_second_factor(workspace: Workspace, *, required: bool, by: User, request: HttpRequest) -> bool:
    """Require a second factor of members, or stop requiring it; False if nothing changed. Raises NoOwnFactor."""
    if required and not second_factors.has_one(by):
        raise NoOwnFactor
    changed = Workspace.objects.filter(pk=workspace.pk, second_factor_required=not required).update(
        second_factor_required=required
    )
    if changed:
        action = "second_factor.required" if required else "second_factor.no_longer_required"
        audit.record(workspace, action, actor=by, request=request)
    return bool(changed)
