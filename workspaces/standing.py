"""What a workspace is called, where it is, and whether it works: renamed, moved, suspended by operators, deleted by an owner.

    works ⇄ suspended      by operators, with a reason: no replies, nothing changes, pages can be read
      └──────┴─▶ closing   an owner has deleted it: it has no members any more, so nobody reaches it
                  └─▶ closed   emptied, once nothing runs (agents/closing.py)

Whoever runs something for workspaces is told in the transaction that ends their work (`when_work_ends`).
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
    """Have `end` called, inside the transaction, with each workspace whose work is to stop; for an app's `ready`."""
    _enders.append(end)


@transaction.atomic
def rename(workspace: Workspace, name: str, *, request: HttpRequest | None = None) -> Workspace:
    """Give it another name; the same one changes nothing."""
    workspace = members.lock(workspace)
    before, workspace.name = workspace.name, name
    if before != name:
        workspace.save(update_fields=["name"])
        audit.record(workspace, "workspace.renamed", request=request, before=before, after=name)
    return workspace


@transaction.atomic
def move(workspace: Workspace, slug: str, *, request: HttpRequest | None = None) -> Workspace:
    """Give it another address; the old one goes on leading there. Raises SlugTaken, also for another's past address."""
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
    # After the row is written: an address that another workspace gives up at this moment is a past one by now.
    PastAddress.objects.filter(slug=slug, workspace=workspace).delete()
    if PastAddress.objects.filter(slug=slug).exists():
        raise SlugTaken
    PastAddress.objects.create(slug=before, workspace=workspace)
    audit.record(workspace, "workspace.moved", request=request, before=before, after=slug)
    return workspace


def is_free(slug: str, workspace: Workspace | None = None) -> bool:
    """Whether no other workspace than this one has or had the address, at this moment."""
    others, past = Workspace.objects.filter(slug=slug), PastAddress.objects.filter(slug=slug)
    if workspace is not None:
        others, past = others.exclude(pk=workspace.pk), past.exclude(workspace=workspace)
    return not (others.exists() or past.exists())


def led_on(slug: str, user_id: int | None) -> str | None:
    """Where the workspace that was at `slug` is now, for its members; None for anybody else."""
    moved = PastAddress.objects.filter(slug=slug, workspace__memberships__user=user_id)
    return moved.values_list("workspace__slug", flat=True).first() if user_id else None


@transaction.atomic
def suspend(workspace: Workspace, reason: str, *, request: HttpRequest | None = None) -> bool:
    """Stop it: what runs is ended uncharged, and members read the reason. False if it was suspended already."""
    workspace = members.lock(workspace)
    if workspace.is_suspended:
        return False
    Workspace.objects.filter(pk=workspace.pk).update(suspended_at=Now(), suspended_for=reason)
    audit.record(workspace, "workspace.suspended", request=request, reason=reason, by="an operator")
    _end_work(workspace)
    return True


@transaction.atomic
def resume(workspace: Workspace, *, request: HttpRequest | None = None) -> bool:
    """Let it work again. False if it was not suspended."""
    workspace = members.lock(workspace)
    if not workspace.is_suspended:
        return False
    reason = workspace.suspended_for
    Workspace.objects.filter(pk=workspace.pk).update(suspended_at=None, suspended_for="")
    audit.record(workspace, "workspace.resumed", request=request, reason=reason, by="an operator")
    return True


@transaction.atomic
def begin_closing(by: Membership, *, request: HttpRequest | None = None) -> list[str]:
    """Delete the workspace of `by`, an owner: nobody is a member of it from now on, and what runs is ended.

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
    """Workspace.DoesNotExist once its owner has deleted it: whatever came into it from then on would stay in it."""
    Workspace.objects.only("pk").get(pk=workspace.pk, closing_at=None)


def close(workspace: Workspace) -> None:
    """Take the names off a deleted workspace that is empty, within the caller's transaction, which has locked it.

    Nobody else gets its address: old links must not lead into another workspace.
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
