"""The playground: the live agent, with what each reply cost, who paid, and where it came from."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db.models import F, OuterRef, Subquery, Sum, Window
from django.db.models.functions import Left, Length
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agents import (
    actions,
    building,
    markdown,
    presenting,
    rating,
    rendering,
    running,
    suggestions,
    trying,
    words,
)
from agents.errors import NotSignedIn, ReplyRefused
from agents.models import Agent, Conversation, Reply
from agents.views.agents import find_agent
from billing import ledger
from llm import outlook
from workspaces.access import WorkspaceRequest, editor_required
from workspaces.models import Role, Workspace

TURNS_SHOWN = 50
# Of texts and their HTML: a few of the longest answers, and fifty of any that people read.
PAGE_CHARACTERS = 4 * markdown.MOST_HTML
CONVERSATIONS_SHOWN = 8


@editor_required
@require_GET
def page(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    conversation = chosen(agent, request.GET.get("conversation"))
    return render(request, "agents/playground.html", _context(request, workspace, agent, conversation))


def chosen(agent: Agent, text: str | None) -> Conversation | None:
    """The agent's conversation of this id, as an address or a form brings it; None where there is none."""
    try:
        found = UUID(text) if text else None
    except ValueError:
        found = None
    return agent.conversations.present().filter(pk=found).first() if found else None


def _context(
    request: WorkspaceRequest, workspace: Workspace, agent: Agent, conversation: Conversation | None
) -> dict[str, Any]:
    shown = latest(conversation) if conversation else []
    for reply in shown:
        reply.workspace = workspace
    role = Role(request.membership.role)
    routes = outlook.for_workspace(workspace)
    trial = trying.told(agent, conversation, routes)
    agent = trial.agent if trial else agent
    prospect = routes.prospect(agent.chat_model)
    balance = _balance(workspace, prospect.price)
    return {
        "workspace": workspace,
        "agent": agent,
        "conversation": conversation,
        "conversations": _earlier(agent, request.membership.user_id),
        "turns": [presenting.turn(reply, role=role) for reply in shown],
        "trial": trial,
        "prospect": prospect,
        "trouble": presenting.trouble(prospect, agent, routes, role=role),
        # A stored answer needs no route.
        "may_try": not prospect.runs and (prospect.may_try or agent.qa_pairs.exists()),
        "is_tried": "try" in request.GET,
        "shortage": presenting.shortage(prospect, agent, role=role),
        "last_day": routes.last_day(agent.chat_model),
        "balance": balance,
        "idempotency_key": uuid4(),
        "limit": running.QUESTION_CHARACTERS,
        "draft": request.GET.get("ask", "")[: running.QUESTION_CHARACTERS],
        "suggestions": [] if conversation else suggestions.of(agent),
        "ratings": rating.own(shown, request.membership.user_id),
        "may_judge": True,
    }


def _balance(workspace: Workspace, price: int) -> ledger.Balance:
    """What there is for a reply at `price`; where it does not suffice, after what the ledger has due."""
    balance = ledger.balance(workspace)
    if price > balance.available:
        account = ledger.refresh(workspace.account)
        balance = ledger.Balance(account.posted, account.held)
    return balance


def latest(conversation: Conversation) -> list[Reply]:
    """The last turns, the oldest first: as many as a page has room for, without their texts as they were written."""
    latest = (
        conversation.replies.filter(superseded_by=None).order_by("-created_at").values("pk")[:TURNS_SHOWN]
    )
    so_far = Window(Sum(Length("html") + Length("text")), order_by=F("created_at").desc())
    found = Reply.objects.filter(pk__in=latest).defer("text").annotate(so_far=so_far)
    shown: list[Reply] = list(found.filter(so_far__lte=PAGE_CHARACTERS).order_by("created_at"))
    rendering.complete(shown)
    return _within(PAGE_CHARACTERS, shown)


def _within(most: int, shown: list[Reply]) -> list[Reply]:
    """The latest of `shown` whose HTML has at most `most` characters together: some of it may have just been made."""
    left = most
    for place, reply in enumerate(reversed(shown)):
        left -= len(reply.html)
        if left < 0:
            return shown[len(shown) - place :]
    return shown


def _earlier(agent: Agent, user_id: int) -> list[tuple[Conversation, presenting.Mark | None]]:
    """The member's latest conversations, each with how its last answer ended."""
    mine = agent.conversations.present().filter(started_by_id=user_id).order_by("-created_at")
    last = Reply.objects.filter(conversation=OuterRef("pk"), superseded_by=None).order_by("-created_at")
    found = mine.annotate(opening=_opening(), ending=Subquery(last.values("ending")[:1]))
    return [(earlier, presenting.mark(earlier.ending)) for earlier in found[:CONVERSATIONS_SHOWN]]


def _opening() -> Subquery:
    """The opening of a conversation's first question, long enough to see that there is more."""
    asked = Reply.objects.filter(conversation=OuterRef("pk"), superseded_by=None).order_by("created_at")
    return Subquery(asked.values(opening=Left("question", 61))[:1])


def refused_page(request: HttpRequest, slug: str, agent_id: UUID, refusal: ReplyRefused) -> HttpResponse:
    """The page again after a refusal, with what was typed still in it. For forms without JavaScript."""
    if isinstance(refusal, NotSignedIn):
        return redirect_to_login(reverse("agents:playground", args=[slug, agent_id]))
    return _refused(request, slug, agent_id, refusal=refusal)


@editor_required
def _refused(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, *, refusal: ReplyRefused
) -> HttpResponse:
    agent = find_agent(workspace, agent_id)
    context = _context(request, workspace, agent, chosen(agent, request.POST.get("conversation")))
    refusal.role = Role(request.membership.role)
    context |= {
        "problem": words.told(refusal.code, refusal.data),
        "problem_ways_out": actions.of_refusal(refusal, slug=workspace.slug, agent_id=agent.pk),
        "draft": request.POST.get("text", ""),
    }
    return render(request, "agents/playground.html", context, status=refusal.status)


@editor_required
@require_POST
def use_local(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """Set the agent to Bookbag Local, the way out that needs no key and costs nothing; what was typed comes back."""
    agent = find_agent(workspace, agent_id)
    conversation = chosen(agent, request.POST.get("conversation"))
    if was := building.use_local(agent, conversation):
        what = "This conversation" if conversation and conversation.tried_model_id else agent.name
        told = (
            f"{what} runs on Bookbag Local now, free. It ran on {was}, which can be chosen again at any time."
        )
        messages.success(request, told)
    else:
        messages.error(
            request, "Bookbag Local is not offered here. Choose another model on the agent's page."
        )
    if draft := request.POST.get("text", ""):
        # A redirect would lose it.
        context = _context(request, workspace, agent, conversation)
        return render(request, "agents/playground.html", context | {"draft": draft})
    page = reverse("agents:playground", args=[workspace.slug, agent.pk])
    return redirect(f"{page}?conversation={conversation.pk}" if conversation else page)


def ended(reply_id: UUID, role: Role) -> dict[str, Any]:
    """What the terminal event of a stream brings the page: the finished turn as HTML, and what is left of the credits."""
    reply = Reply.objects.select_related("workspace").defer("text").get(pk=reply_id)
    if reply.is_running:  # it could not be stored, and is left to the sweep
        return {}
    rendering.complete([reply])
    balance = ledger.balance(reply.workspace)
    context = {
        "workspace": reply.workspace,
        "turn": presenting.turn(reply, role=role),
        "may_judge": role.at_least(Role.EDITOR),
    }
    return {
        "turn": render_to_string("agents/_turn.html", context),
        "available": balance.available,
        "held": balance.held,
    }
