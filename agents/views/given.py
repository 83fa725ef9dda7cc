"""What an address or a form brings may be any text: read here as what it should be, or as None."""

from uuid import UUID


def uuid_or_none(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def number_or_none(text: str | None) -> int | None:
    """A whole number of no sign, no larger than an id can be."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
