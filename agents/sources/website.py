"""Reading a website, from its start page or by its sitemap. Each page becomes a source of its own.

Requests go only to the host of the start page, as its robots.txt allows, MOST_DEPTH links deep, for WEBSITE_PAGES
pages at most. At the end one transaction swaps in everything that was read (crawled.py): unchanged pages are left
alone, pages gone from the website are deleted. A page that could not be read this time keeps its earlier text.
"""

import contextlib
import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from agents import process_pool
from agents.knowledge import extract, fetch, training
from agents.knowledge.fetch import Fetched, NotFetched
from agents.models import CrawledPage, Passage, Source
from agents.sources import crawled, leases
from agents.sources.errors import SourceRefused, Taken
from workspaces.figures import count

MOST_DEPTH = 4
MOST_SECONDS = 20 * 60.0
PAGE_SECONDS = 20.0
# The most addresses that differ only in their query: a calendar has one for every month of the future.
MOST_QUERIES = 20
MOST_SITEMAPS = 10
# Seconds between two requests, and the most that a robots.txt can require.
PAUSE_SECONDS = 0.2
LONGEST_PAUSE = 5.0
ROBOTS_CHARACTERS = 500_000
# Endings of files that are no pages.
NO_PAGE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|json|pdf|docx?|xlsx?|pptx?|zip|gz|tar|mp[34]|mov|avi|webm|woff2?|exe|dmg)$",
    re.IGNORECASE,
)
NOT_ALLOWED = "The website's robots.txt asks not to be read there."
NO_ROBOTS = "The website's robots.txt could not be read, so it is not known what may be read."


@dataclass
class Crawl:
    """One crawl of a website: what is still to be read, and what has been read."""

    site: Source
    robots: RobotFileParser
    host: str
    pause: float = PAUSE_SECONDS
    waiting: deque[tuple[str, int]] = field(default_factory=deque)
    met: set[str] = field(default_factory=set)
    paths: Counter[str] = field(default_factory=Counter)
    # Pages that stay: read now, or not readable this time.
    kept: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)
    read: int = 0
    failed: int = 0
    begun: float = field(default_factory=time.monotonic)

    def add(self, url: str, depth: int) -> None:
        url = fetch.canonical(url)
        parts = urlsplit(url)
        if (
            url in self.met
            or depth > MOST_DEPTH
            or len(url) > fetch.LONGEST_URL
            or NO_PAGE.search(parts.path)
        ):
            return
        if _host(url) != self.host:
            return
        self.paths[parts.path] += 1
        if self.paths[parts.path] <= MOST_QUERIES:
            self.met.add(url)
            self.waiting.append((url, depth))

    @property
    def is_full(self) -> bool:
        return self.read + self.failed >= settings.WEBSITE_PAGES

    @property
    def is_over(self) -> bool:
        return not self.waiting or self.is_full or time.monotonic() - self.begun > MOST_SECONDS


def _host(url: str) -> str:
    try:
        return fetch.target_of(url, loopback=settings.FETCH_LOOPBACK).host
    except NotFetched:
        return ""


def read(site: Source) -> None:
    """Read the website and train its agent on it.

    Raises SourceRefused, or Taken if this worker has lost the lease.
    """
    with transaction.atomic():
        _hold(site)
        crawled.forget(site)
    if _is_back(site):
        _index_again(site)
    else:
        _crawl(site)


def _crawl(site: Source) -> None:
    leases.held(site.pk, _token(site)).update(crawled_at=Now())
    try:
        start = _get(site.url)
    except NotFetched as refusal:
        raise SourceRefused(str(refusal)) from None
    crawl = Crawl(site, _robots(start.url), _host(start.url))
    crawl.pause = max(PAUSE_SECONDS, min(float(crawl.robots.crawl_delay(fetch.AGENT) or 0), LONGEST_PAUSE))
    if not crawl.robots.can_fetch(fetch.AGENT, start.url):
        raise SourceRefused(NOT_ALLOWED)
    if _is_sitemap(start):
        for url in _listed(crawl, start):
            crawl.add(url, MOST_DEPTH)
            if len(crawl.waiting) >= extract.MOST_LISTED:
                break
    else:
        crawl.met.add(fetch.canonical(start.url))
        _take_in(crawl, start, depth=0)
    _walk(crawl)
    if crawl.failed:
        # A page without a link to it may be linked from a page that could not be read.
        for url in site.pages.values_list("url", flat=True):
            crawl.add(url, MOST_DEPTH)
        _walk(crawl)
    _finish(crawl)


def _walk(crawl: Crawl) -> None:
    while not crawl.is_over:
        url, depth = crawl.waiting.popleft()
        # Checked only for pages to read, not for each link, because it is slow if a robots.txt has very many rules.
        if crawl.robots.can_fetch(fetch.AGENT, url):
            time.sleep(crawl.pause)
            _visit(crawl, url, depth)


def _get(url: str) -> Fetched:
    return fetch.get(url, loopback=settings.FETCH_LOOPBACK)


def _token(site: Source) -> UUID:
    if site.lease_token is None:
        raise Taken
    return site.lease_token


def _robots(url: str) -> RobotFileParser:
    """The rules of the website's robots.txt; without one, everything is allowed."""
    robots = RobotFileParser()
    parts = urlsplit(url)
    try:
        found = _get(f"{parts.scheme}://{parts.netloc}/robots.txt")
        lines = extract.decoded(found.content).text[:ROBOTS_CHARACTERS].splitlines()
    except NotFetched as refusal:
        if not 400 <= refusal.status < 500:
            raise SourceRefused(NO_ROBOTS) from None
        lines = []
    robots.parse(lines)
    return robots


# --- Pages -----------------------------------------------------------------------------------------


def _visit(crawl: Crawl, url: str, depth: int) -> None:
    try:
        found = _get(url)
    except NotFetched as refusal:
        if refusal.status not in (404, 410):
            crawl.kept.add(url)
            crawl.failed += 1
        _tell(crawl)
        return
    landed = fetch.canonical(found.url)
    if landed != url:  # redirected, perhaps to another host or to a page already read
        if (
            landed in crawl.met
            or _host(landed) != crawl.host
            or not crawl.robots.can_fetch(fetch.AGENT, landed)
        ):
            return
        crawl.met.add(landed)
    if not _is_sitemap(found):
        _take_in(crawl, found, depth)


def _take_in(crawl: Crawl, found: Fetched, depth: int) -> None:
    url = fetch.canonical(found.url)
    try:
        page = _page(found)
    except process_pool.NotDone:
        crawl.kept.add(url)
        crawl.failed += 1
        return
    for link in page["links"]:
        crawl.add(link, depth + 1)
    digest = training.content_hash(page["text"])
    if any(sign.isalnum() for sign in page["text"]) and digest not in crawl.digests:
        crawl.digests.add(digest)
        crawl.kept.add(url)
        try:
            _keep(crawl.site, url, page["title"] or _path(url), page["text"], digest)
            crawl.read += 1
        except training.CannotBeCut:
            crawl.failed += 1
    _tell(crawl)


def _page(found: Fetched) -> dict[str, Any]:
    markup = _decoded(found)
    if found.media_type in ("text/plain", "text/markdown"):
        return {"title": "", "text": markup[: extract.MOST_CHARACTERS], "links": []}
    return process_pool.call(extract.read_page, markup, found.url, seconds=PAGE_SECONDS)


def _decoded(found: Fetched) -> str:
    return extract.decoded_page(found.content, found.charset).text.replace("\0", "")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}".rstrip("/")[:200]


def _keep(site: Source, url: str, title: str, text: str, digest: str) -> None:
    """Store a page for the swap at the end, if it has changed. Raises training.CannotBeCut."""
    known = site.pages.filter(url=url).defer("text").first()
    if known and (known.content_hash, known.title) == (digest, title) and known.passages.exists():
        return
    passages = training.cut(text, seconds=PAGE_SECONDS)
    with transaction.atomic():
        _hold(site)
        page = CrawledPage(site=site, url=url, title=title, text=text, content_hash=digest)
        page.page = known.pk if known else page.page
        crawled.keep(page, passages)


def _hold(site: Source) -> None:
    """Lock the website's row. Raises Taken if this worker has lost the lease."""
    if not leases.held(site.pk, _token(site)).update(lease_until=leases.until()):
        raise Taken


def _tell(crawl: Crawl) -> None:
    """Store the progress, for the page. This is also where a person's Cancel is noticed."""
    done = crawl.read + crawl.failed
    total = min(done + len(crawl.waiting), settings.WEBSITE_PAGES)
    if not leases.held(crawl.site.pk, _token(crawl.site)).update(done=done, total=total):
        raise Taken


def _finish(crawl: Crawl) -> None:
    site = crawl.site
    if not crawl.read:
        raise SourceRefused("There is no text on the pages that could be read.")
    crawl.kept.update(_not_reached(crawl))
    _swap_in(site, crawl.kept, note=_note(crawl), done=crawl.read, total=crawl.read)


def _not_reached(crawl: Crawl) -> list[str]:
    """Pages from an earlier crawl that this one did not reach, as many as the limit has room for.

    Also pages without a link: the link may be on a page that was not reached.
    """
    if not crawl.waiting:
        return []
    visited = crawl.met - {url for url, _ in crawl.waiting}
    room = max(0, settings.WEBSITE_PAGES - crawl.read - crawl.failed)
    return [url for url in crawl.site.pages.values_list("url", flat=True) if url not in visited][:room]


def _swap_in(site: Source, kept: set[str], **fields: Any) -> None:
    with transaction.atomic():
        crawled.swap_in(site, kept)
        # Last, so that a person's Cancel does not wait for the other statements.
        _hold(site)
        # The next upkeep deletes the crawled copies, not this function, because another crawl may begin as soon as
        # this one ends.
        _end(site, **fields)


def _end(site: Source, **fields: Any) -> None:
    leases.held(site.pk, _token(site)).update(
        state=Source.State.READY, trained_at=timezone.now(), lease_token=None, lease_until=None, **fields
    )


def _note(crawl: Crawl) -> str:
    said = []
    if crawl.failed:
        said.append(f"{count(crawl.failed, 'page')} could not be read.")
    if crawl.waiting and not crawl.is_full:
        said.append(
            "There are more pages: reading them took too long. What was known of them is still known."
        )
    elif crawl.waiting:
        said.append(f"There are more pages: {settings.WEBSITE_PAGES} of a website are read at most.")
    return " ".join(said)


# --- Sitemaps --------------------------------------------------------------------------------------


def _is_sitemap(found: Fetched) -> bool:
    return found.media_type in ("application/xml", "text/xml")


def _listed(crawl: Crawl, start: Fetched) -> Iterator[str]:
    """The pages of a sitemap and of the sitemaps that it lists. An unreadable sitemap counts like an unreadable page."""
    waiting, asked = [start], 0
    while waiting:
        try:
            found = process_pool.call(extract.read_sitemap, _decoded(waiting.pop()), seconds=PAGE_SECONDS)
        except process_pool.NotDone:
            crawl.failed += 1
            continue
        yield from found["pages"]
        for url in found["sitemaps"]:
            asked += 1
            if asked <= MOST_SITEMAPS and _host(url) == _host(start.url):
                try:
                    waiting.append(_get(url))
                except NotFetched:
                    crawl.failed += 1


# --- Brought back ----------------------------------------------------------------------------------


def _is_back(site: Source) -> bool:
    """Whether the website was deleted and restored: it has pages, but no passages."""
    return site.pages.exists() and not Passage.objects.filter(source__parent=site).exists()


def _index_again(site: Source) -> None:
    urls = list(site.pages.values_list("url", flat=True))
    for url in urls:
        page = site.pages.get(url=url)
        with contextlib.suppress(training.CannotBeCut):
            _keep(site, page.url, page.title, page.text, page.content_hash)
    _swap_in(site, set(urls), done=len(urls), total=len(urls))
