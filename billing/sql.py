"""The differences between the two SQL dialects: how a UUID is bound, and how to read the database's clock.

For statements on the path of a reply, which are raw SQL because the ORM takes longer than they do. Each fragment is
part of a statement that is executed with parameters, so a percent sign is doubled.
"""

from collections import namedtuple
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper


def uid(connection: BaseDatabaseWrapper, value: UUID) -> Any:
    """`value` as a parameter: PostgreSQL has a type for it, SQLite stores its 32 hexadecimal digits."""
    return value if connection.features.has_native_uuid_field else value.hex


def now(connection: BaseDatabaseWrapper) -> str:
    """SQL for the database's clock at the time of the statement. Leases are measured by this clock only."""
    if connection.vendor == "postgresql":
        return "STATEMENT_TIMESTAMP()"
    return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"


def named(cursor: Any) -> list[Any]:
    """The remaining rows of a cursor, each a named tuple with one field for each selected column."""
    row = _row_type(tuple(column[0] for column in cursor.description))
    return [row._make(values) for values in cursor.fetchall()]


@lru_cache(maxsize=64)
def _row_type(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names)


def quoted(members: Iterable[Enum]) -> str:
    """The values of an enumeration of ours as a list of SQL literals, for `IN (...)`."""
    return ", ".join(f"'{member.value}'" for member in members)
