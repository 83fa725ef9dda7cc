"""Correct: makes a Q&A pair of a turn in one step, and offers to ask the question again."""

from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from agents import correcting, turns
from agents.correcting import WouldReplace
from agents.knowledge import folding
from agents.models import Agent, QAPair, Reply
from agents.views import playground
from agents.views.agents import find_agent
from billing.errors import LimitReached
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.figures import count
from workspaces.models import Workspace

NO_ROOM = "The plan allows {most} for each agent. Delete one on its page, then save again."
SAVED = "Saved. To this question the agent now gives this answer, word for word."


class CorrectionForm(forms.Form):
    question = forms.CharField(
        max_length=QAPair.QUESTION_CHARACTERS,
        widget=forms.TextInput(attrs={"dir": "auto"}),
        help_text="Case, blanks and the marks at its end do not count.",
    )
    answer = forms.CharField(
        max_length=QAPair.ANSWER_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 10, "dir": "auto"}),
        help_text="Given word for word, without a model and free, whenever the question is asked.",
    )
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_question(self) -> str:
        question = str(self.cleaned_data["question"])
        if not folding.fold_question(question):
            raise forms.ValidationError("A question needs at least one word, to be found by.")
        return question


@editor_required
@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID) -> HttpResponse:
    reply, agent = _find(workspace, reply_id)
    if request.method != "POST":
        known = correcting.pair_for(agent, reply.question[: QAPair.QUESTION_CHARACTERS])
        return _page(request, reply, CorrectionForm(initial=_initial(reply, known)), known)
    form, known = CorrectionForm(request.POST), None
    if form.is_valid():
        try:
            pair = correcting.correct(agent, **form.cleaned_data)
        except LimitReached as limit:
            form.add_error(None, NO_ROOM.format(most=count(limit.limit, "source")))
        except WouldReplace as refusal:
            known = refusal.pair
            form = CorrectionForm(initial={**form.cleaned_data, "shown": correcting.seen(known)})
        else:
            messages.success(request, SAVED)
            page = reverse("agents:corrected", args=[workspace.slug, agent.pk, pair.pk])
            return redirect(f"{page}?conversation={reply.conversation_id or ''}")
    return _page(request, reply, form, known, status=409 if known else 400)


def _find(workspace: Workspace, reply_id: UUID) -> tuple[Reply, Agent]:
    replies = turns.readable(workspace).select_related("agent__workspace").defer("html")
    reply = get_object_or_404(replies, pk=reply_id)
    if reply.agent is None:
        raise Http404("Its agent was deleted.")
    return reply, reply.agent


def _initial(reply: Reply, known: QAPair | None) -> dict[str, str]:
    return {
        "question": " ".join(reply.question.split())[: QAPair.QUESTION_CHARACTERS],
        "answer": reply.text[: QAPair.ANSWER_CHARACTERS],
        "shown": correcting.seen(known),
    }


def _page(
    request: WorkspaceRequest, reply: Reply, form: CorrectionForm, known: QAPair | None, *, status: int = 200
) -> HttpResponse:
    playground_page = reverse("agents:playground", args=[request.membership.workspace.slug, reply.agent_id])
    context = {
        "workspace": request.membership.workspace,
        "agent": reply.agent,
        "reply": reply,
        "back": f"{playground_page}?conversation={reply.conversation_id or ''}",
        "form": form,
        "known": known,
        "is_cut": len(reply.question) > QAPair.QUESTION_CHARACTERS
        or len(reply.text) > QAPair.ANSWER_CHARACTERS,
    }
    return render(request, "agents/correct.html", context, status=status)


@editor_required
@require_safe
def corrected(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, qa_id: UUID) -> HttpResponse:
    """The pair, with a button that asks its question, in the `conversation` of the query string if that still exists."""
    agent = find_agent(workspace, agent_id)
    pair = get_object_or_404(agent.qa_pairs, pk=qa_id)
    conversation = playground.chosen(agent, request.GET.get("conversation"))
    back = reverse("agents:playground", args=[workspace.slug, agent.pk])
    context = {
        "workspace": workspace,
        "agent": agent,
        "pair": pair,
        "conversation": conversation,
        "back": f"{back}?conversation={conversation.pk}" if conversation else back,
        "idempotency_key": uuid4(),
    }
    return render(request, "agents/corrected.html", context)
