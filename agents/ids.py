"""Ids of rows, for raw SQL."""

import os
import time
from typing import Any
from uuid import UUID


def new_id() -> UUID:
    """A UUID that begins with the time (version 7, RFC 9562 section 5.7): 48 bits of milliseconds, 74 of chance.

    New rows go into the newest pages of an index, while random ids would each write to another page.
    """
    milliseconds = time.time_ns() // 1_000_000
    chance = int.from_bytes(os.urandom(10))
    return UUID(int=milliseconds << 80 | 7 << 76 | (chance >> 68) << 64 | 2 << 62 | chance & (1 << 62) - 1)


def as_uuid(value: Any) -> UUID:
    """The value of a UUID column in a raw row. PostgreSQL returns a UUID, SQLite 32 hexadecimal digits."""
    return value if isinstance(value, UUID) else UUID(value)
