"""A reply's HTML: made once, when the reply is settled, and stored with its text.

It is stored with the renderer's version. HTML of another version, or missing HTML (of a reply that a sweep ended),
is made and stored when a page shows the reply.
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

# Texts of up to this many characters are rendered directly on the event loop: ordinary ones take 2 ms, the worst 15.
AT_ONCE = 4_000
# How long settling waits for the HTML. Not longer, because charge and lease are more urgent, and a stopping server
# gives its replies only five seconds to settle.
SECONDS = 2.0
# The time for all texts of a page together. Texts without HTML by then are shown as plain text this time.
PAGE_SECONDS = 10.0


class Rendered(NamedTuple):
    html: str
    version: int


NOT_YET = Rendered("", 0)


def anchor(reply_id: UUID) -> str:
    """The id of a reply's turn on its page, which is also the prefix of the ids of its sources and marks."""
    return f"reply-{reply_id}"


async def final(text: str, reply_id: UUID, *, sources: int) -> Rendered:
    """The HTML to store with `text`; NOT_YET if it takes longer than SECONDS or fails."""
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
    """Make and store the HTML of ended replies that have none yet. Their texts may be deferred.

    A text that a worker fails to render is shown as plain text for good; one that was not started within
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
    """Store the HTML, unless the text has changed since it was read.

    A late settle that stored another text has its own HTML.
    """
    unchanged = Reply.objects.filter(pk=reply.pk, html_version=reply.html_version, text=text)
    unchanged.update(html=html, html_version=version)


def _render(text: str, reply: Reply, until: float) -> tuple[str, int]:
    """The HTML of `reply`'s text and the renderer's version; 0 to try again later."""
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
