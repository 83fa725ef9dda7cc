"""The name, address and state of a workspace: renaming, moving, suspending (by operators), deleting (by an owner).

    works ⇄ suspended      by operators, with a reason: no replies, nothing changes, pages can be read
      └──────┴─▶ closing   an owner has deleted it: it has no members any more, so nobody reaches it
                  └─▶ closed   emptied, once nothing runs (agents/closing.py)

Apps that run something for workspaces are called in the transaction that ends their work (`when_work_ends`).
"""

import uuid
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.http import HttpRequest

from workspaces import audit, members
from workspaces.errors import NoLongerMember, OwnerProtected, SlugTaken
from workspaces.models import Membership, PastAddress, Workspace

NAME_ONCE_DELETED = "Deleted workspace"

_enders: list[Callable[[Workspace], None]] = []


def when_work_ends(end: Callable[[Workspace], None]) -> None:
    """Register `end`, to be called, inside the transaction, with each workspace whose work must stop."""
    _enders.append(end)


@transaction.atomic
def rename(workspace: Workspace, name: str, *, request: HttpRequest | None = None) -> Workspace:
    """Rename the workspace; the same name changes nothing."""
    workspace = members.lock(workspace)
    before, workspace.name = workspace.name, name
    if before != name:
        workspace.save(update_fields=["name"])
        audit.record(workspace, "workspace.renamed", request=request, before=before, after=name)
    return workspace


@transaction.atomic
def move(workspace: Workspace, slug: str, *, request: HttpRequest | None = None) -> Workspace:
    """Change the workspace's address; the old one redirects.

    Raises SlugTaken, also for a past address of another workspace.
    """
    workspace = members.lock(workspace)
    before = workspace.slug
    if before == slug:
        return workspace
    workspace.slug = slug
    try:
        with transaction.atomic():
            workspace.save(update_fields=["slug"])
    except IntegrityError:
        raise SlugTaken from None
    # Checked after the update: an address that another workspace gives up at this moment is a past address by now.
    PastAddress.objects.filter(slug=slug, workspace=workspace).delete()
    if PastAddress.objects.filter(slug=slug).exists():
        raise SlugTaken
    PastAddress.objects.create(slug=before, workspace=workspace)
    audit.record(workspace, "workspace.moved", request=request, before=before, after=slug)
    return workspace


def is_free(slug: str, workspace: Workspace | None = None) -> bool:
    """Whether no other workspace has or had the address, at this moment."""
    others, past = Workspace.objects.filter(slug=slug), PastAddress.objects.filter(slug=slug)
    if workspace is not None:
        others, past = others.exclude(pk=workspace.pk), past.exclude(workspace=workspace)
    return not (others.exists() or past.exists())


def led_on(slug: str, user_id: int | None) -> str | None:
    """The current address of the workspace that was at `slug`, for its members; None for anybody else."""
    moved = PastAddress.objects.filter(slug=slug, workspace__memberships__user=user_id)
    return moved.values_list("workspace__slug", flat=True).first() if user_id else None


@transaction.atomic
def suspend(workspace: Workspace, reason: str, *, request: HttpRequest | None = None) -> bool:
    """Suspend the workspace: running replies end uncharged, and members are shown the reason.

    False if it was suspended already.
    """
    workspace = members.lock(workspace)
    if workspace.is_suspended:
        return False
    Workspace.objects.filter(pk=workspace.pk).update(suspended_at=Now(), suspended_for=reason)
    audit.record(workspace, "workspace.suspended", request=request, reason=reason, by="an operator")
    _end_work(workspace)
    return True


@transaction.atomic
def resume(workspace: Workspace, *, request: HttpRequest | None = None) -> bool:
    """End the suspension. False if there was none."""
    workspace = members.lock(workspace)
    if not workspace.is_suspended:
        return False
    reason = workspace.suspended_for
    Workspace.objects.filter(pk=workspace.pk).update(suspended_at=None, suspended_for="")
    audit.record(workspace, "workspace.resumed", request=request, reason=reason, by="an operator")
    return True


@transaction.atomic
def begin_closing(by: Membership, *, request: HttpRequest | None = None) -> list[str]:
    """Delete the workspace of `by`, an owner: all memberships are removed, and running replies are ended.

    Returns the addresses of those who were members. Raises NoLongerMember or OwnerProtected.
    """
    workspace = members.lock(by.workspace)
    now = workspace.memberships.filter(pk=by.pk).first()
    if now is None:
        raise NoLongerMember
    if not now.is_owner:
        raise OwnerProtected
    people = workspace.memberships.filter(user__is_active=True).order_by("user__email")
    told = list(people.values_list("user__email", flat=True))
    Workspace.objects.filter(pk=workspace.pk).update(closing_at=Now())
    audit.record(workspace, "workspace.deleted", request=request, name=workspace.name, slug=workspace.slug)
    _end_work(workspace)
    workspace.memberships.all().delete()
    workspace.invitations.all().delete()
    return told


def require_open(workspace: Workspace) -> None:
    """Raises Workspace.DoesNotExist once its owner has deleted it.

    Anything added after that would never be deleted.
    """
    Workspace.objects.only("pk").get(pk=workspace.pk, closing_at=None)


def close(workspace: Workspace) -> None:
    """Remove the names from an emptied, deleted workspace, within the caller's transaction, which has locked it.

    Its address stays reserved, so that old links cannot lead into another workspace.
    """
    PastAddress.objects.get_or_create(slug=workspace.slug, defaults={"workspace": workspace})
    Workspace.objects.filter(pk=workspace.pk).update(
        name=NAME_ONCE_DELETED,
        slug=f"deleted-{uuid.uuid4().hex}",
        created_by=None,
        suspended_for="",
        closed_at=Now(),
    )
    audit.record(workspace, "workspace.emptied")


def _end_work(workspace: Workspace) -> None:
    for end in _enders:
        end(workspace)
