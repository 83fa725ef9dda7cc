"""A reply's HTML: made once, when the reply is settled, and kept beside its text for the pages to read.

It is kept with the number of the renderer that made it. What another one made, or nobody yet (a reply that
a sweep ended), is rendered when a page shows it, and kept then.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from agents import markdown, process_pool
from agents.models import Reply
from agents.process_pool import NotBegun, NotDone

log = logging.getLogger(__name__)

# Characters that are rendered at once, on the event loop: an ordinary answer of so many takes 2 ms, the worst 15.
AT_ONCE = 4_000
# A settled reply waits no longer for its HTML: the charge and the lease are more urgent, and a server that is
# told to stop gives its replies five seconds to be settled.
SECONDS = 2.0
# All texts of a page together. What has no HTML by then is shown as it was written, this once.
PAGE_SECONDS = 10.0


class Rendered(NamedTuple):
    html: str
    version: int


NOT_YET = Rendered("", 0)


def anchor(reply_id: UUID) -> str:
    """Where a reply is on its page: the id of its turn, which begins those of its sources and marks."""
    return f"reply-{reply_id}"


async def final(text: str, reply_id: UUID, *, sources: int) -> Rendered:
    """The HTML to store with `text`; NOT_YET when it takes longer than SECONDS or fails."""
    name = anchor(reply_id)
    try:
        if _is_small(text):
            return Rendered(markdown.to_html(text, name, sources), markdown.VERSION)
        async with asyncio.timeout(SECONDS):
            html = await process_pool.acall(markdown.to_html, text, name, sources, seconds=SECONDS)
    except Exception as problem:  # whatever it was, the reply must be settled
        log.warning("a reply is not rendered yet: %s", type(problem).__name__)
        return NOT_YET
    return Rendered(html, markdown.VERSION)


def complete(replies: Sequence[Reply]) -> None:
    """Give those that have ended the HTML that they do not have yet, and keep it. Their texts may be deferred.

    A text that no worker gets through is shown as it was written from then on; one that could not be begun in
    PAGE_SECONDS only until it is shown again.
    """
    stale = [reply for reply in replies if reply.html_version != markdown.VERSION and not reply.is_running]
    if not stale:
        return
    texts = dict(Reply.objects.filter(pk__in=[reply.pk for reply in stale]).values_list("pk", "text"))
    until = time.monotonic() + PAGE_SECONDS
    made = [(reply, *_render(texts.get(reply.pk, ""), reply, until)) for reply in reversed(stale)]
    with transaction.atomic():
        for reply, html, version in made:
            if version:
                _keep(reply, texts.get(reply.pk, ""), html, version)
    for reply, html, version in made:
        reply.html, reply.html_version = html, version


def _keep(reply: Reply, text: str, html: str, version: int) -> None:
    """Store what was made of the text that was read; a late settle that stored another one has its own HTML."""
    unchanged = Reply.objects.filter(pk=reply.pk, html_version=reply.html_version, text=text)
    unchanged.update(html=html, html_version=version)


def _render(text: str, reply: Reply, until: float) -> tuple[str, int]:
    """The HTML of `reply`'s text and its renderer; 0 when it is to be tried again."""
    name, sources = anchor(reply.pk), len(reply.sources)
    try:
        if _is_small(text):
            return markdown.to_html(text, name, sources), markdown.VERSION
        left = max(0.0, until - time.monotonic())
        html = process_pool.call(markdown.to_html, text, name, sources, seconds=left)
    except NotBegun:
        return markdown.as_written(text), 0
    except NotDone:
        return markdown.as_written(text), markdown.VERSION
    return html, markdown.VERSION


def _is_small(text: str) -> bool:
    return len(text) <= AT_ONCE
