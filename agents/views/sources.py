"""What an agent answers from: texts and Q&A pairs. Adding and retraining is always free."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.forms import ModelForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from agents.forms import QAPairForm, SourceForm
from agents.knowledge import training
from agents.models import Agent
from agents.views.agents import find_agent
from billing.errors import LimitReached
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.figures import count
from workspaces.models import Workspace

KNOWN_TEXT = "The agent already has exactly this text."
KNOWN_QUESTION = (
    "The agent already answers this question. To change the answer, ask it in the playground and press Correct; "
    "or delete the pair on the agent's page and add it again."
)


@editor_required
@require_http_methods(["GET", "POST"])
def add_text(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = SourceForm(request.POST or None)
    if form.is_valid() and _add(form, agent, training.add_text):
        messages.success(request, "Added, and the agent is trained on it.")
        return redirect(agent)
    return _form(request, workspace, agent, form, "Add a text")


@editor_required
@require_http_methods(["GET", "POST"])
def add_qa(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    form = QAPairForm(request.POST or None)
    if form.is_valid() and _add(form, agent, training.add_qa, known=KNOWN_QUESTION):
        messages.success(request, "Added. Asked exactly this, the agent gives exactly that.")
        return redirect(agent)
    return _form(request, workspace, agent, form, "Add a question and its answer")


def _add(form: ModelForm, agent: Agent, act: Callable[..., object], *, known: str = KNOWN_TEXT) -> bool:
    try:
        act(agent, **form.cleaned_data)
    except LimitReached as limit:
        form.add_error(
            None, f"The plan allows {count(limit.limit, 'source')} for each agent. Delete one first."
        )
    except training.AlreadyKnown:
        form.add_error(None, known)
    except training.CannotBeCut as refusal:
        form.add_error("text", str(refusal))
    return not form.errors


@editor_required
@require_http_methods(["GET", "POST"])
def edit_text(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, source_id: UUID
) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    source = get_object_or_404(agent.sources, pk=source_id)
    form = SourceForm(request.POST or None, instance=source)
    if form.is_valid():
        try:
            training.replace_text(agent.sources.get(pk=source.pk), **form.cleaned_data)
        except training.AlreadyKnown:
            form.add_error("text", "Another source of this agent has exactly this text.")
        except training.CannotBeCut as refusal:
            form.add_error("text", str(refusal))
        else:
            messages.success(request, "Saved, and the agent is trained on it again.")
            return redirect(agent)
    return _form(request, workspace, agent, form, "Change a text")


@editor_required
@require_POST
def delete_text(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, source_id: UUID
) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    get_object_or_404(agent.sources, pk=source_id).delete()
    messages.success(request, "The text is gone; the agent no longer answers from it.")
    return redirect(agent)


@editor_required
@require_POST
def delete_qa(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, qa_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    get_object_or_404(agent.qa_pairs, pk=qa_id).delete()
    messages.success(request, "The question and its answer are gone.")
    return redirect(agent)


def _form(
    request: WorkspaceRequest, workspace: Workspace, agent: Agent, form: ModelForm, title: str
) -> HttpResponse:
    context = {"workspace": workspace, "agent": agent, "form": form, "form_title": title}
    return render(request, "agents/source_form.html", context, status=400 if form.is_bound else 200)
