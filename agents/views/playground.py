"""The playground: a conversation with the agent that shows each reply's cost, payer and sources."""

import dataclasses
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents import (
    actions,
    building,
    conversations,
    payers,
    presenting,
    rendering,
    running,
    suggestions,
    trying,
    turns,
    wording,
)
from agents.errors import AgentGone, NoSuchPlace, NotSignedIn, ReplyRefused
from agents.models import Agent, Conversation, Reply
from agents.views import turns as turn_pages
from agents.views.agents import find_agent
from agents.views.given import uuid_or_none
from billing import ledger
from llm import outlook
from llm.routing import Credential
from workspaces.access import WorkspaceRequest, editor_required, editor_required_or
from workspaces.adapter import LONGEST_ADDRESS
from workspaces.models import Role, Workspace

CONVERSATIONS_SHOWN = 8
# No operator gives back a charge within this time after the reply has ended.
GIVES_BACK_AFTER = timedelta(seconds=5)

RUNS_ON_LOCAL = (
    "{what} runs on Bookbag Local now, free. It ran on {was}, which can be chosen again at any time."
)
NO_LOCAL = "Bookbag Local is not offered here. Choose another model on the agent's page."


def _to_read(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse | None:
    """Redirect a viewer who follows a link into a conversation to the page on which viewers read it."""
    agent = workspace.agents.filter(pk=agent_id).first()
    conversation = chosen(agent, request.GET.get("conversation")) if agent else None
    if conversation is None:
        return None
    page = reverse("agents:conversation", args=[workspace.slug, conversation.pk])
    named = uuid_or_none(request.GET.get("reply"))
    return redirect(f"{page}?reply={named}#reply-{named}" if named else page)


@editor_required_or(_to_read)
@require_GET
def page(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    try:
        agent = find_agent(workspace, agent_id)
    except Http404:
        return _gone(request, workspace)
    conversation = chosen(agent, request.GET.get("conversation"))
    named = uuid_or_none(request.GET.get("reply"))
    if conversation and named:
        current = turns.versions(conversation.pk).current(named)
        if current != named:
            page = reverse("agents:versions", args=[workspace.slug, current])
            return redirect(f"{page}#reply-{named}")
    return render(request, "agents/playground.html", _context(request, workspace, agent, conversation))


def chosen(agent: Agent, text: str | None) -> Conversation | None:
    """The agent's conversation with this id, from an address or a form; None if there is none."""
    found = uuid_or_none(text)
    if found is None:
        return None
    return agent.conversations.present().select_related("started_by").filter(pk=found).first()


@dataclass(frozen=True, slots=True)
class Prefilled:
    """The text in the box when the page opens, and the reply that it would replace."""

    text: str = ""
    instead_of: Reply | None = None


def _gone(request: WorkspaceRequest, workspace: Workspace, *, text: str = "") -> HttpResponse:
    """The page shown if the agent does not exist: what the member can do, and the text they typed."""
    told = wording.told("agent_gone", {}, is_sent=bool(text))
    ways = actions.ways_out("agent_gone", role=Role(request.membership.role), slug=workspace.slug)
    context = {"workspace": workspace, "problem": told, "ways": ways, "text": text}
    return render(request, "agents/gone.html", context, status=404)


def _prefilled(request: HttpRequest, conversation: Conversation) -> Prefilled:
    """A question of this conversation to be sent again (`again`), or to replace its turn (`edit`)."""
    again, edit = uuid_or_none(request.GET.get("again")), uuid_or_none(request.GET.get("edit"))
    if not (named := edit or again):
        return Prefilled()
    reply = conversation.replies.filter(pk=named, superseded_by=None).only("question", "state").first()
    if reply is None:
        return Prefilled()
    return Prefilled(reply.question, reply if edit and not reply.is_running else None)


def _context(
    request: WorkspaceRequest,
    workspace: Workspace,
    agent: Agent,
    conversation: Conversation | None,
    *,
    typed: str | None = None,
) -> dict[str, Any]:
    """The page's context. `typed`: the text that a form brought, to be left in the box."""
    role = Role(request.membership.role)
    prefilled = _prefilled(request, conversation) if conversation else Prefilled()
    if typed is None:
        typed = prefilled.text or request.GET.get("ask", "")[: running.QUESTION_CHARACTERS]
    routes = outlook.for_workspace(workspace)
    trial = trying.told(agent, conversation, routes)
    agent = trial.agent if trial else agent
    prospect = routes.prospect(agent.chat_model)
    balance = _balance(workspace, prospect.price)
    return {
        "workspace": workspace,
        # Complete addresses, because this page is also the response to forms at other addresses.
        "here": _address(workspace, agent, None),
        "agent": agent,
        **_talk(request, workspace, agent, conversation),
        **_drafted(typed, _address(workspace, agent, conversation)),
        "instead_of": prefilled.instead_of,
        "trial": trial,
        "prospect": prospect,
        "trouble": presenting.trouble(prospect, agent, routes, role=role),
        # An agent with Q&A pairs may reply without a route.
        "may_try": not prospect.runs and (prospect.may_try or agent.qa_pairs.exists()),
        "is_tried": "try" in request.GET,
        "shortage": presenting.shortage(prospect, agent, role=role),
        "last_day": routes.last_day(agent.chat_model),
        "balance": balance,
        "idempotency_key": uuid4(),
        "limit": running.QUESTION_CHARACTERS,
        "suggestions": [] if conversation else suggestions.of(agent),
    }


def _talk(
    request: WorkspaceRequest, workspace: Workspace, agent: Agent, conversation: Conversation | None
) -> dict[str, Any]:
    """What the page shows of the conversation, and the reader's other conversations with the agent."""
    reader_id = request.membership.user_id
    return {
        **turn_pages.talk(request, workspace, conversation),
        "begun_by": _begun_by(conversation, reader_id),
        "conversations": _earlier(agent, reader_id),
    }


def _address(workspace: Workspace, agent: Agent, conversation: Conversation | None) -> str:
    page = reverse("agents:playground", args=[workspace.slug, agent.pk])
    return f"{page}?conversation={conversation.pk}" if conversation else page


def _drafted(text: str, address: str) -> dict[str, str]:
    """The text in the box of the page at `address`, and the address at which it can be sent on a broken route."""
    attempt = f"{address}{'&' if '?' in address else '?'}try=1"
    return {"draft": text, "try_address": with_text(attempt, text)}


def _begun_by(conversation: Conversation | None, reader_id: int) -> str:
    """The person who began the conversation, if that is not the reader."""
    is_others = conversation is not None and conversation.started_by_id != reader_id
    return conversations.asked_by(conversation) if conversation and is_others else ""


def _balance(workspace: Workspace, price: int) -> ledger.Balance:
    """The balance for a reply at `price`. If it is too low, the account is brought up to date first."""
    balance = ledger.balance(workspace)
    if price > balance.available:
        account = ledger.refresh(workspace.account)
        balance = ledger.Balance(account.posted, account.held)
    return balance


def _earlier(agent: Agent, user_id: int) -> list[tuple[Conversation, presenting.EndingMark | None]]:
    """The member's latest conversations, each with the ending of its last answer."""
    mine = agent.conversations.present().filter(started_by_id=user_id).order_by("-created_at")
    last = Reply.objects.filter(conversation=OuterRef("pk"), superseded_by=None).order_by("-created_at")
    found = mine.annotate(opening=_opening(), ending=Subquery(last.values("ending")[:1]))
    return [(earlier, presenting.mark(earlier.ending)) for earlier in found[:CONVERSATIONS_SHOWN]]


def _opening() -> Subquery:
    """The opening of a conversation's first question, long enough to see that there is more."""
    asked = Reply.objects.filter(conversation=OuterRef("pk"), superseded_by=None).order_by("created_at")
    return Subquery(asked.values(opening=Left("question", 61))[:1])


def refused_page(request: HttpRequest, slug: str, agent_id: UUID, refusal: ReplyRefused) -> HttpResponse:
    """The page again after a refusal, with the typed text still in the box. For forms without JavaScript."""
    if isinstance(refusal, NotSignedIn):
        page = reverse("agents:playground", args=[slug, agent_id])
        if conversation := request.POST.get("conversation", ""):
            page = f"{page}?{urlencode({'conversation': conversation})}"
        return redirect_to_login(with_text(page, request.POST.get("text", "")))
    return _refused(request, slug, agent_id, refusal=refusal)


def with_text(address: str, text: str) -> str:
    """The playground's `address` with the typed text, to be shown in the box; without the text if it is too long."""
    parts = urlsplit(address)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "ask"]
    typed = [("ask", text)] if text else []
    whole, bare = (urlunsplit(parts._replace(query=urlencode(one))) for one in (query + typed, query))
    return whole if len(whole) <= LONGEST_ADDRESS else bare


@editor_required
def _refused(
    request: WorkspaceRequest, workspace: Workspace, agent_id: UUID, *, refusal: ReplyRefused
) -> HttpResponse:
    text = request.POST.get("text", "")
    if isinstance(refusal, AgentGone):
        return _gone(request, workspace, text=text)
    agent = find_agent(workspace, agent_id)
    conversation = chosen(agent, request.POST.get("conversation"))
    context = _context(request, workspace, agent, conversation, typed=text)
    refusal.role = Role(request.membership.role)
    context |= _problem(refusal, context["trouble"], slug=workspace.slug, agent_id=agent.pk)
    context["instead_of"] = _replaced(request, conversation)
    return render(request, "agents/playground.html", context, status=refusal.status)


def _replaced(request: HttpRequest, conversation: Conversation | None) -> Reply | None:
    """The reply of the conversation that the message of a form is to replace."""
    named = uuid_or_none(request.POST.get("instead_of"))
    return conversation.replies.filter(pk=named).first() if conversation and named else None


def _problem(
    refusal: ReplyRefused, trouble: presenting.Trouble | None, *, slug: str, agent_id: UUID
) -> dict[str, Any]:
    """The refusal for the page's context. It replaces the page's own notice if that is about the same problem."""
    told = wording.told(refusal.code, refusal.data)
    ways = actions.of_refusal(refusal, slug=slug, agent_id=agent_id)
    if trouble and trouble.code == refusal.code:
        return {"trouble": dataclasses.replace(trouble, title=told.title, rest=told.rest, ways_out=ways)}
    shortage = {"shortage": None} if refusal.code == "credits_exhausted" else {}
    return {"problem": told, "problem_ways_out": ways, **shortage}


def stop_refused(request: HttpRequest, slug: str, reply_id: UUID, refusal: ReplyRefused) -> HttpResponse:
    """For forms without JavaScript: the receipt page, with the reason why the reply was not stopped."""
    if isinstance(refusal, NotSignedIn):
        return redirect_to_login(reverse("agents:receipt", args=[slug, reply_id]))
    return _stop_refused(request, slug, reply_id, refusal=refusal)


@editor_required
def _stop_refused(
    request: WorkspaceRequest, workspace: Workspace, reply_id: UUID, *, refusal: ReplyRefused
) -> HttpResponse:
    if isinstance(refusal, NoSuchPlace):
        raise Http404
    messages.error(request, " ".join(filter(None, wording.told(refusal.code, refusal.data))))
    return redirect("agents:receipt", workspace.slug, reply_id)


@editor_required
@require_POST
def use_local(request: WorkspaceRequest, workspace: Workspace, agent_id: UUID) -> HttpResponse:
    """Set the agent to Bookbag Local, the way out without key or cost, and show the typed text again."""
    agent = find_agent(workspace, agent_id)
    conversation = chosen(agent, request.POST.get("conversation"))
    if was := building.use_local(agent, conversation, request=request):
        what = "This conversation" if conversation and conversation.tried_model_id else agent.name
        messages.success(request, RUNS_ON_LOCAL.format(what=what, was=was))
    else:
        messages.error(request, NO_LOCAL)
    if typed := request.POST.get("text", ""):
        # Rendered directly, because a redirect would lose the text.
        context = _context(request, workspace, agent, conversation, typed=typed)
        return render(request, "agents/playground.html", context)
    return redirect(_address(workspace, agent, conversation))


def _given_back(reply: Reply) -> int:
    """The credits given back, for a reply whose stream ends.

    Not queried for one that has just ended, since no operator is that fast and every reply would pay for the query.
    A browser that slept may attach to one that ended long ago.
    """
    just_ended = reply.done_at is not None and timezone.now() - reply.done_at < GIVES_BACK_AFTER
    return 0 if just_ended else payers.given_back([reply]).get(reply.pk, 0)


def _route_changed(reply: Reply) -> bool:
    """Whether the page's notes about the next reply may be outdated: this reply's key changed while it ran."""
    if reply.credential_id is None:
        return False
    is_own = reply.credential_kind == Credential.WORKSPACE
    return not outlook.still_signs(reply.credential_id, workspace_id=reply.workspace_id, is_own=is_own)


def ended(reply_id: UUID, role: Role) -> dict[str, Any]:
    """The page's part of a stream's terminal event.

    It has the finished turn as HTML, the credits left, and whether the page must ask again what would become of the
    next reply.
    """
    reply = turns.with_versions(Reply.objects.select_related("workspace").defer("text")).get(pk=reply_id)
    if reply.is_running:  # its end could not be stored, so the sweep will end it
        return {}
    rendering.complete([reply])
    balance = ledger.balance_now(reply.workspace_id)
    earlier = turns.versions_among([reply]).of(reply.pk)
    context = {
        "workspace": reply.workspace,
        "turn": presenting.turn(
            reply,
            role=role,
            given_back=_given_back(reply),
            earlier_versions=len(earlier),
        ),
        "may_judge": role.at_least(Role.EDITOR),
    }
    return {
        "turn": render_to_string("agents/_turn.html", context),
        "available": balance.available,
        "held": balance.held,
        "route_changed": _route_changed(reply),
    }
