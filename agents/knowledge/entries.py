"""Turning a text into passages with their terms. Needs neither Django nor the database, so a worker process can do it."""

from typing import NamedTuple

from agents.knowledge import chunk, terms


class IndexEntry(NamedTuple):
    """A passage with its terms for the index, and its vector if there is an encoder (meaning.py)."""

    heading: str
    text: str
    searchable: str
    vector: bytes | None = None
    vector_by: str | None = None


def of_text(text: str) -> list[IndexEntry]:
    """The passages of `text` in order. The terms of each include those of the headings above it."""
    return [
        IndexEntry(
            one.heading,
            one.text,
            terms.searchable("\n".join(filter(None, (one.above, one.heading))), one.text),
        )
        for one in chunk.chunks(text)
    ]
