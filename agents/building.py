"""Making, changing and deleting agents, within the plan's limits."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from agents.models import Agent, Conversation, Source
from billing import ledger, plans
from llm.models import ChatModel, Provider
from workspaces import audit, standing
from workspaces.models import Workspace

# What the audit log tells of a change: these before and after, of the long ones only that they have changed.
SHORT = ("name", "status", "temperature", "effort", "output_limit")
LONG = ("instructions", "fallback_text", "suggested_questions")
# Within it the same form makes one thing, an agent or a workspace: a button was pressed twice, or somebody went back and pressed it again.
SAME_FORM = timedelta(minutes=10)


def create(agent: Agent, *, request: HttpRequest | None = None) -> Agent:
    """Save a new agent, or give the one that the same form has just made.

    billing.errors.LimitReached when the plan has no room for it.
    """
    with transaction.atomic():
        # The account's row is the lock: two requests cannot both take the last place.
        account = ledger.lock(agent.workspace.account)
        standing.require_open(agent.workspace)
        if request and (twin := _just_made(agent, request)):
            return twin
        plans.require(account, "agents", agent.workspace.agents.count() + 1)
        agent.save(force_insert=True)
        audit.record(agent.workspace, "agent.created", request=request, agent=agent.name)
    return agent


def _just_made(agent: Agent, request: HttpRequest) -> Agent | None:
    """What the same person has just made of the same form, as long as nothing has been done with it."""
    since = timezone.now() - SAME_FORM
    same = {name: getattr(agent, name) for name in (*SHORT, *LONG, "chat_model")}
    untouched = agent.workspace.agents.filter(created_at__gte=since, sources=None, qa_pairs=None, **same)
    own = agent.workspace.audit_events.filter(
        action="agent.created", actor_id=request.user.pk, created_at__gte=since
    )
    return untouched.first() if any(event.data["agent"] == agent.name for event in own) else None


def facts(agent: Agent) -> dict[str, Any]:
    """What the audit log compares of an agent, before and after a change."""
    told = {name: getattr(agent, name) for name in (*SHORT, *LONG)}
    if told["temperature"] is not None:
        told["temperature"] = float(told["temperature"])
    return told | {"chat_model": agent.chat_model.name}


def change(agent: Agent, before: dict[str, Any], *, request: HttpRequest) -> None:
    """Save a changed agent, and record what differs from the `facts` before."""
    with transaction.atomic():
        # Never as a new row: one that is deleted at this moment stays deleted.
        agent.save(force_update=True)
        record_change(agent, before, request=request)


def record_change(agent: Agent, before: dict[str, Any], *, request: HttpRequest) -> None:
    after = facts(agent)
    changes = {
        name: None if name in LONG else [before[name], after[name]]
        for name in after
        if before[name] != after[name]
    }
    if changes:
        audit.record(agent.workspace, "agent.changed", request=request, agent=agent.name, changes=changes)


def require_source_room(agent: Agent) -> None:
    """LimitReached when the agent has more sources than its plan allows; the last step of the adding transaction."""
    account = ledger.lock(agent.workspace.account)
    plans.require(account, "sources", sources_of(agent), of=agent.name)


def sources_of(agent: Agent) -> int:
    """How many sources the plan counts: a website is one, whatever its pages, and so is a Q&A pair."""
    return agent.sources.listed().count() + agent.qa_pairs.count()


def unread_sources_of(agent: Agent) -> int:
    """How many of them nothing was ever learnt of: they failed or were cancelled. They count, as each may be tried again."""
    never = agent.sources.listed().filter(trained_at=None)
    return never.filter(state__in=[Source.State.FAILED, Source.State.CANCELLED]).count()


def agent_room(workspace: Workspace) -> plans.Room:
    account = getattr(workspace, "account", None)
    return plans.Room(workspace.agents.count(), plans.limit(account, "agents") if account else None)


def change_models(
    workspace: Workspace, *, from_model: ChatModel, to_model: ChatModel, request: HttpRequest
) -> int:
    """Move every agent of the workspace from one chat model to another; returns how many."""
    with transaction.atomic():
        moved = workspace.agents.filter(chat_model=from_model).update(chat_model=to_model)
        audit.record(workspace, "agent.chat_models_changed", request=request, to=to_model.name, agents=moved)
    return moved


def use_local(agent: Agent, conversation: Conversation | None = None, *, request: HttpRequest) -> str:
    """Set the agent to Bookbag Local, which needs no key and is free; or the conversation, where it tries a chat model.

    Returns the name of the chat model before, and "" when the catalogue does not offer Bookbag Local.
    """
    offered = ChatModel.objects.filter(workspace=None, provider=Provider.LOCAL, enabled=True, retired_at=None)
    local = offered.first()
    if local is None:
        return ""
    if conversation is not None and conversation.tried_model is not None:
        was, conversation.tried_model = conversation.tried_model, local
        conversation.save(update_fields=["tried_model"])
    else:
        before = facts(agent)
        was, agent.chat_model = agent.chat_model, local
        with transaction.atomic():
            agent.save(update_fields=["chat_model"])
            record_change(agent, before, request=request)
    return was.name


def delete(agent: Agent, *, request: HttpRequest) -> None:
    """Delete an agent for good, with its sources and conversations; the receipts of its replies stay."""
    with transaction.atomic():
        audit.record(agent.workspace, "agent.deleted", request=request, agent=agent.name)
        agent.delete()
