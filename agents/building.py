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

# The fields of a change in the audit log: short ones with old and new value, long ones only as changed.
SHORT = ("name", "status", "temperature", "effort", "output_limit")
LONG = ("instructions", "fallback_text", "suggested_questions")
# The time within which the same form makes only one agent or workspace: for a button pressed twice, or again after
# going back.
SAME_FORM = timedelta(minutes=10)


def create(agent: Agent, *, request: HttpRequest | None = None) -> Agent:
    """Save a new agent, or return the one that the same form has just made.

    billing.errors.LimitReached when the plan has no room for it.
    """
    with transaction.atomic():
        # Lock the account's row, so that two requests cannot both use the last place.
        account = ledger.lock(agent.workspace.account)
        standing.require_open(agent.workspace)
        if request and (twin := _just_made(agent, request)):
            return twin
        plans.require(account, "agents", agent.workspace.agents.count() + 1)
        agent.save(force_insert=True)
        audit.record(agent.workspace, "agent.created", request=request, agent=agent.name)
    return agent


def _just_made(agent: Agent, request: HttpRequest) -> Agent | None:
    """The agent that the same person has just made with the same form, if nothing has been done with it."""
    since = timezone.now() - SAME_FORM
    same = {name: getattr(agent, name) for name in (*SHORT, *LONG, "chat_model")}
    untouched = agent.workspace.agents.filter(created_at__gte=since, sources=None, qa_pairs=None, **same)
    own = agent.workspace.audit_events.filter(
        action="agent.created", actor_id=request.user.pk, created_at__gte=since
    )
    return untouched.first() if any(event.data["agent"] == agent.name for event in own) else None


def audited_values(agent: Agent) -> dict[str, Any]:
    """The values of an agent that the audit log compares before and after a change."""
    told = {name: getattr(agent, name) for name in (*SHORT, *LONG)}
    if told["temperature"] is not None:
        told["temperature"] = float(told["temperature"])
    return told | {"chat_model": agent.chat_model.name}


def change(agent: Agent, before: dict[str, Any], *, request: HttpRequest) -> None:
    """Save a changed agent, and record what differs from the `audited_values` before."""
    with transaction.atomic():
        # Update only, never insert: an agent deleted at this moment must stay deleted.
        agent.save(force_update=True)
        record_change(agent, before, request=request)


def record_change(agent: Agent, before: dict[str, Any], *, request: HttpRequest) -> None:
    after = audited_values(agent)
    changes = {
        name: None if name in LONG else [before[name], after[name]]
        for name in after
        if before[name] != after[name]
    }
    if changes:
        audit.record(agent.workspace, "agent.changed", request=request, agent=agent.name, changes=changes)


def require_source_room(agent: Agent) -> None:
    """Raises LimitReached when the agent has more sources than its plan allows; called last in the adding transaction."""
    account = ledger.lock(agent.workspace.account)
    plans.require(account, "sources", sources_of(agent), agent_name=agent.name)


def sources_of(agent: Agent) -> int:
    """How many sources the plan counts. A website with all its pages is one, and so is a Q&A pair."""
    return agent.sources.listed().count() + agent.qa_pairs.count()


def unread_sources_of(agent: Agent) -> int:
    """How many of them failed or were cancelled before anything was read.

    They count, because each can be tried again.
    """
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
    """Set the agent to Bookbag Local, which needs no key and is free; or the conversation, if it tries a chat model.

    Returns the name of the previous chat model; "" when the catalogue does not offer Bookbag Local.
    """
    offered = ChatModel.objects.filter(workspace=None, provider=Provider.LOCAL, enabled=True, retired_at=None)
    local = offered.first()
    if local is None:
        return ""
    if conversation is not None and conversation.tried_model is not None:
        was, conversation.tried_model = conversation.tried_model, local
        conversation.save(update_fields=["tried_model"])
    else:
        before = audited_values(agent)
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
