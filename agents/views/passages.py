"""The page of a passage that a reply quotes, marked in its source."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from agents import turns
from agents.models import Passage, Reply
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.models import Workspace

# How many passages are shown before it, and after it.
AROUND = 10


@editor_required
@require_safe
def passage(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID, number: int) -> HttpResponse:
    """Source `number` of a reply, with its neighbours; only as it was quoted if the passage no longer exists."""
    reply = get_object_or_404(turns.readable(workspace).select_related("agent"), pk=reply_id)
    if not 1 <= number <= len(reply.sources):
        raise Http404("This reply has no such source.")
    quoted = reply.sources[number - 1]
    found = _find(reply, quoted)
    context = {
        "workspace": workspace,
        "reply": reply,
        "number": number,
        "quoted": quoted,
        "found": found,
        "passages": _around(found) if found else [],
    }
    return render(request, "agents/passage.html", context)


def _find(reply: Reply, quoted: dict[str, str]) -> Passage | None:
    """Find the passage by its text; of several, the one in the source of that title.

    Training makes new rows each time, so ids are of no use.
    """
    if reply.agent is None:
        return None
    same = list(reply.agent.passages.filter(text=quoted["text"]).select_related("source")[:50])
    same.sort(key=lambda one: (one.source.title != quoted["title"], one.heading != quoted["heading"]))
    return same[0] if same else None


def _around(found: Passage) -> list[Passage]:
    near = (found.position - AROUND, found.position + AROUND)
    return list(found.source.passages.filter(position__range=near).order_by("position"))
