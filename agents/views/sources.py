"""The sources of an agent: texts, files and websites. Adding and retraining them is always free."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.forms import BaseForm
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents import building
from agents.forms import FilesForm, RecrawlForm, SourceForm, WebsiteForm
from agents.knowledge import training
from agents.models import Agent, Source
from agents.sources import adding, listing
from agents.views.agents import find_agent
from agents.views.given import uuid_or_none
from billing.errors import LimitReached
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.figures import count, grouped
from workspaces.models import Workspace

KNOWN_TEXT = "The agent already has exactly this text."
KNOWN_WEBSITE = "The agent already reads this website. Have it read again on the agent's page."
# How many characters of a file or website's page are shown on its page.
SHOWN = 20_000


def no_room(limit: LimitReached, agent: Agent) -> str:
    """Why there is no room, and how to make some."""
    some = "one" if limit.over == 1 else grouped(limit.over)
    words = f"The plan allows {count(limit.limit, 'source')} for each agent. Delete {some} first."
    unread = building.unread_sources_of(agent)
    return (
        f"{words} Those that could not be read or were cancelled ({grouped(unread)}) count, too."
        if unread
        else words
    )


def add(agent: Agent, form: BaseForm, act: Callable[[], object], *, known: str) -> bool:
    """Run the act. Returns whether it succeeded; if not, `form` has the reason."""
    try:
        act()
    except LimitReached as limit:
        form.add_error(None, no_room(limit, agent))
    except training.AlreadyKnown:
        form.add_error(None, known)
    except training.CannotBeCut as refusal:
        form.add_error("text", str(refusal))
    return not form.errors


@editor_required
@require_http_methods(["GET", "POST"])
def add_text(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = SourceForm(request.POST or None)
    if form.is_valid():
        fields = form.cleaned_data
        if add(agent, form, lambda: adding.add_text(agent, **fields, request=request), known=KNOWN_TEXT):
            messages.success(request, "Added. The agent answers from it as soon as it is trained.")
            return redirect(agent)
    return form_page(request, agent, form, "Add a text")


@editor_required
@require_http_methods(["GET", "POST"])
def add_files(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = FilesForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        refused = _take_in(request, agent, form.cleaned_data["files"])
        if len(refused) < len(form.cleaned_data["files"]):
            for words in refused:
                messages.warning(request, words)
            return redirect(agent)
        for words in refused:
            form.add_error("files", words)
    return form_page(request, agent, form, "Add files", submit="Upload and train")


def _take_in(request: WorkspaceRequest, agent: Agent, files: list[UploadedFile]) -> list[str]:
    """Add the files that can be added; returns why others were not."""
    refused: list[str] = []
    added = set()
    for file in files:
        name = adding.clean_name(file.name or "")
        problem = FilesForm.problem(file)
        if not problem:
            try:
                added.add(adding.add_file(agent, file, request=request).pk)
            except LimitReached as limit:
                problem = no_room(limit, agent)
        if problem:
            refused.append(f"{name}: {problem}")
    if added:
        messages.success(request, f"{count(len(added), 'file')} added, to be read and trained in turn.")
    return refused


@editor_required
@require_http_methods(["GET", "POST"])
def add_website(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = WebsiteForm(request.POST or None)
    if form.is_valid():
        fields = form.cleaned_data
        if add(
            agent, form, lambda: adding.add_website(agent, **fields, request=request), known=KNOWN_WEBSITE
        ):
            messages.success(request, "Added. Its pages are read one after the other.")
            return redirect(agent)
    return form_page(request, agent, form, "Add a website", submit="Read and train")


@editor_required
@require_http_methods(["GET", "POST"])
def edit_text(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, source_id: UUID
) -> HttpResponse:
    """The form to change a text; for a file, a website or one of its pages, the text that was read."""
    agent = find_agent(workspace, agent_id)
    source = _find(agent, source_id)
    if source.kind != Source.Kind.TEXT:
        return _shown(request, agent, source)
    form = SourceForm(request.POST or None, instance=source)
    if form.is_valid():
        fields, fresh = form.cleaned_data, _find(agent, source_id)
        known = "Another source of this agent has exactly this text."
        if add(agent, form, lambda: adding.change_text(fresh, **fields, request=request), known=known):
            messages.success(request, "Saved. The agent answers from it as soon as it is trained.")
            return redirect(agent)
    return form_page(request, agent, form, "Change a text", is_new=False)


def _shown(request: WorkspaceRequest, agent: Agent, source: Source) -> HttpResponse:
    form = RecrawlForm(request.POST or None, initial={"recrawl": source.recrawl})
    if request.method == "POST":
        return _set_recrawl(request, agent, source, form)
    context = {
        "workspace": agent.workspace,
        "agent": agent,
        "source": source,
        "text": source.text[:SHOWN],
        "is_cut": len(source.text) > SHOWN,
        "pages": listing.pages_of(source) if source.kind == Source.Kind.WEBSITE else (),
        "page_count": source.pages.count(),
        "form": form,
    }
    return render(request, "agents/source.html", context)


def _set_recrawl(request: WorkspaceRequest, agent: Agent, source: Source, form: RecrawlForm) -> HttpResponse:
    if source.kind != Source.Kind.WEBSITE or not form.is_valid():
        return render(request, "400.html", status=400)
    adding.set_recrawl(source, form.cleaned_data["recrawl"])
    messages.success(request, "Saved.")
    return redirect("agents:edit_text", agent.workspace.slug, agent.pk, source.pk)


@editor_required
@require_POST
def train_again(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, source_id: UUID
) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    source = _find(agent, source_id)
    if source.parent_id is None and adding.queue(source):
        messages.success(
            request,
            f"{source.title} is being trained again. Until that is done, the agent answers from what it had.",
        )
    else:
        messages.info(request, f"{source.title} is being trained already.")
    return redirect(agent)


@editor_required
@require_POST
def cancel(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, source_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    source = _find(agent, source_id)
    if adding.cancel(source):
        kept = " The agent still answers from what it had." if source.trained_at else ""
        messages.success(request, f"Training on {source.title} is cancelled.{kept}")
    else:
        messages.info(request, f"{source.title} was not being trained any more.")
    return redirect(agent)


@editor_required
@require_POST
def delete_text(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, source_id: UUID
) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    source = get_object_or_404(agent.sources.filter(parent=None).defer("text"), pk=source_id)
    adding.delete(source, request=request)
    return redirect(agent)


@editor_required
@require_POST
def restore_source(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, source_id: UUID
) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    source = get_object_or_404(agent.sources.filter(parent=None).defer("text"), pk=source_id)
    try:
        is_back = source.deleted_at is None or adding.restore(source, request=request)
    except LimitReached as limit:
        messages.error(request, no_room(limit, agent))
    except training.AlreadyKnown:
        messages.error(request, "The same has been added since, so nothing is missing.")
    else:
        words = f"{source.title} is back." if is_back else "Its ten minutes are over: it is deleted for good."
        messages.add_message(request, messages.SUCCESS if is_back else messages.ERROR, words)
    return redirect(agent)


@editor_required
@require_safe
def progress(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> JsonResponse:
    """For static/js/sources.js: the rows of the agent's page that `id` names, each with a mark that changes with it."""
    agent = find_agent(workspace, agent_id)
    wanted = [one for one in map(uuid_or_none, request.GET.getlist("id")[: listing.ROWS_SHOWN]) if one]
    sources = listing.rows(agent).filter(pk__in=wanted)
    context = {"workspace": workspace, "agent": agent}
    told = {
        str(source.pk): {
            "mark": listing.mark(source),
            "busy": source.is_busy,
            "words": f"{source.title}: {source.get_state_display().lower()}",
            "html": render_to_string("agents/_source_row.html", {**context, "source": source}, request),
        }
        for source in sources
    }
    return JsonResponse({"sources": told})


def _find(agent: Agent, source_id: UUID) -> Source:
    present = agent.sources.filter(deleted_at=None).exclude(parent__deleted_at__isnull=False)
    return get_object_or_404(present, pk=source_id)


def form_page(
    request: WorkspaceRequest,
    agent: Agent,
    form: BaseForm,
    title: str,
    *,
    submit: str = "Save and train",
    is_new: bool = True,
    status: int = 200,
) -> HttpResponse:
    """The page of one form about sources, which shows first whether the plan has room."""
    context = {
        "workspace": agent.workspace,
        "agent": agent,
        "form": form,
        "form_title": title,
        "submit": submit,
        "room": listing.room(agent) if is_new else None,
    }
    return render(request, "agents/source_form.html", context, status=400 if form.is_bound else status)
