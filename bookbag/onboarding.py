"""What it takes to begin: a workspace with its owner, its ledger account and its first allotment."""

from django.db import transaction
from django.http import HttpRequest

from billing import ledger
from billing.models import Plan
from workspaces import members
from workspaces.models import User, Workspace

DEFAULT_PLAN = "free"


@transaction.atomic
def create_workspace(
    *,
    name: str,
    owner: User,
    slug: str | None = None,
    plan: str = DEFAULT_PLAN,
    request: HttpRequest | None = None,
) -> Workspace:
    """A workspace ready for use. Without `slug` one is made of the name.

    Raises workspaces.errors.SlugTaken, or Plan.DoesNotExist.
    """
    workspace = members.create_workspace(
        name=name, slug=slug or members.free_slug(name), owner=owner, request=request
    )
    ledger.open_account(workspace, plan=Plan.objects.get(slug=plan))
    return workspace
