"""Deleting one's own account: removes the person, their memberships, sessions and factors; what they made stays.

Not allowed to the only owner of a workspace, which would then have nobody to manage it.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from workspaces import audit, members
from workspaces.errors import LastOwner
from workspaces.models import Membership, Role, User, Workspace


def held_by(person: User) -> QuerySet[Workspace]:
    """The workspaces whose only owner is `person`."""
    others = Membership.objects.filter(workspace=OuterRef("pk"), role=Role.OWNER).exclude(user=person)
    own = Workspace.objects.filter(memberships__user=person, memberships__role=Role.OWNER)
    return own.filter(~Exists(others)).order_by("name", "pk")


@transaction.atomic
def delete_account(person: User, *, request: HttpRequest) -> None:
    """Delete the account. Raises LastOwner, and changes nothing, if `person` is the only owner of a workspace.

    Each workspace's audit log records it. Workspaces are locked in the order of their ids, as everywhere.
    """
    for member in person.memberships.select_related("workspace", "user").order_by("workspace_id"):
        members.leave(member, request=request)
    # Creating a workspace locks the person first. So one that was created meanwhile is included here, and none can
    # be created from here on.
    User.objects.select_for_update().get(pk=person.pk)
    if held_by(person).exists():
        raise LastOwner
    audit.record(None, "person.deleted_own_account", actor=person, request=request)
    person.delete()
