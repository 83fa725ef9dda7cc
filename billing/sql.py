"""The two dialects, where they differ: how a UUID is bound, and how the database tells the time.

For statements on the path of a reply, which are written out because the ORM costs more than they do.
Each fragment stands in a statement that is executed with parameters, so a percent sign is doubled.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper


def uid(connection: BaseDatabaseWrapper, value: UUID) -> Any:
    """`value` as a parameter: PostgreSQL has a type for it, SQLite stores its 32 hexadecimal digits."""
    return value if connection.features.has_native_uuid_field else value.hex


def now(connection: BaseDatabaseWrapper) -> str:
    """The database's own clock at this statement, as SQL. Leases are measured by this clock only."""
    if connection.vendor == "postgresql":
        return "STATEMENT_TIMESTAMP()"
    return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"


def quoted(words: Iterable[Enum]) -> str:
    """The values of an enumeration of ours as a list of SQL literals, for `IN (...)`."""
    return ", ".join(f"'{word.value}'" for word in words)
