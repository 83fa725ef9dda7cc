"""A start-up check that the database's guards are in force (`manage.py check --database default`)."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

from workspaces import database_guards


@register(Tags.database)
def check_guards(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A warning, not an error, because `migrate` runs this check first and only then installs the guards."""
    return [
        Warning(
            f"The database is not fully guarded: {', '.join(names)} absent or of another version."
            " Run `manage.py migrate`.",
            id="workspaces.W001",
        )
        for alias in databases or ()
        if (names := _not_this_codes(alias))
    ]


def _not_this_codes(alias: str) -> list[str]:
    connection = connections[alias]
    return database_guards.missing(connection) + database_guards.of_another_version(connection)
