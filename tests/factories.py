"""Plain builders of people and places. Each makes exactly what its name says, and nothing else."""

from itertools import count
from typing import Any

from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from workspaces import members
from workspaces.models import Membership, Role, User, Workspace

# Long and odd enough for every password validator; no test depends on its value.
PASSWORD = "correct-horse-9-battery"

_numbers = count(1)


def make_user(
    email: str | None = None, *, password: str = PASSWORD, confirmed: bool = True, **fields: Any
) -> User:
    """A person who can sign in, their address confirmed; `is_staff=True` makes an operator, `is_active=False` a disabled one."""
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
    """`user` (else somebody new) as a member of `workspace` with `role`."""
    return Membership.objects.create(workspace=workspace, user=user or make_user(), role=role)


def browser_of(user: User | None = None, **options: Any) -> Client:
    """A test client that is signed in as `user`, or as nobody."""
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def queries_of(browser: Client, path: str) -> int:
    """How many queries a page that opens costs."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)
