"""Notices on the pages of agents about chat models that leave soon or are gone."""

from collections.abc import Iterable
from dataclasses import dataclass

from agents.models import Agent
from llm.models import ChatModel
from llm.outlook import Outlook


@dataclass(frozen=True, slots=True)
class AgentsToMove:
    """A chat model that leaves soon or is gone, its last day in words, and the agents that are set to it."""

    chat_model: ChatModel
    last_day: str
    agents: list[Agent]


def notices(agents: Iterable[Agent], routes: Outlook) -> list[AgentsToMove]:
    """One notice for each chat model that leaves soon and is used by an agent that is not archived."""
    in_use: dict[ChatModel, list[Agent]] = {}
    for agent in agents:
        if agent.status != Agent.Status.ARCHIVED and routes.is_leaving(agent.chat_model):
            in_use.setdefault(agent.chat_model, []).append(agent)
    return [AgentsToMove(one, routes.last_day(one), set_to_it) for one, set_to_it in in_use.items()]
