"""Tells a workspace's admins that something was refused because a limit was reached: once in each month or day.

A refusal must stay cheap, as whoever is refused may try again and again: what is reached is kept in this process, and told
by the next round of the server's duties.
"""

from datetime import datetime
from threading import Lock

from django.urls import reverse
from django.utils import timezone

from workspaces import inbox
from workspaces.models import Workspace

# By limit: what is said, and how its occasions are told apart: a plan's limit is news once a month, a rate once a day.
MONTH, DAY = "%Y-%m", "%Y-%m-%d"
LIMITS = {
    "seats": (
        "{name} uses all the seats of its plan ({most}): somebody more was refused. Remove a member, revoke an invitation or "
        "ask for another plan.",
        MONTH,
    ),
    "agents": (
        "The plan of {name} has no room for another agent (it allows {most}): one more was refused.",
        MONTH,
    ),
    "sources": (
        "The plan has no room for another source of the agent {of} in {name} (it allows {most}): one more was refused.",
        MONTH,
    ),
    "too_fast": (
        "A member of {name} has asked for more replies than {most} a minute, and was held back.",
        DAY,
    ),
    "too_many_running": (
        "A member of {name} has asked for more replies than {most} at the same moment, and was held back.",
        DAY,
    ),
    "too_many_running_here": (
        "In {name}, more replies were asked for than {most} at the same moment; those above were refused.",
        DAY,
    ),
}
# Nobody's attempts fill the memory.
MOST_KEPT = 1_000
_reached: set[tuple[int, str, int, str]] = set()
_lock = Lock()


def note(workspace_id: int, limit: str, most: int, *, of: str = "") -> None:
    """Something was refused in the workspace, as `most` is the most that `limit` allows. Asks no database.

    `of`: the name of what has the limit, where that is not the workspace.
    """
    with _lock:
        if len(_reached) < MOST_KEPT:
            _reached.add((workspace_id, limit, most, of))


def tell() -> int:
    """Tell of what was noted since; returns how many limits."""
    with _lock:
        reached = sorted(_reached)
        _reached.clear()
    workspaces = Workspace.objects.in_bulk({workspace_id for workspace_id, *_ in reached})
    for workspace_id, limit, most, of in reached:
        if workspace_id in workspaces:
            _tell(workspaces[workspace_id], limit, most, of, timezone.now())
    return len(reached)


def _tell(workspace: Workspace, limit: str, most: int, of: str, moment: datetime) -> None:
    words, occasion = LIMITS[limit]
    page = "workspaces:members" if limit == "seats" else "workspaces:workspace"
    inbox.tell(
        inbox.admins_of(workspace),
        inbox.Kind.LIMIT_REACHED,
        workspace=workspace,
        once=f"{workspace.pk}:{limit}:{most}:{moment:{occasion}}",
        text=words.format(name=workspace.name, most=most, of=of),
        link=reverse(page, args=[workspace.slug]),
    )
