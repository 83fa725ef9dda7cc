"""The training job: takes one source, reads, cuts and indexes it, and stores the result in its row.

    queued ──take──▶ training ──▶ ready | failed          cancelled: by a person, from queued or training
                        └─ lease over ─▶ started again, MOST_ATTEMPTS times at most

If anything fails, the agent keeps its old passages: new ones replace them in one transaction, and only while the
lease is held. So a job may run twice, or end at any point.
"""

import base64
import logging
from uuid import UUID

from django.db import IntegrityError, transaction

from agents import process_pool
from agents.knowledge import extract, training
from agents.knowledge.entries import IndexEntry
from agents.models import Source, SourcePart
from agents.sources import leases, website
from agents.sources.errors import SourceRefused, Taken

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
# The time limit for reading one file, and again for cutting its text.
FILE_SECONDS = 60.0
NO_TEXT = "There is no text in it yet."
NO_FILE = "The file is no longer kept. Delete this source and add the file again."
CUT_OFF = f"Reading it was cut off {MOST_ATTEMPTS} times. Split it, or try again later."
TOO_MUCH = "Reading it took too long or too much memory. Split it into smaller files."
KNOWN = "The agent has exactly this text already, from another source."
OURS = "Something went wrong on our side. What the agent knew before it still knows. Try again."


def train(source_id: UUID) -> None:
    """Train the agent on this source, if it is queued. Never raises; errors are stored in the source's row."""
    token = leases.take(source_id)
    if token is None:
        return
    try:
        with leases.renewed(source_id, token):
            source = leases.held(source_id, token).select_related("agent__workspace").first()
            if source is not None:
                _train(source)
    except Taken:
        pass
    except (SourceRefused, training.CannotBeCut) as refusal:
        _fail(source_id, token, str(refusal))
    except (
        Exception
    ) as problem:  # the worker must go on and the person be told; the message may contain the text
        log.error("training failed: %s in %s", type(problem).__name__, _place(problem))
        _fail(source_id, token, OURS)


def _train(source: Source) -> None:
    if source.attempts > MOST_ATTEMPTS:
        raise SourceRefused(CUT_OFF)
    if source.kind == Source.Kind.WEBSITE:
        website.read(source)
        return
    is_new_file = source.kind == Source.Kind.FILE and source.parts.exists()
    text, note = _read_file(source) if is_new_file else (source.text, "")
    if not text.strip():
        raise SourceRefused(NO_FILE if source.kind == Source.Kind.FILE else NO_TEXT)
    _swap_in(source, text, training.cut(text, seconds=FILE_SECONDS), note=note)


def _read_file(source: Source) -> tuple[str, str]:
    """The text of the file, read in a worker process, and a note about it."""
    content = b"".join(
        bytes(part) for part in source.parts.values_list("data", flat=True).iterator(chunk_size=2)
    )
    encoded = base64.b64encode(content).decode()
    try:
        found = process_pool.call(extract.read, source.file_name, encoded, seconds=FILE_SECONDS)
    except process_pool.NotBegun:
        raise SourceRefused(OURS) from None
    except process_pool.NotDone:
        raise SourceRefused(TOO_MUCH) from None
    if "refused" in found:
        raise SourceRefused(extract.WHY_UNREADABLE[found["refused"]])
    return found["text"], found["note"]


def _swap_in(source: Source, text: str, chunks: list[IndexEntry], *, note: str) -> None:
    token, digest = source.lease_token, training.content_hash(text)
    if token is None:
        raise Taken
    unchanged = digest == source.content_hash and source.passages.exists()
    try:
        with transaction.atomic():
            # Locks the row: a Cancel at this moment waits, and then finds the source ready.
            if not leases.held(source.pk, token).update(text=text, content_hash=digest):
                raise Taken
            training.require_new(source.agent, digest, besides=source)
            if unchanged:
                leases.held(source.pk, token).update(
                    state=Source.State.READY, lease_token=None, lease_until=None
                )
            else:
                training.index(source, chunks)
            if note:
                Source.objects.filter(pk=source.pk).update(note=note)
            SourcePart.objects.filter(source=source).delete()
    except (training.AlreadyKnown, IntegrityError):
        raise SourceRefused(KNOWN) from None


def _fail(source_id: UUID, token: UUID, note: str) -> None:
    leases.held(source_id, token).update(
        state=Source.State.FAILED, note=note[:500], lease_token=None, lease_until=None
    )


def _place(problem: BaseException) -> str:
    """The module and line where an error was raised, without its message."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "?"
