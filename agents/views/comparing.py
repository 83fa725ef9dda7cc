"""Comparing two to four chat models on one message: each column is a reply in a conversation of its own."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from agents import actions, comparing, rendering, running, wording
from agents.comparing import LEAST, MOST, Choice, Column
from agents.errors import ReplyRefused
from agents.models import Agent, Reply
from agents.running import Submission
from agents.views.agents import find_agent
from agents.views.given import message_text, uuid_or_none
from billing import ledger
from llm import outlook
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.models import Role, Workspace

# How long a form without JavaScript waits, as for one reply (agents/views/chat.py).
PATIENCE_SECONDS = 25.0
HOW_MANY = "Choose two to four chat models."


@dataclass(frozen=True, slots=True)
class Press:
    """One press of Send: the chosen models, and the page's context if the message cannot be sent."""

    agent: Agent
    chosen: list[Choice]
    text: str
    idempotency_key: str
    context: dict[str, Any]


@editor_required
@require_http_methods(["GET", "POST"])
def compare(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """The page, with the replies named in its address. A POST stores nothing; it shows what other choices cost."""
    agent = find_agent(workspace, agent_id)
    replies = _replies(agent, request.GET.getlist("reply"))
    context = _context(request, agent, before=[str(one.chat_model_id) for one in replies])
    context["columns"] = comparing.columns(replies, role=Role(request.membership.role))
    context["question"] = replies[0].question if replies else ""
    return render(request, "agents/compare.html", context)


def _context(request: WorkspaceRequest, agent: Agent, *, before: Sequence[str] = ()) -> dict[str, Any]:
    """`before`: the models chosen for the replies on the page, which stay chosen."""
    workspace = agent.workspace
    asked = request.POST if request.method == "POST" else request.GET
    routes = outlook.for_workspace(workspace)
    choices = comparing.choices(agent, routes, asked.getlist("chat_model") or before)
    chosen = [one for one in choices if one.is_chosen]
    return {
        "workspace": workspace,
        "agent": agent,
        "choices": choices,
        "chosen": chosen,
        "total": comparing.total(chosen, available=ledger.balance(workspace).available),
        "how_many": "" if LEAST <= len(chosen) <= MOST else HOW_MANY,
        "text": asked.get("text", ""),
        # The same id while the same message is sent again, so that each of its replies is made once.
        "idempotency_key": request.POST.get("idempotency_key") or uuid4(),
        "limit": running.QUESTION_CHARACTERS,
    }


def _replies(agent: Agent, ids: list[str]) -> list[Reply]:
    """The agent's replies of these ids, in order. Other ids, and replies of deleted conversations, are ignored."""
    wanted = [one for one in map(uuid_or_none, ids[:MOST]) if one]
    present = agent.replies.filter(conversation__isnull=False, conversation__deleted_at=None)
    found = present.select_related("workspace").defer("text", "prompt").in_bulk(wanted)
    replies = [found[one] for one in dict.fromkeys(wanted) if one in found]
    rendering.complete(replies)
    return replies


@editor_required
@require_POST
async def send(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """Send one message to each chosen model, for a form without JavaScript; the page's script sends them itself.

    Stored replies run to their end, whether or not the sender waits for them.
    """
    asked = await sync_to_async(_asked)(request, workspace, agent_id)
    if "problem" in asked.context:
        return await sync_to_async(render)(request, "agents/compare.html", asked.context, status=400)
    session_key = request.session.session_key or ""
    answers = await asyncio.shield(_send_all(asked, session_key))
    return await sync_to_async(_answered)(request, asked, answers)


def _asked(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> Press:
    agent = find_agent(workspace, agent_id)
    context = _context(request, agent)
    problem = context["how_many"] or _problem(context, request)
    if problem:
        context["problem"] = problem
    text, pressed = message_text(context["text"]), str(context["idempotency_key"])
    return Press(agent, context["chosen"], text, pressed, context)


def _problem(context: dict[str, Any], request: WorkspaceRequest) -> str:
    """Why the message is not sent: it is empty, or the cost is not what the page showed."""
    if not context["text"].strip():
        return wording.refusal("message_empty", {})
    if request.POST.get("said", "") != context["total"].said:
        return f"{context['total'].words} Send again if that is what you want."
    return ""


async def _send_all(asked: Press, session_key: str) -> list[Any]:
    """The accepted reply or the refusal of each model, returned when the replies are done or after PATIENCE_SECONDS."""
    answers: list[Any] = []
    tasks = set()
    for one in asked.chosen:
        send = Submission(
            session_key=session_key,
            slug=asked.agent.workspace.slug,
            agent_id=asked.agent.pk,
            text=asked.text,
            idempotency_key=_pressed(asked, one),
            chat_model_id=one.chat_model.pk,
            price_said=one.badge.price,
        )
        try:
            accepted, run = await running.accept(send)
        except ReplyRefused as refusal:
            answers.append(refusal)
        else:
            answers.append(accepted)
            if run and run.task:
                tasks.add(run.task)
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
    return answers


def _pressed(asked: Press, to: Choice) -> str:
    """The idempotency key of one column for this press of Send.

    A page with a refusal keeps the press's key, so that sending the same message again asks only the models that did
    not answer. Another text gets other keys.
    """
    text = hashlib.sha256(asked.text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{asked.idempotency_key}-{to.chat_model.pk}-{text}"


def _answered(request: WorkspaceRequest, asked: Press, answers: list[Any]) -> HttpResponse:
    ids = [str(one.reply_id) for one in answers if not isinstance(one, ReplyRefused)]
    if len(ids) == len(answers):
        page = reverse("agents:compare", args=[asked.agent.workspace.slug, asked.agent.pk])
        return redirect(f"{page}?{'&'.join(f'reply={one}' for one in ids)}")
    made = comparing.columns(_replies(asked.agent, ids), role=Role(request.membership.role))
    by_id = {str(column.turn.reply.pk): column for column in made if column.turn}
    columns = [
        _refused(choice, answer, asked.agent)
        if isinstance(answer, ReplyRefused)
        else by_id[str(answer.reply_id)]
        for choice, answer in zip(asked.chosen, answers, strict=True)
    ]
    return render(
        request, "agents/compare.html", asked.context | {"columns": columns, "question": asked.text}
    )


def _refused(choice: Choice, refusal: ReplyRefused, agent: Agent) -> Column:
    ways = actions.of_refusal(refusal, slug=agent.workspace.slug, agent_id=agent.pk)
    return Column(
        model_name=choice.chat_model.name,
        badge=choice.badge,
        problem=wording.refusal(refusal.code, refusal.data),
        ways_out=comparing.links(ways),
    )
