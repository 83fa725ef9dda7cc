"""Whether the process lives (`/healthz`) and whether it can do its work (`/readyz`).

Both are public, for load balancers, and name parts and nothing else.
"""

import logging
from collections.abc import Callable
from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from billing import guards as ledger_guards
from llm import ring, vault
from workspaces import guards as audit_guards
from workspaces.access import public

logger = logging.getLogger(__name__)


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


@cache
def _migrations_of_this_version() -> frozenset[tuple[str, str]]:
    # Read once: a running process does not grow new ones.
    return frozenset(MigrationLoader(None).disk_migrations)


def _migrations_are_applied() -> bool:
    return _migrations_of_this_version() <= set(MigrationRecorder(connection).applied_migrations())


def _vault_opens() -> bool:
    # A KEK that is merely absent takes some keys out of use, not the site: that is not looked at here.
    vault.probe()
    return not ring.impostors()


def _ledger_is_guarded() -> bool:
    return not ledger_guards.missing(connection)


def _audit_log_is_guarded() -> bool:
    return not audit_guards.missing(connection)


PARTS: dict[str, Callable[[], bool]] = {
    "migrations": _migrations_are_applied,
    "vault": _vault_opens,
    "ledger_guards": _ledger_is_guarded,
    "audit_guards": _audit_log_is_guarded,
}


def failing_parts() -> list[str]:
    """The names of the parts that do not work; why is in the log. Without a database nothing else is asked."""
    if not _works("database", _database_answers):
        return ["database"]
    return [name for name, works in PARTS.items() if not _works(name, works)]


def _works(name: str, works: Callable[[], bool]) -> bool:
    try:
        return works()
    except Exception as error:  # whatever it is, the part does not work
        logger.error("Not ready: %s (%s)", name, type(error).__name__)
        return False


@public("load balancers ask whether the process lives")
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@public("load balancers ask whether the process can work")
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    failing = failing_parts()
    answer = {"status": "unready" if failing else "ready", "failing": failing}
    return JsonResponse(answer, status=503 if failing else 200)
