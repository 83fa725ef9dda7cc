"""Reading values from addresses and forms, which may be any text: as the expected type, or None."""

from uuid import UUID


def uuid_or_none(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def message_text(text: str) -> str:
    """A message as it is stored and sent. PostgreSQL cannot store NUL, and a message of only NULs is empty."""
    return text.replace("\0", "").strip().replace("\r\n", "\n")


def number_or_none(text: str | None) -> int | None:
    """A whole number without a sign, at most as large as an id can be."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
