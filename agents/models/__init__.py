"""Models of agents, their sources, conversations and replies."""

from .agent import Agent
from .conversations import Conversation, ConversationPin
from .knowledge import (
    CommonTerms,
    CrawledPage,
    CrawledPassage,
    Passage,
    QAPair,
    RemovedPair,
    Source,
    SourcePart,
    SourceQuerySet,
    Vocabulary,
)
from .processes import Duty, Instance
from .replies import Reply, ReplyRating, keep_without_prompt

__all__ = [
    "Agent",
    "CommonTerms",
    "Conversation",
    "ConversationPin",
    "CrawledPage",
    "CrawledPassage",
    "Duty",
    "Instance",
    "Passage",
    "QAPair",
    "RemovedPair",
    "Reply",
    "ReplyRating",
    "Source",
    "SourcePart",
    "SourceQuerySet",
    "Vocabulary",
    "keep_without_prompt",
]
