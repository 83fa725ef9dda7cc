"""What passages and Q&A pairs mean, as vectors that are stored with them. Off unless EMBEDDINGS names an encoder.

Each passage gets its vector when it is cut, and keeps the encoder's name beside it: vectors of another encoder take no
part in a search (finding.py), and `fill` makes them anew.
"""

import random
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from agents.knowledge.entries import IndexEntry
from agents.models import Passage, QAPair

if TYPE_CHECKING:  # it needs packages that are only there with the extra `embeddings`
    from agents.knowledge.encoders import WordLlama

# --- The encoder -----------------------------------------------------------------------------------

_loaded: "WordLlama | None" = None
_loading = Lock()


def encoder() -> "WordLlama | None":
    """The encoder of this process, loaded when first asked for (half a second); None where EMBEDDINGS is off."""
    global _loaded
    if settings.EMBEDDINGS == "off":
        return None
    with _loading:
        if _loaded is None:
            from agents.knowledge.encoders import WordLlama

            _loaded = WordLlama()
        return _loaded


# --- Making vectors --------------------------------------------------------------------------------


def with_vectors(entries: list[IndexEntry]) -> list[IndexEntry]:
    """The passages, each with its vector where an encoder is at work."""
    by = encoder()
    if by is None:
        return entries
    return [
        one._replace(vector=by.packed(_words_of(one.heading, one.text)), vector_by=by.name) for one in entries
    ]


def prepare(pair: QAPair) -> None:
    """Give a pair its vector, or none; to be saved by the caller."""
    by = encoder()
    pair.vector = by.packed(_words_of(pair.question, pair.answer)) if by else None
    pair.vector_by = by.name if by else None
    pair.vector_mark = random.getrandbits(31) if by else None


def _words_of(heading: str, text: str) -> str:
    return f"{heading}\n{text}"


# Rows of one transaction.
BATCH = 200


def fill(after: int = 0) -> int | None:
    """Give vectors to the next passages above the id `after` that have none by the present encoder, and to pairs.

    Returns the id to go on from, None once there are none.
    """
    by = encoder()
    if by is None:
        return None
    others = Q(vector_by=None) | ~Q(vector_by=by.name)
    with transaction.atomic():
        # Locked: somebody who changes one meanwhile must not end up with the vector of the old one.
        pairs = list(QAPair.objects.select_for_update().filter(others).exclude(place=None)[:BATCH])
        for pair in pairs:
            prepare(pair)
        QAPair.objects.bulk_update(pairs, ["vector", "vector_by", "vector_mark"])
    passages = list(Passage.objects.filter(others, pk__gt=after).order_by("pk")[:BATCH])
    for one in passages:
        one.vector, one.vector_by = by.packed(_words_of(one.heading, one.text)), by.name
    with transaction.atomic():
        Passage.objects.bulk_update(passages, ["vector", "vector_by"])
    if passages:
        return passages[-1].pk
    return after if len(pairs) == BATCH else None
