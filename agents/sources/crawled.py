"""Pages that a crawl has read, kept apart from the search index until one transaction swaps in the whole crawl.

So a crawl that fails, is cancelled or ends with its process leaves the website unchanged, and no search finds a
mixture of two versions. The swap copies rows inside the database, so it takes no memory here and holds SQLite's
write lock only briefly.
"""

from django.db import connection
from django.utils import timezone

from agents.knowledge import common, index
from agents.knowledge.entries import IndexEntry
from agents.models import CrawledPage, CrawledPassage, Passage, Source
from billing.sql import uid

_PAGES = """INSERT INTO agents_source
  (id, agent_id, parent_id, kind, url, title, text, content_hash, trained_at, created_at)
  SELECT c.page, site.agent_id, site.id, %s, c.url, c.title, c.text, c.content_hash, %s, %s
  FROM agents_crawledpage c JOIN agents_source site ON site.id = c.site_id WHERE c.site_id = %s
  ON CONFLICT (id) DO UPDATE SET title = excluded.title, text = excluded.text,
  content_hash = excluded.content_hash, trained_at = excluded.trained_at"""
_PASSAGES = """INSERT INTO agents_passage
  (agent_id, source_id, position, heading, text, searchable, vector, vector_by)
  SELECT site.agent_id, c.page, p.position, p.heading, p.text, p.searchable, p.vector, p.vector_by
  FROM agents_crawledpassage p JOIN agents_crawledpage c ON c.id = p.crawled_id
  JOIN agents_source site ON site.id = c.site_id WHERE c.site_id = %s ORDER BY p.id"""
_WORDS = """INSERT INTO agents_vocabulary (source_id, agent_id, words)
  SELECT c.page, site.agent_id, c.words
  FROM agents_crawledpage c JOIN agents_source site ON site.id = c.site_id WHERE c.site_id = %s
  ON CONFLICT (source_id) DO UPDATE SET words = excluded.words"""


def keep(page: CrawledPage, entries: list[IndexEntry]) -> None:
    """Store a new or changed page, cut into these passages. Call it in a transaction."""
    page.words = index.known_words(one.searchable for one in entries)
    page.save()
    CrawledPassage.objects.bulk_create(
        [
            CrawledPassage(crawled=page, position=position, **one._asdict())
            for position, one in enumerate(entries)
        ],
        batch_size=500,
    )


def forget(site: Source) -> None:
    """Delete what an earlier crawl has stored."""
    CrawledPassage.objects.filter(crawled__site=site).delete()
    site.crawled.all().delete()


def swap_in(site: Source, kept: set[str]) -> None:
    """Replace the website's earlier pages by the stored ones. Other pages stay if in `kept`; the rest are deleted.

    Call it in a transaction.
    """
    site.pages.exclude(url__in=kept).delete()
    Passage.objects.filter(source__in=site.crawled.values("page")).delete()
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    of_site = uid(connection, site.pk)
    with connection.cursor() as cursor:
        cursor.execute(_PAGES, [Source.Kind.PAGE.value, now, now, of_site])
        cursor.execute(_PASSAGES, [of_site])
        cursor.execute(_WORDS, [of_site])
    common.count_later(site.agent_id)
