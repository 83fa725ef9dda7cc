"""A reply's HTML: made once, when the reply is settled, and kept beside its text for the pages to read.

It is kept with the number of the renderer that made it. What another one made, or nobody yet (a reply that
a sweep ended), is rendered when a page shows it, and kept then.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from agents import markdown, process_pool
from agents.models import Reply

log = logging.getLogger(__name__)

# A settled reply waits no longer for its HTML: the charge and the lease are more urgent.
SECONDS = 5.0


class Rendered(NamedTuple):
    html: str
    version: int


NOT_YET = Rendered("", 0)


async def settled(text: str) -> Rendered:
    """The HTML to store with `text`; NOT_YET when it takes too long or fails."""
    try:
        html = markdown.to_html(text) if _is_small(text) else await _elsewhere(text)
    except Exception as problem:  # whatever it was, the reply must be settled
        log.warning("a reply is not rendered yet: %s", type(problem).__name__)
        return NOT_YET
    return Rendered(html, markdown.VERSION)


async def _elsewhere(text: str) -> str:
    async with asyncio.timeout(SECONDS):
        return await process_pool.acall(markdown.to_html, text)


def complete(replies: Sequence[Reply]) -> None:
    """Give those that have ended the HTML that they do not have yet, and keep it. Their texts may be deferred."""
    stale = [reply for reply in replies if reply.html_version != markdown.VERSION and not reply.is_running]
    if not stale:
        return
    texts = dict(Reply.objects.filter(pk__in=[reply.pk for reply in stale]).values_list("pk", "text"))
    for reply in stale:
        reply.html, reply.html_version = _render(texts.get(reply.pk, "")), markdown.VERSION
    Reply.objects.bulk_update(stale, ["html", "html_version"])


def _render(text: str) -> str:
    try:
        return markdown.to_html(text) if _is_small(text) else process_pool.call(markdown.to_html, text)
    except process_pool.NotDone:
        return markdown.as_written(text)


def _is_small(text: str) -> bool:
    return len(text) <= process_pool.SMALL
