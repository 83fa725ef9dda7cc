"""Vectors of passages and Q&A pairs, stored with them. Off unless EMBEDDINGS names an encoder.

Each passage gets its vector when it is cut, and keeps the encoder's name beside it: a search ignores vectors of
another encoder (finding.py), and `fill` replaces them.
"""

import random
from threading import Lock
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from agents.knowledge.entries import IndexEntry
from agents.models import Passage, QAPair

if TYPE_CHECKING:  # the module needs packages of the extra `embeddings`
    from agents.knowledge.encoders import WordLlama

# --- The encoder -----------------------------------------------------------------------------------

_loaded: "WordLlama | None" = None
_loading = Lock()


def encoder() -> "WordLlama | None":
    """The encoder of this process, loaded at first use (half a second); None if EMBEDDINGS is off."""
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
    """The passages, each with its vector if there is an encoder."""
    by = encoder()
    if by is None:
        return entries
    return [
        one._replace(vector=by.packed(_words_of(one.heading, one.text)), vector_by=by.name) for one in entries
    ]


def prepare(pair: QAPair) -> None:
    """Set a pair's vector, or none. The caller saves it."""
    by = encoder()
    pair.vector = by.packed(_words_of(pair.question, pair.answer)) if by else None
    pair.vector_by = by.name if by else None
    pair.vector_mark = random.getrandbits(31) if by else None


def _words_of(heading: str, text: str) -> str:
    return f"{heading}\n{text}"


# Rows per transaction.
BATCH = 200


def fill(after: int = 0) -> int | None:
    """Make vectors for the next passages above the id `after` that have none by the current encoder, and for pairs.

    Returns the id to continue from; None when nothing is left.
    """
    by = encoder()
    if by is None:
        return None
    others = Q(vector_by=None) | ~Q(vector_by=by.name)
    with transaction.atomic():
        # Locked, so that a pair changed meanwhile does not get the vector of its old text.
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
