"""Health: whether the process lives (`/healthz`) and whether it can do its work (`/readyz`).

Both are public, for load balancers and orchestrators, and reveal only the names of parts. They answer for any host,
over plain HTTP and without a redirect, because a probe does not know the name or certificate that people use. A
server answers them on its express lane (`probe`), where nothing delays them; without a server, Django's middleware
does (`answer_probes`).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Event, Lock
from typing import cast

import psycopg
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import resolve
from django.views.decorators.http import require_safe
from psycopg_pool import PoolTimeout

from llm import keys, ring, vault
from llm.models import ProviderKey
from workspaces import database_guards
from workspaces.access import public

logger = logging.getLogger(__name__)

PROBES = {"/healthz", "/readyz"}
# Time limits: for the pool to lend a connection, and for one look at all parts.
POOL_SECONDS = 1.0
LOOK_SECONDS = 3.0
# Results are cached for a second, however often probes ask.
FRESH_SECONDS = 1.0

Handler = Callable[[HttpRequest], HttpResponse]


# Set when the server was told to stop; never unset.
draining = Event()
_opened: set[tuple[object, ...]] = set()
_told: set[str] = set()
_beside = (-FRESH_SECONDS, False)
_beside_lock = Lock()


# --- The parts -----------------------------------------------------------------------------------------


def _pool_lends() -> bool:
    """Whether the pool would soon lend a page a connection.

    True without a pool, and if the database itself fails, which another part reports.
    """
    if not connection.settings_dict["OPTIONS"].get("pool"):
        return True
    connection.pool.open()  # type: ignore[attr-defined]
    try:
        with connection.pool.connection(timeout=POOL_SECONDS):  # type: ignore[attr-defined]
            return True
    except PoolTimeout:
        return not _answers_beside_the_pool()


def database_answers_beside_the_pool() -> bool:
    """Whether the database accepts a connection outside the pool. Tried at most once a second, however many pages fail."""
    global _beside
    with _beside_lock:
        if time.monotonic() - _beside[0] > FRESH_SECONDS:
            answers = _answers_beside_the_pool()
            _beside = (time.monotonic(), answers)
        return _beside[1]


def _answers_beside_the_pool() -> bool:
    parameters = {**connection.get_connection_params(), "connect_timeout": 1}
    parameters.pop("pool", None)
    try:
        psycopg.connect(**parameters).close()
    except psycopg.Error:
        return False
    return True


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


@cache
def _migrations_of_this_version() -> frozenset[tuple[str, str]]:
    # Read once, because a running process gets no new migrations.
    return frozenset(MigrationLoader(None).disk_migrations)


def _migrations_are_applied() -> bool:
    return _migrations_of_this_version() <= set(MigrationRecorder(connection).applied_migrations())


def _vault_opens() -> bool:
    # A missing KEK disables some keys but not the site, so it is not checked here.
    vault.probe()
    return not ring.impostors()


def _platform_keys_open() -> bool:
    """Whether replies on credits have a key to run on. A key that opened once in this process is not opened again."""
    shut = [
        row.provider for row in keys.held_by(None).filter(state=ProviderKey.State.ACTIVE) if not _opens(row)
    ]
    return not shut


def _opens(row: ProviderKey) -> bool:
    seal = (row.pk, bytes(row.wrapped_dek), hash(tuple(settings.VAULT_KEYS)))
    if seal in _opened:
        return True
    try:
        keys.try_opening(row)
    except vault.VaultUnavailable:
        # Not a failure: the KMS answers no instance, and taking all of them out of rotation would not help.
        logger.warning("the key service that keeps a platform key's KEK does not answer")
        return True
    except vault.VaultError:
        return False
    _opened.add(seal)
    return True


def _guards_are_in_force() -> bool:
    global _told
    missing = database_guards.missing(connection)
    found = {f"{name} is not in force" for name in missing}
    for name in database_guards.of_another_version(connection):
        found.add(f"{name} is of another version than this code's")
    for what in sorted(found - _told):
        logger.warning("the database's guard %s", what)
    _told = found
    return not missing


PARTS: dict[str, Callable[[], bool]] = {
    "migrations": _migrations_are_applied,
    "vault": _vault_opens,
    "platform_keys": _platform_keys_open,
    "guards": _guards_are_in_force,
}


def failing_parts() -> list[str]:
    """The names of failing parts; the log says why. If the database fails, nothing else is checked."""
    if draining.is_set():
        return ["draining"]
    for name, works in (("pool", _pool_lends), ("database", _database_answers)):
        if not _works(name, works):
            return [name]
    return [name for name, works in PARTS.items() if not _works(name, works)]


def _works(name: str, works: Callable[[], bool]) -> bool:
    try:
        return works()
    except Exception as error:  # any error means that the part fails
        logger.warning("not ready: %s (%s)", name, type(error).__name__)
        return False


# --- The answers ---------------------------------------------------------------------------------------


@public("load balancers ask whether the process lives")
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@public("load balancers ask whether the process can work")
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    return _readiness(failing_parts())


def _readiness(failing: list[str]) -> HttpResponse:
    answer = {"status": "unready" if failing else "ready", "failing": failing}
    return JsonResponse(answer, status=503 if failing else 200)


class _Look:
    """Runs one look at the parts at a time, in a thread of its own, for all probes; a probe never waits long."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self.result: Future[list[str]] | None = None
        self.begun = 0.0
        self.known: list[str] = []

    async def failing(self) -> list[str]:
        if draining.is_set():
            return ["draining"]
        if self.result is None or (self.result.done() and time.monotonic() - self.begun > FRESH_SECONDS):
            self.begun = time.monotonic()
            self.result = self.thread.submit(self._take)
        done, _ = await asyncio.wait({asyncio.wrap_future(self.result)}, timeout=LOOK_SECONDS)
        # A frozen database neither answers nor refuses, so the wait is limited.
        failing = done.pop().result() if done else ["database"]
        if failing != self.known:
            logger.warning("not ready: %s", ", ".join(failing)) if failing else logger.warning("ready again")
            self.known = failing
        return failing

    def _take(self) -> list[str]:
        try:
            return failing_parts()
        finally:
            connection.close()


_look = _Look()


async def probe(method: str, path: str) -> HttpResponse:
    """The answer to a request for one of PROBES, within LOOK_SECONDS."""
    if method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if path == "/healthz":
        return JsonResponse({"status": "ok"})
    return _readiness(await _look.failing())


def answer_probes(get_response: Handler) -> Handler:
    """Middleware that must come before those that check the host or redirect to HTTPS."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path not in PROBES:
            return get_response(request)
        return cast(HttpResponse, resolve(request.path).func(request))

    return middleware
