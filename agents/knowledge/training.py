"""Training: an agent's texts become passages. It is always free, and skips unchanged texts.

These functions train in the calling process. Jobs (agents/sources/) train on files, websites and long texts, and use
`cut` and `index` as well.

A text is cut before a transaction begins, and a long one in a worker process. The author of a text decides how long
cutting takes, and during that time no rows must be locked and no streams delayed.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.utils import timezone

from agents import building, process_pool
from agents.knowledge import entries, folding, meaning
from agents.knowledge.entries import IndexEntry
from agents.knowledge.index import prepare, write
from agents.models import Agent, QAPair, Source

# The most passages of one source. A million characters of prose make some two thousand; only very many headings make
# more.
MOST_PASSAGES = 5_000


class AlreadyKnown(Exception):
    """The agent already has exactly this text or question."""


class CannotBeCut(Exception):
    """The text is not accepted; the message tells its sender why."""


def content_hash(text: str) -> str:
    """A digest of `text` that ignores blanks at ends of lines, and how line ends and accents are encoded."""
    lines = folding.accents_composed(text).replace("\r\n", "\n").strip().split("\n")
    return hashlib.sha256("\n".join(line.rstrip() for line in lines).encode()).hexdigest()


def add_text(agent: Agent, *, title: str, text: str, passages: list[IndexEntry] | None = None) -> Source:
    """Add a text source and train the agent on it.

    `passages`: the result of `cut`, made before the caller's transaction.

    Raises AlreadyKnown if the agent has the same text, LimitReached if the plan has no room for it, or CannotBeCut.
    """
    passages, digest = cut(text) if passages is None else passages, content_hash(text)
    with transaction.atomic():
        require_new(agent, digest)
        with one_of_each():
            source = Source.objects.create(agent=agent, title=title, text=text, content_hash=digest)
        index(source, passages)
        # Last, because it locks the workspace's account, which delays its replies on credits.
        building.require_source_room(agent)
    return source


def replace_text(source: Source, *, title: str, text: str, passages: list[IndexEntry] | None = None) -> None:
    """Change a source's text; an unchanged text keeps its passages.

    The old passages are searched until the new ones are committed.
    """
    digest = content_hash(text)
    changed = digest != source.content_hash or source.state != Source.State.READY
    passages = cut(text) if changed and passages is None else passages or []
    with transaction.atomic():
        require_new(source.agent, digest, besides=source)
        source.title, source.text, source.content_hash = title, text, digest
        with one_of_each():
            source.save(update_fields=["title", "text", "content_hash"])
        if changed:
            index(source, passages)


@contextmanager
def one_of_each() -> Iterator[None]:
    """Turn an IntegrityError into AlreadyKnown: the same text or question was added after the check."""
    try:
        yield
    except IntegrityError:
        raise AlreadyKnown from None


def require_new(agent: Agent, digest: str, *, besides: Source | None = None) -> None:
    """Raises AlreadyKnown if another source of the agent has this text."""
    same = agent.sources.listed().filter(content_hash=digest)
    if (same.exclude(pk=besides.pk) if besides else same).exists():
        raise AlreadyKnown


def cut(text: str, *, seconds: float = process_pool.JOB_SECONDS) -> list[IndexEntry]:
    """The passages of `text`.

    A long text is cut in a worker process, in at most `seconds`. Raises CannotBeCut.
    """
    try:
        passages = entries.of_text(text) if len(text) <= process_pool.SMALL else _cut_aside(text, seconds)
    except process_pool.NotDone:
        raise CannotBeCut("This text could not be read in time. Try again, or split it.") from None
    if len(passages) > MOST_PASSAGES:
        raise CannotBeCut(
            f"This text has more than {MOST_PASSAGES:,} short sections. Split it into several sources."
        )
    return meaning.with_vectors(passages)


def _cut_aside(text: str, seconds: float) -> list[IndexEntry]:
    return [IndexEntry(*one) for one in process_pool.call(entries.of_text, text, seconds=seconds)]


def index(source: Source, passages: list[IndexEntry]) -> None:
    """Replace the source's passages and mark it as ready. Call it in a transaction."""
    write(source, passages)
    source.trained_at, source.state, source.note = timezone.now(), Source.State.READY, ""
    source.lease_token = source.lease_until = None
    source.save(update_fields=["trained_at", "state", "note", "lease_token", "lease_until"])


def add_qa(agent: Agent, *, question: str, answer: str) -> QAPair:
    """Add a question with its answer. Raises AlreadyKnown if the agent has that question, or LimitReached."""
    pair = prepare(QAPair(agent=agent, question=question, answer=answer))
    with transaction.atomic():
        if agent.qa_pairs.filter(exact=pair.exact).exists():
            raise AlreadyKnown
        with one_of_each():
            pair.save(force_insert=True)
        building.require_source_room(agent)
    return pair
