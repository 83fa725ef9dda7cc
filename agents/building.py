"""Making, changing and deleting agents, within the plan's limits."""

from django.db import transaction
from django.http import HttpRequest

from agents.models import Agent, Conversation
from billing import ledger, plans
from llm.models import ChatModel, Provider
from workspaces import audit
from workspaces.models import Workspace


def create(agent: Agent) -> Agent:
    """Save a new agent; billing.errors.LimitReached when the plan has no room for it."""
    with transaction.atomic():
        # The account's row is the lock: two requests cannot both take the last place.
        account = ledger.lock(agent.workspace.account)
        plans.require(account, "agents", agent.workspace.agents.count() + 1)
        agent.save()
    return agent


def require_source_room(agent: Agent) -> None:
    """LimitReached when the agent has more sources than its plan allows; the last step of the adding transaction."""
    account = ledger.lock(agent.workspace.account)
    plans.require(account, "sources", sources_of(agent))


def sources_of(agent: Agent) -> int:
    """How many sources the plan counts: a website is one, whatever its pages, and so is a Q&A pair."""
    return agent.sources.listed().count() + agent.qa_pairs.count()


def source_limit(agent: Agent) -> int | None:
    """How many sources the plan allows the agent; None for no limit."""
    return plans.limit(agent.workspace.account, "sources")


def change_models(
    workspace: Workspace, *, from_model_id: int, to_model: ChatModel, request: HttpRequest
) -> int:
    """Move every agent of the workspace from one chat model to another; returns how many."""
    with transaction.atomic():
        moved = workspace.agents.filter(chat_model_id=from_model_id).update(chat_model=to_model)
        audit.record(workspace, "agent.chat_models_changed", request=request, to=to_model.name, agents=moved)
    return moved


def use_local(agent: Agent, conversation: Conversation | None = None) -> str:
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
        was, agent.chat_model = agent.chat_model, local
        agent.save(update_fields=["chat_model"])
    return was.name


def delete(agent: Agent, *, request: HttpRequest) -> None:
    """Delete an agent for good, with its sources and conversations; the receipts of its replies stay."""
    with transaction.atomic():
        audit.record(agent.workspace, "agent.deleted", request=request, agent=agent.name)
        agent.delete()
