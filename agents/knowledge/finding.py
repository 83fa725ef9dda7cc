"""Looking a question up in what an agent knows: by its words, and by meaning where an encoder is at work.

What is found by meaning is put among what is found by words, by reciprocal rank. Whether any of it answers is still told
by words alone (agents/running/local.py): a nearest neighbour there always is.
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

if TYPE_CHECKING:  # they need packages that are only there with the extra `embeddings`
    from agents.knowledge.encoders import Vectors, WordLlama

# The nearest that are put among what words find.
NEIGHBOURS = 8
# Vectors of agents that were asked of late are kept, up to so many bytes together. An agent with more passages and pairs
# than this is searched by words alone: each question would be compared with all of them.
KEPT_BYTES = 64 * 1024**2
MOST_VECTORS = 200_000


def search(agent_id: UUID, question: str) -> Hits:
    """As index.search, with passages and pairs that are near in meaning among those found by words."""
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

# By agent and encoder: what tells whether they are still the same, and they themselves. Asked for last, at the end.
_kept: "OrderedDict[tuple[UUID, str], tuple[object, Vectors]]" = OrderedDict()
_keeping = Lock()


def _vectors(agent_id: UUID, encoder: "WordLlama") -> "Vectors | None":
    """The agent's vectors by this encoder, as they are now; None where it has none, or too many."""
    passages = Passage.objects.filter(agent_id=agent_id, vector_by=encoder.name, vector__isnull=False)
    pairs = QAPair.objects.filter(agent_id=agent_id, vector_by=encoder.name, vector__isnull=False)
    # Ids are never given twice, and marks hardly ever.
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
