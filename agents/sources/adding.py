"""People's acts on the sources of an agent: add, change, try again, cancel, delete, restore.

Each act is one transaction with its audit event; its job is queued after the commit. A source is counted against the
plan's limit under the lock of the workspace's account, as the last step of its transaction.
"""

from collections.abc import Iterable
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone

from agents import building, process_pool
from agents.knowledge import common, fetch, training
from agents.knowledge.training import AlreadyKnown
from agents.models import Agent, Passage, Source, SourcePart
from agents.sources import jobs
from workspaces import audit

UNDO = timedelta(minutes=10)
PART_BYTES = 1024**2
# The time within which the same file counts as the same press of the button.
SAME_PRESS = timedelta(seconds=10)


def add_text(agent: Agent, *, title: str, text: str, request: HttpRequest) -> Source:
    """Add a text; a short one is trained at once, a long one by a job.

    Raises AlreadyKnown, LimitReached or CannotBeCut.
    """
    is_short = len(text) <= process_pool.SMALL
    # Done before the transaction, because its locks would keep others waiting.
    passages = training.cut(text) if is_short else None
    digest = "" if is_short else training.content_hash(text)
    with transaction.atomic():
        if is_short:
            source = training.add_text(agent, title=title, text=text, passages=passages)
        else:
            source = _add(agent, title=title, text=text, content_hash=digest)
        _record("source.added", source, request)
    return source


def change_text(source: Source, *, title: str, text: str, request: HttpRequest) -> None:
    """Change a source's text, and train on it if it differs. Raises AlreadyKnown or CannotBeCut."""
    digest = training.content_hash(text)
    is_known = digest == source.content_hash and source.state == Source.State.READY
    is_short = len(text) <= process_pool.SMALL
    passages = training.cut(text) if is_short and not is_known else None
    with transaction.atomic():
        if is_known or is_short:
            training.replace_text(source, title=title, text=text, passages=passages)
        else:
            training.require_new(source.agent, digest, besides=source)
            source.title, source.text, source.content_hash = title, text, ""
            source.save(update_fields=["title", "text", "content_hash"])
            # A job that works on the old text must not store its result.
            cancel(source)
            queue(source)
        _record("source.changed", source, request)


def add_file(agent: Agent, file: UploadedFile, *, request: HttpRequest) -> Source:
    """Add a file, to be read by a job, or return the source of the same file that was just sent.

    Raises LimitReached if the plan has no room for it.
    """
    name = clean_name(file.name or "")
    with transaction.atomic():
        if twin := _just_sent(_locked(agent), name, file):
            return twin
        source = _add(agent, kind=Source.Kind.FILE, title=name, file_name=name, file_bytes=file.size or 0)
        for position, piece in enumerate(file.chunks(PART_BYTES)):
            SourcePart.objects.create(source=source, position=position, data=piece)
        _record("source.added", source, request)
    return source


def _locked(agent: Agent) -> Agent:
    """The agent, read with its row locked, so that of two presses at once the second sees what the first added."""
    return agent.workspace.agents.select_for_update(no_key=True).get(pk=agent.pk)


def _just_sent(agent: Agent, name: str, file: UploadedFile) -> Source | None:
    """The source of exactly this file, as long as its bytes are still stored for comparison."""
    since = timezone.now() - SAME_PRESS
    alike = agent.sources.listed().filter(file_name=name, file_bytes=file.size or 0, created_at__gte=since)
    # If it was cancelled or could not be read, the second press means another try.
    alike = alike.exclude(state__in=[Source.State.CANCELLED, Source.State.FAILED])
    return next((one for one in alike.defer("text") if _has_bytes_of(one, file)), None)


def _has_bytes_of(source: Source, file: UploadedFile) -> bool:
    parts = source.parts.values_list("data", flat=True).iterator(chunk_size=2)
    pairs = zip_longest((bytes(part) for part in parts), file.chunks(PART_BYTES))
    return all(stored == sent for stored, sent in pairs)


def clean_name(name: str) -> str:
    """The last part of a file's path, without signs that cannot be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(sign for sign in last if sign.isprintable()).strip()
    return shown if len(shown) <= 200 else shown[:100] + shown[-100:]


def add_website(agent: Agent, *, url: str, recrawl: str, request: HttpRequest) -> Source:
    """Add a website, to be read by a job from `url` on. Raises AlreadyKnown or LimitReached."""
    with transaction.atomic():
        _require_new_website(_locked(agent), url)
        title = url.partition("://")[2].rstrip("/")[:200]
        source = _add(agent, kind=Source.Kind.WEBSITE, title=title, url=url, recrawl=recrawl)
        _record("source.added", source, request)
    return source


def _require_new_website(agent: Agent, url: str, *, besides: Source | None = None) -> None:
    """Raises AlreadyKnown if another source of the agent begins at this address, in any spelling."""
    others = agent.sources.listed().filter(kind=Source.Kind.WEBSITE)
    if besides:
        others = others.exclude(pk=besides.pk)
    if fetch.canonical(url) in map(fetch.canonical, others.values_list("url", flat=True)):
        raise AlreadyKnown


def _add(agent: Agent, **fields: Any) -> Source:
    digest = fields.get("content_hash", "")
    if digest:
        training.require_new(agent, digest)
    with training.one_of_each():
        source = Source.objects.create(
            agent=agent, state=Source.State.QUEUED, queued_at=timezone.now(), **{"text": "", **fields}
        )
    jobs.enqueue(source.pk)
    building.require_source_room(agent)
    return source


def queue(source: Source) -> bool:
    """Queue a source for training; False if it is deleted, already queued, or being trained."""
    free = Source.objects.filter(pk=source.pk, deleted_at=None).exclude(state__in=Source.BUSY)
    taken = free.update(
        state=Source.State.QUEUED, queued_at=Now(), attempts=0, note="", done=0, total=0, lease_token=None
    )
    if taken:
        jobs.enqueue(source.pk)
    return bool(taken)


def cancel(source: Source) -> bool:
    """Cancel the training; the passages from before stay. False if the source is not queued or being trained."""
    busy = Source.objects.filter(pk=source.pk, state__in=Source.BUSY)
    return bool(busy.update(state=Source.State.CANCELLED, note="", lease_token=None, lease_until=None))


def set_recrawl(site: Source, recrawl: str) -> None:
    """Choose how often a website is read again."""
    Source.objects.filter(pk=site.pk).update(recrawl=recrawl)


def delete(source: Source, *, request: HttpRequest) -> None:
    """Delete a source at once. `restore` can bring it back for ten minutes; then `wipe` deletes it for good."""
    known = Passage.objects.filter(Q(source=source) | Q(source__parent=source))
    with transaction.atomic():
        present = Source.objects.filter(pk=source.pk, deleted_at=None)
        state = Source.State.CANCELLED if source.is_busy else source.state
        # Passages before the row, in the order in which a website is swapped in; the other order could deadlock.
        known.delete()
        if present.update(deleted_at=Now(), trained_at=None, state=state, lease_token=None, lease_until=None):
            # Delete also passages that a swap inserted while this waited for its end.
            known.delete()
            common.count_later(source.agent_id)
            _record("source.deleted", source, request)


def restore(source: Source, *, request: HttpRequest) -> bool:
    """Restore a deleted source and train on it again; False if its time is over. Raises AlreadyKnown or LimitReached."""
    with transaction.atomic():
        with training.one_of_each():
            if not undoable().filter(pk=source.pk).update(deleted_at=None, state=Source.State.CANCELLED):
                return False
        if source.kind == Source.Kind.WEBSITE:
            _require_new_website(_locked(source.agent), source.url, besides=source)
        queue(source)
        building.require_source_room(source.agent)
        _record("source.restored", source, request)
    return True


def undoable() -> Any:
    return Source.objects.filter(deleted_at__gt=Now() - UNDO)


def just_deleted(agent: Agent) -> Iterable[Source]:
    """The latest few that can be restored."""
    return undoable().filter(agent=agent, parent=None).defer("text").order_by("-deleted_at")[:3]


def _record(action: str, source: Source, request: HttpRequest) -> None:
    agent = source.agent
    audit.record(
        agent.workspace, action, request=request, agent=agent.name, source=source.title, kind=source.kind
    )
