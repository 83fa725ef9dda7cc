"""Creating a workspace with its owner, its ledger account and its first allotment."""

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from agents.building import SAME_FORM
from billing import ledger, plans
from billing.models import Account, FreeAllotment, Plan
from workspaces import members
from workspaces.models import User, Workspace
from workspaces.one_line import one_line


@transaction.atomic
def create_workspace(
    *,
    name: str,
    owner: User,
    slug: str | None = None,
    plan: str | None = None,
    request: HttpRequest | None = None,
) -> Workspace:
    """Create a workspace ready for use.

    Without `slug` one is made from the name. `plan`: a plan's slug; without it the default plan is used.

    Raises workspaces.errors.SlugTaken or TooManyWorkspaces, or Plan.DoesNotExist.
    """
    workspace = members.create_workspace(
        name=name, slug=slug or members.free_slug(name), owner=owner, request=request
    )
    ledger.open_account(workspace, plan=Plan.objects.get(slug=plan) if plan else plans.default())
    return workspace


@transaction.atomic
def create_once(*, name: str, slug: str, owner: User, request: HttpRequest) -> tuple[Workspace, bool]:
    """Like `create_workspace`, and whether it is new: it may be the one that the same form has just made.

    Of simultaneous presses, the later ones wait and find what the first made.
    """
    members.lock_maker(owner)
    if twin := just_made(owner, name, slug):
        return twin, False
    return create_workspace(name=name, slug=slug, owner=owner, request=request), True


def just_made(owner: User, name: str, slug: str) -> Workspace | None:
    """The workspace that `owner` made a moment ago with a form in which `name` and `slug` were typed."""
    name, slug = one_line(name), slug.strip().lower()
    if not name or "\0" in slug:
        return None
    found = owner.workspaces_made.filter(
        memberships__user=owner, name=name, created_at__gte=timezone.now() - SAME_FORM
    )
    return (found.filter(slug=slug) if slug else found).first()


def give_free_allotment(person: User) -> None:
    """Give the free allotment of `person`, who has confirmed an address, to their oldest workspace that waits for it."""
    waiting = Account.objects.filter(
        workspace__created_by=person, workspace__closing_at=None, plan__once_per_person=True
    ).order_by("pk")
    for account in waiting:
        if FreeAllotment.objects.filter(person=person).exists():
            return
        ledger.refresh(account)
