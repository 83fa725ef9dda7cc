"""Common terms: those in so many of an agent's passages that a search need not collect candidates by them.

They are counted after training, and only for agents with many passages; with few, collecting by every word is cheap.
"""

from collections import Counter
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count

from agents.models import CommonTerms, Passage
from billing.sql import uid

# The number of passages from which terms are counted, and how many passages are sampled.
MANY, LOOKED_AT = 800, 1_000
# A term is common if it is in one passage of this many.
ONE_OF = 50
# Terms are counted again when the number of passages has changed by one in this many.
CHANGED = 8

# A sample at even intervals, so that every source is included.
_SAMPLE = """SELECT searchable FROM (
  SELECT searchable, ROW_NUMBER() OVER (ORDER BY id) AS number FROM agents_passage
  WHERE agent_id = %s AND searchable IS NOT NULL) numbered WHERE number %% %s = 0"""


def count(agent_id: UUID) -> None:
    """Count an agent's common terms if its number of passages has changed much since the last count."""
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
    """Count for each agent that needs it: never counted, or changed much since the last count."""
    many = Passage.objects.values("agent_id").annotate(size=Count("pk")).filter(size__gte=MANY)
    agents = {
        *many.values_list("agent_id", flat=True),
        *CommonTerms.objects.values_list("agent_id", flat=True),
    }
    for agent_id in sorted(agents):
        count(agent_id)


def _common(agent_id: UUID, size: int) -> dict[str, int]:
    """Each common term with the estimated number of passages that have it."""
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
    """Count after the training transaction, so that it holds its locks no longer than training takes."""
    transaction.on_commit(lambda: count(agent_id), robust=True)
