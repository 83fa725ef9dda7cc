"""What people do with the sources of an agent: add, change, try again, cancel, delete, bring back.

Each act is one transaction with its audit event; the job is put into the queue when it is committed. A source is
counted against the plan's limit under the lock of the workspace's account, as the last step of its transaction.
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
# Within it the same file is the same press of the button.
SAME_PRESS = timedelta(seconds=10)


def add_text(agent: Agent, *, title: str, text: str, request: HttpRequest) -> Source:
    """Add a text: a short one is trained at once, a long one by a job. AlreadyKnown, LimitReached or CannotBeCut."""
    is_short = len(text) <= process_pool.SMALL
    # Before the transaction, which would keep others waiting meanwhile.
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
    """Give a source another text, and train on it if it differs. AlreadyKnown or CannotBeCut."""
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
            # A job that is at the old text must not end with it.
            cancel(source)
            queue(source)
        _record("source.changed", source, request)


def add_file(agent: Agent, file: UploadedFile, *, request: HttpRequest) -> Source:
    """Take in a file, to be read by a job, or give the source of the same file that was sent just before.

    LimitReached when the plan has no room for it.
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
    """The agent as it is now, its row locked: of two presses at once, the second sees what the first has added."""
    return agent.workspace.agents.select_for_update(no_key=True).get(pk=agent.pk)


def _just_sent(agent: Agent, name: str, file: UploadedFile) -> Source | None:
    """The source of exactly this file, as long as its bytes are still there to be compared."""
    since = timezone.now() - SAME_PRESS
    alike = agent.sources.listed().filter(file_name=name, file_bytes=file.size or 0, created_at__gte=since)
    # Of one that was cancelled or could not be read, the second press means another try.
    alike = alike.exclude(state__in=[Source.State.CANCELLED, Source.State.FAILED])
    return next((one for one in alike.defer("text") if _has_bytes_of(one, file)), None)


def _has_bytes_of(source: Source, file: UploadedFile) -> bool:
    parts = source.parts.values_list("data", flat=True).iterator(chunk_size=2)
    pairs = zip_longest((bytes(part) for part in parts), file.chunks(PART_BYTES))
    return all(stored == sent for stored, sent in pairs)


def clean_name(name: str) -> str:
    """The last part of a file's name, without what cannot be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(sign for sign in last if sign.isprintable()).strip()
    return shown if len(shown) <= 200 else shown[:100] + shown[-100:]


def add_website(agent: Agent, *, url: str, recrawl: str, request: HttpRequest) -> Source:
    """Add a website, to be read by a job from `url` on. AlreadyKnown, LimitReached."""
    with transaction.atomic():
        _require_new_website(_locked(agent), url)
        title = url.partition("://")[2].rstrip("/")[:200]
        source = _add(agent, kind=Source.Kind.WEBSITE, title=title, url=url, recrawl=recrawl)
        _record("source.added", source, request)
    return source


def _require_new_website(agent: Agent, url: str, *, besides: Source | None = None) -> None:
    """AlreadyKnown when another source of the agent begins at this address, however it is spelt."""
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
    """Have it trained again; False when it is deleted, waits already, or is being trained."""
    free = Source.objects.filter(pk=source.pk, deleted_at=None).exclude(state__in=Source.BUSY)
    taken = free.update(
        state=Source.State.QUEUED, queued_at=Now(), attempts=0, note="", done=0, total=0, lease_token=None
    )
    if taken:
        jobs.enqueue(source.pk)
    return bool(taken)


def cancel(source: Source) -> bool:
    """Stop waiting for it; what the agent knew of it before it still knows. False when it is not being trained."""
    busy = Source.objects.filter(pk=source.pk, state__in=Source.BUSY)
    return bool(busy.update(state=Source.State.CANCELLED, note="", lease_token=None, lease_until=None))


def delete(source: Source, *, request: HttpRequest) -> None:
    """Take a source away at once; `restore` brings it back for ten minutes, then `wipe` takes it for good."""
    known = Passage.objects.filter(Q(source=source) | Q(source__parent=source))
    with transaction.atomic():
        present = Source.objects.filter(pk=source.pk, deleted_at=None)
        state = Source.State.CANCELLED if source.is_busy else source.state
        # Passages before the row, as a website is swapped in: the other way round each would wait for the other.
        known.delete()
        if present.update(deleted_at=Now(), trained_at=None, state=state, lease_token=None, lease_until=None):
            # Those that a swap has put in while its end was waited for.
            known.delete()
            common.count_later(source.agent_id)
            _record("source.deleted", source, request)


def restore(source: Source, *, request: HttpRequest) -> bool:
    """Bring a deleted one back and train on it again; False when its time is over. AlreadyKnown, LimitReached."""
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
    """The latest few that can be brought back."""
    return undoable().filter(agent=agent, parent=None).defer("text").order_by("-deleted_at")[:3]


def _record(action: str, source: Source, request: HttpRequest) -> None:
    agent = source.agent
    audit.record(
        agent.workspace, action, request=request, agent=agent.name, source=source.title, kind=source.kind
    )
