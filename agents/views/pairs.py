"""Q&A pairs: adding, changing, deleting, restoring, and importing from a CSV file with a preview."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from agents.forms import ImportForm, PairsForm, QAPairForm
from agents.knowledge import training
from agents.models import Agent, RemovedPair
from agents.sources import listing, pairs
from agents.views.agents import find_agent
from agents.views.sources import add, form_page, no_room
from billing.errors import LimitReached
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.figures import count, grouped
from workspaces.models import Workspace

KNOWN_QUESTION = "The agent already answers this question. To change the answer, choose Change beside it on the agent's page."
ROWS_SHOWN = 300


@editor_required
@require_http_methods(["GET", "POST"])
def add_qa(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = QAPairForm(request.POST or None)
    if form.is_valid():
        fields = form.cleaned_data
        if add(agent, form, lambda: pairs.add(agent, **fields, request=request), known=KNOWN_QUESTION):
            messages.success(request, "Added. When asked this question, the agent gives exactly this answer.")
            return redirect(agent)
    return form_page(request, agent, form, "Add a question and its answer")


@editor_required
@require_http_methods(["GET", "POST"])
def change_qa(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, qa_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    pair = get_object_or_404(agent.qa_pairs, pk=qa_id)
    form = QAPairForm(request.POST or None, instance=pair)
    if form.is_valid():
        fields = form.cleaned_data
        known = "Another pair of this agent answers this question already."
        if add(agent, form, lambda: pairs.change(agent, qa_id, **fields, request=request), known=known):
            messages.success(request, "Saved. When asked this question, the agent gives exactly this answer.")
            return redirect(agent)
    return form_page(request, agent, form, "Change a question and its answer", submit="Save", is_new=False)


@editor_required
@require_POST
def delete_qa(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, qa_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    pairs.delete(get_object_or_404(agent.qa_pairs, pk=qa_id), request=request)
    return redirect(agent)


@editor_required
@require_POST
def restore_qa(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, removed_id: UUID
) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    removed = get_object_or_404(RemovedPair, agent=agent, pk=removed_id)
    try:
        is_back = pairs.restore(removed, request=request)
    except LimitReached as limit:
        messages.error(request, no_room(limit, agent))
    except training.AlreadyKnown:
        messages.error(request, "The same question has been given an answer since, which stays.")
    else:
        words = "The question is back." if is_back else "Its ten minutes are over, or it is back already."
        messages.add_message(request, messages.SUCCESS if is_back else messages.INFO, words)
    return redirect(agent)


@editor_required
@require_http_methods(["GET", "POST"])
def import_pairs(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """The import's form, and then the preview of each row. Nothing is stored yet."""
    agent = find_agent(workspace, agent_id)
    form = PairsForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        try:
            rows = pairs.preview(agent, form.cleaned_data["text"])
        except pairs.CannotBeRead as refusal:
            form.add_error(None, str(refusal))
        else:
            return _preview_page(request, agent, form, rows)
    return _import_page(request, agent, form)


def _preview_page(
    request: WorkspaceRequest, agent: Agent, form: PairsForm, rows: list[pairs.PairRow]
) -> HttpResponse:
    context = {
        "workspace": agent.workspace,
        "agent": agent,
        "rows": rows[:ROWS_SHOWN],
        "more": max(0, len(rows) - ROWS_SHOWN),
        "count": sum(row.is_new for row in rows),
        "confirm": ImportForm(initial={"text": form.cleaned_data["text"]}),
        "room": listing.room(agent),
    }
    return render(request, "agents/import_preview.html", context)


def _import_page(
    request: WorkspaceRequest, agent: Agent, form: PairsForm, *, status: int = 200
) -> HttpResponse:
    title = "Import questions from a CSV file"
    return form_page(request, agent, form, title, submit="Show what it becomes", status=status)


@editor_required
@require_POST
def confirm_import(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = ImportForm(request.POST)
    if form.is_valid():
        try:
            added = pairs.import_all(agent, form.cleaned_data["text"], request=request)
        except LimitReached as limit:
            form.add_error(None, _too_many(limit))
        except pairs.CannotBeRead as refusal:
            form.add_error(None, str(refusal))
        else:
            _tell_of_import(request, added)
            return redirect(agent)
    return _not_imported(request, agent, form)


def _too_many(limit: LimitReached) -> str:
    return (
        f"The plan allows {count(limit.limit, 'source')} for each agent, and these would be "
        f"{grouped(limit.over)} more. Nothing was imported."
    )


def _tell_of_import(request: WorkspaceRequest, added: int) -> None:
    if added:
        messages.success(request, f"{count(added, 'question')} imported with their answers.")
    else:
        messages.info(request, "Nothing was left to import: the agent answers all of these questions.")


def _not_imported(request: WorkspaceRequest, agent: Agent, form: ImportForm) -> HttpResponse:
    """The import's form again, with the rows, and why they were not imported."""
    for words in [*map(str, form.non_field_errors())] or ["Nothing was imported. Choose the file again."]:
        messages.error(request, words)
    again = PairsForm(initial={"text": form.data.get("text", "")})
    return _import_page(request, agent, again, status=400)
