"""Which terms stand in so many of an agent's passages that a search need not gather by them.

Counted after training, and only of agents with many passages: with few, gathering by every word costs nothing.
"""

from collections import Counter
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count

from agents.models import CommonTerms, Passage
from billing.sql import uid

# Passages below which nothing is counted, and how many are looked at to count.
MANY, LOOKED_AT = 800, 1_000
# A term is common that stands in one passage of so many.
ONE_OF = 50
# Counted again when the number of passages has changed by one of so many.
CHANGED = 8

# Every so many passages one, so that each source is looked at.
_SAMPLE = """SELECT searchable FROM (
  SELECT searchable, ROW_NUMBER() OVER (ORDER BY id) AS number FROM agents_passage
  WHERE agent_id = %s AND searchable IS NOT NULL) numbered WHERE number %% %s = 0"""


def count(agent_id: UUID) -> None:
    """Count the common terms of an agent if it has grown or shrunk by much since they were counted."""
    size = Passage.objects.filter(agent_id=agent_id).count()
    counted = CommonTerms.objects.filter(agent_id=agent_id).values_list("size", flat=True).first()
    if size < MANY:
        if counted is not None:
            CommonTerms.objects.filter(agent_id=agent_id).delete()
        return
    if counted is not None and abs(size - counted) <= counted // CHANGED:
        return
    CommonTerms.objects.update_or_create(
        agent_id=agent_id, defaults={"size": size, "terms": _common(agent_id, size)}
    )


def count_all() -> None:
    """Count for each agent that needs it: trained before there was such a count, or grown and shrunk since."""
    many = Passage.objects.values("agent_id").annotate(size=Count("pk")).filter(size__gte=MANY)
    agents = {
        *many.values_list("agent_id", flat=True),
        *CommonTerms.objects.values_list("agent_id", flat=True),
    }
    for agent_id in sorted(agents):
        count(agent_id)


def _common(agent_id: UUID, size: int) -> dict[str, int]:
    """Each common term with the number of passages that it is thought to stand in."""
    step = max(1, size // LOOKED_AT)
    seen: Counter[str] = Counter()
    looked_at = 0
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, [uid(connection, agent_id), step])
        for (searchable,) in cursor.fetchall():
            seen.update(set(searchable.split(" ")))
            looked_at += 1
    return {
        term: times * size // looked_at for term, times in sorted(seen.items()) if times * ONE_OF >= looked_at
    }


def count_later(agent_id: UUID) -> None:
    """Count once the transaction that trains is over: it should hold its locks for no longer than training takes."""
    transaction.on_commit(lambda: count(agent_id), robust=True)
