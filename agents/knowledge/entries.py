"""What a text becomes when an agent is trained on it. Needs neither Django nor the database: a worker process may do it."""

from typing import NamedTuple

from agents.knowledge import chunk, terms


class IndexEntry(NamedTuple):
    """A passage with its terms, which the index holds, and what it means where an encoder is at work (meaning.py)."""

    heading: str
    text: str
    searchable: str
    vector: bytes | None = None
    vector_by: str | None = None


def of_text(text: str) -> list[IndexEntry]:
    """The passages of `text` in order, each with the headings that it stands under among its terms."""
    return [
        IndexEntry(
            one.heading,
            one.text,
            terms.searchable("\n".join(filter(None, (one.above, one.heading))), one.text),
        )
        for one in chunk.chunks(text)
    ]
