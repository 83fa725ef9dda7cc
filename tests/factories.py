"""Plain builders of people and places. Each makes exactly what its name says, and nothing else."""

from datetime import timedelta
from itertools import count
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.messages import get_messages
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from workspaces import invitations, members
from workspaces.models import Invitation, Membership, Role, User, Workspace

# Accepted by every password validator; no test depends on its value.
PASSWORD = "correct-horse-9-battery"

_numbers = count(1)


def make_user(
    email: str | None = None, *, password: str = PASSWORD, confirmed: bool = True, **fields: Any
) -> User:
    """A person with a confirmed address who can sign in.

    `is_staff=True` makes an operator, `is_active=False` a disabled person.
    """
    user = User.objects.create_user(email or f"person{next(_numbers)}@example.test", password, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=confirmed, primary=True)
    return user


def make_workspace(owner: User | None = None, *, name: str = "Acme", slug: str | None = None) -> Workspace:
    """A workspace with its owner and nothing else: no ledger account, no settings row.

    `bookbag.onboarding.create_workspace` makes the whole thing, plan and first allotment included.
    """
    return members.create_workspace(
        name=name, slug=slug or f"workspace-{next(_numbers)}", owner=owner or make_user()
    )


def add_member(workspace: Workspace, role: str | Role, user: User | None = None) -> Membership:
    """Make `user`, or a new person, a member of `workspace` with `role`."""
    return Membership.objects.create(workspace=workspace, user=user or make_user(), role=role)


def owner_of(workspace: Workspace) -> Membership:
    return workspace.memberships.get(role=Role.OWNER)


def make_invitation(
    workspace: Workspace, *, email: str, role: str | Role = "viewer", hours: float = 0
) -> Invitation:
    """An invitation sent by the workspace's first owner, `hours` and a minute ago, so that it may be sent again."""
    by = workspace.memberships.filter(role=Role.OWNER).order_by("pk")[0]
    answer = invitations.invite([email], role=Role(role), by=by, seats=None)[0]
    assert answer.invitation is not None
    ago = timedelta(hours=hours, minutes=1)
    Invitation.objects.filter(pk=answer.invitation.pk).update(
        sent_at=F("sent_at") - ago, expires_at=F("expires_at") - ago
    )
    answer.invitation.refresh_from_db()
    return answer.invitation


def browser_of(user: User | None = None, **options: Any) -> Client:
    """A test client that is signed in as `user`, or as nobody."""
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def is_in(browser: Client) -> bool:
    """Whether somebody is signed in there."""
    return bool(browser.get("/").status_code == 200)


def told(response: Any) -> list[str]:
    """The messages that the next page shows."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def queries_of(browser: Client, path: str) -> int:
    """How many queries it takes to open a page."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)
