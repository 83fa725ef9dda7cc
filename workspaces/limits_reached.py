"""Telling a workspace's admins, at most once a month or day, that something was refused because of a limit.

A refusal must stay cheap, because a client may try again and again. So reached limits are kept in this process's
memory, and the next round of the server's duties tells of them.
"""

from datetime import datetime
from threading import Lock

from django.urls import reverse
from django.utils import timezone

from workspaces import inbox
from workspaces.models import Workspace

# By limit: the text, and the period in which it is told once (a month for a plan's limit, a day for a rate).
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
        "The plan has no room for another source of the agent {agent_name} in {name} (it allows {most}): one more was refused.",
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
# A bound, so that attempts cannot fill the memory.
MOST_KEPT = 1_000
_reached: set[tuple[int, str, int, str]] = set()
_lock = Lock()


def note(workspace_id: int, limit: str, most: int, *, agent_name: str = "") -> None:
    """Note that something was refused in the workspace, because `limit` allows at most `most`. Makes no query.

    `agent_name`: of the agent that has the limit, where that is not the workspace.
    """
    with _lock:
        if len(_reached) < MOST_KEPT:
            _reached.add((workspace_id, limit, most, agent_name))


def tell() -> int:
    """Tell the admins of the limits noted since the last call; returns how many."""
    with _lock:
        reached = sorted(_reached)
        _reached.clear()
    workspaces = Workspace.objects.in_bulk({workspace_id for workspace_id, *_ in reached})
    for workspace_id, limit, most, agent_name in reached:
        if workspace_id in workspaces:
            _tell(workspaces[workspace_id], limit, most, agent_name, timezone.now())
    return len(reached)


def _tell(workspace: Workspace, limit: str, most: int, agent_name: str, moment: datetime) -> None:
    words, occasion = LIMITS[limit]
    page = "workspaces:members" if limit == "seats" else "workspaces:workspace"
    inbox.tell(
        inbox.admins_of(workspace),
        inbox.Kind.LIMIT_REACHED,
        workspace=workspace,
        once=f"{workspace.pk}:{limit}:{most}:{moment:{occasion}}",
        text=words.format(name=workspace.name, most=most, agent_name=agent_name),
        link=reverse(page, args=[workspace.slug]),
    )
