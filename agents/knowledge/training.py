"""Training: an agent's texts become passages. Always free; what did not change is left alone."""

import hashlib

from django.db import transaction
from django.utils import timezone

from agents.knowledge import chunk, words
from agents.models import Agent, Passage, QAPair, Source


class AlreadyKnown(Exception):
    """The agent already has exactly this text or question."""


def content_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def add_text(agent: Agent, *, title: str, text: str) -> Source:
    """Add a text source and train the agent on it; AlreadyKnown when it has the same text."""
    digest = content_hash(text)
    with transaction.atomic():
        if agent.sources.filter(content_hash=digest).exists():
            raise AlreadyKnown
        source = Source.objects.create(agent=agent, title=title, text=text, content_hash=digest)
        _index(source)
    return source


def replace_text(source: Source, *, title: str, text: str) -> None:
    """Give a source new text; an unchanged one keeps its passages. The old index stands until the new one is whole."""
    digest = content_hash(text)
    with transaction.atomic():
        changed = digest != source.content_hash
        if changed and source.agent.sources.exclude(pk=source.pk).filter(content_hash=digest).exists():
            raise AlreadyKnown
        source.title, source.text, source.content_hash = title, text, digest
        source.save(update_fields=["title", "text", "content_hash"])
        if changed:
            _index(source)


def _index(source: Source) -> None:
    source.passages.all().delete()
    Passage.objects.bulk_create(
        Passage(agent=source.agent, source=source, position=position, heading=piece.heading, text=piece.text)
        for position, piece in enumerate(chunk.pieces(source.text))
    )
    source.trained_at = timezone.now()
    source.save(update_fields=["trained_at"])


def add_qa(agent: Agent, *, question: str, answer: str) -> QAPair:
    """Add a question with its one answer; AlreadyKnown when the agent has that question."""
    folded = words.fold_question(question)
    with transaction.atomic():
        if agent.qa_pairs.filter(folded=folded).exists():
            raise AlreadyKnown
        return QAPair.objects.create(agent=agent, question=question, answer=answer, folded=folded)
