"""Deleting one's own account: the person, their memberships, sessions and factors go; what they did stays, without them.

Never while somebody depends on it: a workspace whose only owner leaves would have nobody who could save it.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from workspaces import audit, members
from workspaces.errors import LastOwner
from workspaces.models import Membership, Role, User, Workspace


def held_by(person: User) -> QuerySet[Workspace]:
    """The workspaces that nobody but `person` owns."""
    others = Membership.objects.filter(workspace=OuterRef("pk"), role=Role.OWNER).exclude(user=person)
    own = Workspace.objects.filter(memberships__user=person, memberships__role=Role.OWNER)
    return own.filter(~Exists(others)).order_by("name", "pk")


@transaction.atomic
def delete_account(person: User, *, request: HttpRequest) -> None:
    """Raises LastOwner, and nothing is changed, while a workspace depends on `person`.

    Each workspace is told in its audit log. Workspaces are locked in the order of their ids, as everywhere.
    """
    for member in person.memberships.select_related("workspace", "user").order_by("workspace_id"):
        members.leave(member, request=request)
    # Whoever makes a workspace locks the person first: one that was made meanwhile is in, and from here on there is none.
    User.objects.select_for_update().get(pk=person.pk)
    if held_by(person).exists():
        raise LastOwner
    audit.record(None, "person.deleted_own_account", actor=person, request=request)
    person.delete()
