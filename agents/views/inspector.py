"""The prompt inspector: what a message would send, and what a reply sent. It is free, because no model is called."""

from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods

from agents import inspecting, presenting, running, sent_prompts, wording
from agents.errors import ReplyRefused
from agents.models import Agent, Reply
from agents.running import Draft, Submission
from agents.views.agents import find_agent
from agents.views.given import message_text, uuid_or_none
from llm import outlook
from llm.models import ChatModel, Provider
from llm.routing import STORED
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.models import Workspace


@editor_required
@require_http_methods(["GET", "POST"])
def inspect(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """The prompt that a message would send, without sending it.

    A POST stores nothing either; it keeps texts out of addresses, since they may be long and private.
    """
    agent = find_agent(workspace, agent_id)
    send = _asked(request, agent)
    context = {
        "workspace": workspace,
        "agent": agent,
        "conversation_id": send.conversation_id or "",
        "instead_of": send.instead_of or "",
        "text": send.text,
        "limit": running.QUESTION_CHARACTERS,
        "idempotency_key": uuid4(),
    }
    return render(request, "agents/inspect.html", context | _drafted(workspace, agent, send))


def _asked(request: WorkspaceRequest, agent: Agent) -> Submission:
    """The message that is asked about. What cannot be its conversation, or its turn, is ignored."""
    asked = request.POST if request.method == "POST" else request.GET
    return Submission(
        session_key=request.session.session_key or "",
        slug=agent.workspace.slug,
        agent_id=agent.pk,
        text=message_text(asked.get("text", "")),
        idempotency_key="",
        conversation_id=uuid_or_none(asked.get("conversation")),
        instead_of=uuid_or_none(asked.get("instead_of")),
    )


def _drafted(workspace: Workspace, agent: Agent, send: Submission) -> dict[str, Any]:
    try:
        draft = running.draft(send)
    except ReplyRefused:  # not a conversation of this agent, or the session has just ended
        raise Http404 from None
    agent.chat_model = chat_model = ChatModel.objects.get(pk=draft.admitted.chat_model_id)
    routes = outlook.for_workspace(workspace)
    prospect = routes.prospect(chat_model)
    return {
        "chat_model": chat_model,
        "prospect": prospect,
        "trouble": presenting.trouble(prospect, agent, routes, role=draft.admitted.caller.role),
        "problem": _problem(send, agent),
        **(_shown(draft) if send.text else {}),
    }


def _problem(send: Submission, agent: Agent) -> str:
    """Why this message would be refused, apart from its route."""
    if agent.status == Agent.Status.ARCHIVED:
        return wording.refusal("agent_archived", {})
    if len(send.text) > running.QUESTION_CHARACTERS:
        return wording.refusal("message_too_large", {"limit": running.QUESTION_CHARACTERS})
    return ""


def _shown(draft: Draft) -> dict[str, Any]:
    return {
        "draft": draft,
        "shown": inspecting.of_draft(draft) if draft.ready_text is None else None,
        "turns": len(draft.turns),
    }


@editor_required
@require_GET
def sent(request: WorkspaceRequest, workspace: Workspace, reply_id: UUID) -> HttpResponse:
    """The prompt that an earlier reply sent."""
    replies = workspace.replies.select_related("agent", "conversation")
    reply: Reply = get_object_or_404(replies, pk=reply_id)
    found = sent_prompts.of(reply) if reply.is_readable else None
    context = {
        "workspace": workspace,
        "reply": reply,
        "sent": found,
        "shown": inspecting.of_reply(reply, found) if found else None,
        "why_none": "" if found else _why_none(reply),
    }
    return render(request, "agents/sent_prompt.html", context)


def _why_none(reply: Reply) -> str:
    if reply.why in STORED:
        return "This is a stored answer of one of the agent's Q&A pairs: no prompt was sent."
    if reply.provider == Provider.LOCAL:
        return "Bookbag Local takes its answer from the passages themselves: no prompt was sent."
    if not reply.is_readable:
        return "The prompt went with its conversation, which is deleted."
    return "This reply is from before prompts were kept."
