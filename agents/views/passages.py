"""The passage that a reply quotes, marked where it stands in its source."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from agents import turns
from agents.models import Passage, Reply
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.models import Workspace

# Passages that are shown before it and after it.
AROUND = 10


@editor_required
@require_safe
def passage(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID, number: int) -> HttpResponse:
    """Source `number` of a reply, among its neighbours; as it was quoted when its text is no longer there."""
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
    """Training makes new passages each time, so it is looked for by its text; of several, in the source of that title."""
    if reply.agent is None:
        return None
    same = list(reply.agent.passages.filter(text=quoted["text"]).select_related("source")[:50])
    same.sort(key=lambda one: (one.source.title != quoted["title"], one.heading != quoted["heading"]))
    return same[0] if same else None


def _around(found: Passage) -> list[Passage]:
    near = (found.position - AROUND, found.position + AROUND)
    return list(found.source.passages.filter(position__range=near).order_by("position"))
