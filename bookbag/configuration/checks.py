"""Start-up checks: an unsafe deployment refuses to boot and names the setting.

`boot_problems` runs both as a Django system check (any manage.py command) and from the ASGI entry,
because a server started straight from uvicorn runs no system checks.
"""

import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from llm.providers import roster

LOOPBACK = {"127.0.0.1", "localhost", "::1", "[::1]", "testserver", ".localhost"}
# Placeholders for secrets in examples, long enough that a random secret does not contain one by chance.
PLACEHOLDER = re.compile(
    r"(change|replace)[-_ ]?(me|this|with)|placeholder|insecure|secret[-_ ]key|your[-_ ](own|key|secret)",
    re.I,
)
# Variables from which other programs read a proxy or a certificate authority.
USUAL_VARIABLES = {
    "PROVIDER_PROXY": ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
    "PROVIDER_CA_FILE": ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
}

# Packages of the extra `embeddings`.
OF_EMBEDDINGS = ("numpy", "tokenizers", "wordllama")


def boot_problems() -> list[str]:
    """The problems of the settings, a sentence each, which names the variable to change."""
    problems = []
    secret = settings.SECRET_KEY
    if len(secret) < 40 or PLACEHOLDER.search(secret) or len(set(secret)) < 8:
        problems.append("SECRET_KEY is missing, short or a default; set 40 or more random characters.")
    if settings.REPLY_WALL_SECONDS > settings.LEASE_LIFE_SECONDS:
        problems.append(
            "REPLY_WALL_SECONDS is longer than LEASE_LIFE_SECONDS: long replies would never be charged."
        )
    missing = [name for name in OF_EMBEDDINGS if not find_spec(name)] if settings.EMBEDDINGS != "off" else []
    if missing:
        problems.append(
            f"EMBEDDINGS is {settings.EMBEDDINGS}, which needs packages that are not installed ({', '.join(missing)}): "
            "install them by `uv sync --extra embeddings`, or set EMBEDDINGS=off."
        )
    public = sorted({settings.HOST, *settings.ALLOWED_HOSTS} - LOOPBACK)
    if settings.DEBUG and public:
        problems.append(
            f"DEBUG is on for a public host ({', '.join(public)}); set DEBUG=false, or HOST and ALLOWED_HOSTS to loopback."
        )
    return problems + _sso_problems()


def _sso_problems() -> list[str]:
    """Problems that keep people from signing in at the issuer; none without an issuer."""
    names = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    lacking = [name for name in names if not getattr(settings, name)]
    if len(lacking) == len(names):
        return []
    problems = []
    if lacking:
        problems.append(
            f"Sign-in with OpenID Connect needs {', '.join(names)}: {' and '.join(lacking)} not set. Set all three, or none."
        )
    parts = urlsplit(settings.OIDC_ISSUER)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        problems.append(
            "OIDC_ISSUER is plain HTTP: anybody on the way could sign in as anybody. Use https://."
        )
    if find_spec("jwt") is None:
        problems.append("OIDC_ISSUER needs the optional extra: uv sync --extra sso.")
    return problems


def refuse_unsafe_boot() -> None:
    """Raises ImproperlyConfigured with every problem; called by the ASGI entry."""
    problems = boot_problems()
    if problems:
        raise ImproperlyConfigured(" ".join(problems))


@register(Tags.security)
def check_boot(**kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="bookbag.E001") for problem in boot_problems()]


@register(Tags.security)
def check_way_out(**kwargs: Any) -> list[CheckMessage]:
    """Warn if a proxy or authority is set for other programs, but not in the variables that Bookbag reads."""
    return [
        Info(f"{set_here[0]} is set and not used: providers are reached as {ours} says.", id="bookbag.I001")
        for ours, usual in USUAL_VARIABLES.items()
        if (set_here := [name for name in usual if os.environ.get(name)]) and not getattr(settings, ours)
    ]


@register(Tags.security, deploy=True)
def check_ways_in_and_out(**kwargs: Any) -> list[CheckMessage]:
    """Warn about settings that work on a laptop but not for a public server."""
    found: list[CheckMessage] = []
    if settings.HTTPS and not settings.TRUST_PROXY:
        found.append(
            Warning(
                "HTTPS is on while TRUST_PROXY is 0: through a proxy that ends TLS nobody can sign in, and with "
                "SSL_REDIRECT every page is sent on for ever.",
                hint="Set TRUST_PROXY to the number of proxies that set X-Forwarded-For, -Proto and -Host.",
                id="bookbag.W001",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Warning("ALLOWED_HOSTS lets any host in; name the ones people use.", id="bookbag.W002"))
    for provider, address in settings.PROVIDER_BASE_URLS.items():
        parts = urlsplit(address)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            name = roster.named(provider).base_url_setting
            found.append(
                Warning(f"{name} is plain HTTP: provider keys would be sent in clear.", id="bookbag.W003")
            )
    return found


@register(Tags.security, deploy=True)
def check_faults_disarmed(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.FAULT_POINT:
        found.append(
            Error("FAULT_POINT arms a crash; it is for the failure suites only. Unset it.", id="bookbag.E002")
        )
    if settings.FETCH_LOOPBACK:
        found.append(
            Error(
                "FETCH_LOOPBACK lets a source read what listens on this machine; it is for tests only. Unset it.",
                id="bookbag.E003",
            )
        )
    return found


@register(Tags.database)
def check_connections(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that PostgreSQL accepts as many connections as the server processes may open, and the settings for a pooler."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        database = connections[alias]
        if database.vendor != "postgresql":
            continue
        try:
            pooled, room = _is_pooled(database), _room(database)
        except DatabaseError:
            continue  # the code that needs the database reports this
        if not pooled:
            found += _too_many(database, room)
        elif settings.DATABASE_PREPARE is None:
            found.append(
                Warning(
                    "A pooler stands between Bookbag and PostgreSQL, and statements are prepared: in its transaction "
                    "mode replies fail.",
                    hint="Set DATABASE_PREPARE=false; true says that the pooler keeps a session for each connection.",
                    id="bookbag.W005",
                )
            )
    return found


def _is_pooled(database: BaseDatabaseWrapper) -> bool:
    """Whether the connection goes through a pooler, which gives clients another process number than PostgreSQL's."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return bool(cursor.fetchone()[0] != database.connection.info.backend_pid)


def _room(database: BaseDatabaseWrapper) -> int:
    """How many connections PostgreSQL accepts from roles other than superusers."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT SUM(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END) FROM pg_settings"
            " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
        )
        return int(cursor.fetchone()[0])


def _too_many(database: BaseDatabaseWrapper, room: int) -> list[CheckMessage]:
    pool = database.settings_dict["OPTIONS"].get("pool")
    # One more for LISTEN.
    wanted = settings.SERVER_PROCESSES * (pool["max_size"] + settings.DATABASE_LISTEN) if pool else 0
    if wanted <= room:
        return []
    return [
        Warning(
            f"SERVER_PROCESSES and DATABASE_POOL_SIZE make {wanted} connections, and PostgreSQL takes {room}: under load "
            "pages would be told that Bookbag is busy or out of reach.",
            hint="Raise max_connections, lower DATABASE_POOL_SIZE, or put a pooler between (docs/operations.md).",
            id="bookbag.W004",
        )
    ]
