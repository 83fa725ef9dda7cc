"""Creating a workspace with its owner, its ledger account and its first allotment."""

from django.db import transaction
from django.http import HttpRequest

from billing import ledger, plans
from billing.models import Account, FreeAllotment, Plan
from workspaces import members
from workspaces.models import User, Workspace


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


def give_free_allotment(person: User) -> None:
    """Give the free allotment of `person`, who has confirmed an address, to their oldest workspace that waits for it."""
    waiting = Account.objects.filter(
        workspace__created_by=person, workspace__closing_at=None, plan__once_per_person=True
    ).order_by("pk")
    for account in waiting:
        if FreeAllotment.objects.filter(person=person).exists():
            return
        ledger.refresh(account)
