"""A start-up check that the ledger's guards are in force (`manage.py check --database default`)."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

from billing import guards


@register(Tags.database)
def check_guards(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A warning, no error: `migrate` runs this check first, and it is what puts them up."""
    return [
        Warning(
            f"The ledger is not fully guarded: {', '.join(names)} absent or of another version. Run `manage.py migrate`.",
            id="billing.W001",
        )
        for alias in databases or ()
        if (names := guards.missing(connections[alias]) + guards.of_another_version(connections[alias]))
    ]
