"""The server's periodic work on sources, done by one process at a time (agents/running/duties.py).

Lost jobs are queued again, websites are read again when due, and sources deleted more than ten minutes ago are
deleted for good.
"""

from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from agents.models import Agent, CrawledPage, RemovedPair, Source, SourcePart, SourceQuerySet
from agents.sources import adding, jobs

AT_ONCE = 100
# How long an unread file is kept, so that people can try again.
KEPT = timedelta(days=1)
EVERY = {Source.Recrawl.DAILY: timedelta(days=1), Source.Recrawl.WEEKLY: timedelta(days=7)}


def take_round() -> None:
    revive()
    recrawl()
    wipe()
    jobs.prune()


def revive() -> int:
    """Queue again sources whose worker died, and those that no worker began; returns how many."""
    cut_off = Q(state=Source.State.TRAINING, lease_until__lt=Now())
    lost = Q(state=Source.State.QUEUED, queued_at__lte=Now() - jobs.LOST)
    count = 0
    for pk in _first(Source.objects.filter(cut_off | lost, deleted_at=None)):
        still = Source.objects.filter(cut_off | lost, pk=pk)
        if still.update(state=Source.State.QUEUED, queued_at=Now(), lease_token=None, lease_until=None):
            jobs.enqueue(pk)
            count += 1
    return count


def recrawl() -> int:
    """Queue the websites that are due; returns how many."""
    due = Q()
    for every, time in EVERY.items():
        due |= Q(recrawl=every, crawled_at__lt=Now() - time)
    idle = Source.objects.filter(due, deleted_at=None).exclude(state__in=Source.BUSY)
    works = idle.exclude(agent__status=Agent.Status.ARCHIVED).filter(agent__workspace__suspended_at=None)
    found = _first(works)
    return sum(adding.queue(Source(pk=pk)) for pk in found)


def wipe() -> None:
    """Delete for good what nobody restored in time, and files that are no longer needed."""
    over = Now() - adding.UNDO
    Source.objects.filter(pk__in=_first(Source.objects.filter(deleted_at__lte=over))).delete()
    RemovedPair.objects.filter(deleted_at__lte=over).delete()
    idle = Source.objects.filter(queued_at__lt=Now() - KEPT, parts__position=0).exclude(state__in=Source.BUSY)
    SourcePart.objects.filter(source__in=_first(idle)).delete()
    # Pages stored by crawls that have ended in any way.
    CrawledPage.objects.exclude(site__state__in=Source.BUSY).delete()


def _first(sources: SourceQuerySet) -> list[UUID]:
    return list(sources.values_list("pk", flat=True)[:AT_ONCE])
