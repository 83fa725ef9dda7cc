"""Searching an agent's knowledge for a question: by its words, and by meaning if there is an encoder.

Both results are merged by reciprocal rank. Whether a passage answers is still decided by words alone
(agents/running/local.py), because there is always a nearest vector, even to an unrelated question.
"""

from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Count, Max, QuerySet, Sum

from agents.knowledge import index, meaning
from agents.knowledge.found import PAIRS, Found, Hits
from agents.knowledge.fusion import fused
from agents.models import Passage, QAPair

if TYPE_CHECKING:  # these modules need packages of the extra `embeddings`
    from agents.knowledge.encoders import Vectors, WordLlama

# How many of the nearest vectors are merged into what words find.
NEIGHBOURS = 8
# The vectors of recently asked agents are cached, up to so many bytes in all. An agent with more passages and pairs
# than this is searched by words alone, because each question would be compared with all of them.
KEPT_BYTES = 64 * 1024**2
MOST_VECTORS = 200_000


def search(agent_id: UUID, question: str) -> Hits:
    """Like index.search, with passages and pairs of near meaning merged into those found by words."""
    hits = index.search(agent_id, question)
    encoder = meaning.encoder()
    if encoder is None or hits.answer is not None or not encoder.asks(question, hits.asked.language):
        return hits
    near = _nearest(agent_id, question, encoder)
    return replace(hits, passages=fused(hits.passages, near)[: index.LIMIT]) if near else hits


def _nearest(agent_id: UUID, question: str, encoder: "WordLlama") -> list[Found]:
    vectors = _vectors(agent_id, encoder)
    places = vectors.nearest(encoder.encode(question), NEIGHBOURS, encoder.floor) if vectors else []
    found: dict[int, Found] = {}
    if of_passages := [place for place in places if place >= 0]:
        passages = Passage.objects.filter(agent_id=agent_id, pk__in=of_passages)
        columns = passages.values_list("pk", "heading", "text", "source__title", "source__url")
        found |= {place: Found(heading, text, title, url) for place, heading, text, title, url in columns}
    if of_pairs := [place for place in places if place < 0]:
        pairs = QAPair.objects.filter(agent_id=agent_id, place__in=of_pairs)
        found |= {pair.place or 0: Found(pair.question, pair.answer, PAIRS) for pair in pairs.defer("vector")}
    return [found[place] for place in places if place in found]


# --- Vectors that are kept -------------------------------------------------------------------------

# By agent and encoder: a value that changes with the vectors, and the vectors. Ordered by last use, latest at the
# end.
_kept: "OrderedDict[tuple[UUID, str], tuple[object, Vectors]]" = OrderedDict()
_keeping = Lock()


def _vectors(agent_id: UUID, encoder: "WordLlama") -> "Vectors | None":
    """The agent's current vectors by this encoder; None if there are none, or too many."""
    passages = Passage.objects.filter(agent_id=agent_id, vector_by=encoder.name, vector__isnull=False)
    pairs = QAPair.objects.filter(agent_id=agent_id, vector_by=encoder.name, vector__isnull=False)
    # Ids are never used twice, and random numbers hardly ever, so equal sums mean equal vectors.
    of_passages = passages.aggregate(number=Count("pk"), last=Max("pk"), every=Sum("pk"))
    of_pairs = pairs.aggregate(number=Count("pk"), every=Sum("vector_mark"))
    if not 0 < of_passages["number"] + of_pairs["number"] <= MOST_VECTORS:
        return None
    name, state = (agent_id, encoder.name), (of_passages, of_pairs)
    with _keeping:
        known = _kept.get(name)
        if known and known[0] == state:
            _kept.move_to_end(name)
            return known[1]
    vectors = _fetched(passages, pairs, encoder)
    with _keeping:
        _kept[name] = state, vectors
        _kept.move_to_end(name)
        while len(_kept) > 1 and sum(one.bytes for _, one in _kept.values()) > KEPT_BYTES:
            _kept.popitem(last=False)
    return vectors


def _fetched(passages: QuerySet[Passage], pairs: QuerySet[QAPair], encoder: "WordLlama") -> "Vectors":
    from agents.knowledge.encoders import Vectors

    stored = [
        *passages.order_by("pk").values_list("pk", "vector"),
        *pairs.order_by("place").values_list("place", "vector"),
    ]
    return Vectors(
        [(place, one) for place, one in stored if place is not None and one is not None], encoder.size
    )
