"""Trying another chat model, its settings or other instructions in one conversation, while the agent stays as it is.

A conversation tries a chat model together with temperature, effort and output limit, or none of the four; and,
independently, instructions. What it does not try is the agent's. Each send reads the trial in its admission
statement (agents/running/admission.py); this module writes it and describes it to people.
"""

import copy
from dataclasses import dataclass

from django.db import transaction

from agents.forms import choosable
from agents.model_settings import EFFORT_WORDS
from agents.models import Agent, Conversation
from llm import outlook, profiles
from llm.outlook import Outlook
from llm.profiles import Wish
from workspaces.models import User

TRIED = ["tried_model", "tried_temperature", "tried_effort", "tried_output_limit", "tried_instructions"]
OF_THE_MODEL = ("chat_model_id", "temperature", "effort", "output_limit")


class NotKept(Exception):
    """The trial cannot become the agent's own: it has changed meanwhile, or its chat model can no longer be chosen."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A conversation's trial, for its page.

    `own`: the agent without the trial. `settings`: the differences other than the chat model, in words.
    """

    own: Agent
    agent: Agent
    settings: list[str]
    has_other_model: bool


def in_force(agent: Agent, conversation: Conversation | None) -> Agent:
    """The agent as this conversation runs it: a copy, never to be saved, or `agent` itself if nothing is tried."""
    if conversation is None or not is_on(conversation):
        return agent
    tried = copy.copy(agent)
    if conversation.tried_model is not None:
        tried.chat_model = conversation.tried_model
        tried.temperature = conversation.tried_temperature
        tried.effort = conversation.tried_effort
        tried.output_limit = conversation.tried_output_limit
    if conversation.tried_instructions is not None:
        tried.instructions = conversation.tried_instructions
    return tried


def is_on(conversation: Conversation) -> bool:
    return conversation.tried_model_id is not None or conversation.tried_instructions is not None


def told(agent: Agent, conversation: Conversation | None, routes: Outlook) -> Trial | None:
    """What `conversation` tries in place of the agent's own; None if nothing."""
    if conversation is None or not is_on(conversation):
        return None
    tried = in_force(agent, conversation)
    has_other_model = tried.chat_model_id != agent.chat_model_id
    settings = _settings(agent, tried, routes)
    if conversation.tried_instructions is not None:
        settings.append("other instructions")
    return Trial(agent, tried, settings, has_other_model)


def _settings(own: Agent, tried: Agent, routes: Outlook) -> list[str]:
    """The settings that differ from the agent's, if the model takes them."""
    profile = routes.profile(tried.chat_model)
    wish = Wish(tried.temperature, tried.effort, tried.output_limit)
    sent, found = profiles.parameters(profile, wish), []
    if tried.effort != own.effort and (tried.effort in profile.efforts or not tried.effort):
        found.append(f"effort {EFFORT_WORDS[tried.effort]}" if tried.effort else "the model's own effort")
    if tried.temperature != own.temperature:
        if tried.temperature is None:
            found.append("the model's own temperature")
        elif sent.temperature is not None:
            found.append(f"temperature {tried.temperature:g}")
    if tried.output_limit != own.output_limit:
        limit = f"{tried.output_limit:,} tokens" if tried.output_limit else "the model's own"
        found.append(f"output limit {limit}")
    return found


def begin(
    agent: Agent, conversation: Conversation | None, tried: Agent, *, user: User
) -> Conversation | None:
    """Make `conversation`, or a new one, try the settings of `tried`; returns it.

    None if there is no conversation and nothing differs.

    An empty new conversation with the same trial is used again, because a button may be pressed twice.
    """
    other_model = any(getattr(tried, name) != getattr(agent, name) for name in OF_THE_MODEL)
    other_instructions = tried.instructions != agent.instructions
    if conversation is None:
        if not other_model and not other_instructions:
            return None
        conversation = Conversation(agent=agent, started_by=user)
    conversation.tried_model = tried.chat_model if other_model else None
    conversation.tried_temperature = tried.temperature if other_model else None
    conversation.tried_effort = tried.effort if other_model else ""
    conversation.tried_output_limit = tried.output_limit if other_model else None
    conversation.tried_instructions = tried.instructions if other_instructions else None
    if conversation._state.adding and (twin := _unused_twin(conversation)):
        return twin
    conversation.save(update_fields=None if conversation._state.adding else TRIED)
    return conversation


def _unused_twin(fresh: Conversation) -> Conversation | None:
    same = {name: getattr(fresh, name) for name in ("started_by", *TRIED)}
    return fresh.agent.conversations.present().filter(replies=None, **same).first()


def end(conversation: Conversation) -> None:
    """End the trial: the conversation uses the agent's own settings again."""
    Conversation.objects.filter(pk=conversation.pk).update(
        tried_model=None,
        tried_temperature=None,
        tried_effort="",
        tried_output_limit=None,
        tried_instructions=None,
    )


def keep(agent: Agent, conversation: Conversation, *, seen_model_id: str) -> Agent:
    """Make what `conversation` tries the agent's own, and return the agent.

    `seen_model_id`: the tried chat model that the page showed, as sent by the form. Raises NotKept if another one is
    tried by now, or it can no longer be chosen.
    """
    with transaction.atomic():
        held = Conversation.objects.select_for_update().get(pk=conversation.pk)
        kept = in_force(Agent.objects.select_for_update().get(pk=agent.pk), held)
        if str(kept.chat_model_id) != seen_model_id:
            raise NotKept
        is_other = held.tried_model_id is not None and held.tried_model_id != agent.chat_model_id
        if is_other and not _may_be_chosen(agent, kept):
            raise NotKept
        kept.save(update_fields=["chat_model", "temperature", "effort", "output_limit", "instructions"])
        end(held)
    return kept


def _may_be_chosen(agent: Agent, kept: Agent) -> bool:
    routes = outlook.for_workspace(agent.workspace)
    offered = choosable(agent.workspace).filter(pk=kept.chat_model_id).exists()
    return offered and not routes.is_gone(kept.chat_model)
