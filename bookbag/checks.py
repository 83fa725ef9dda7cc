"""Start-up checks: an unsafe deployment refuses to boot and names the setting.

`boot_problems` runs both as a Django system check (any manage.py command) and from the ASGI entry,
because a server started straight from uvicorn runs no system checks.
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

LOOPBACK = {"127.0.0.1", "localhost", "::1", "[::1]", "testserver", ".localhost"}


def boot_problems() -> list[str]:
    """What is wrong with the settings, a sentence each, naming the variable to change."""
    problems = []
    secret = settings.SECRET_KEY
    if len(secret) < 40 or secret.startswith("django-insecure") or len(set(secret)) < 8:
        problems.append("SECRET_KEY is missing, short or a default; set 40 or more random characters.")
    public = sorted({settings.HOST, *settings.ALLOWED_HOSTS} - LOOPBACK)
    if settings.DEBUG and public:
        problems.append(
            f"DEBUG is on for a public host ({', '.join(public)}); set DEBUG=false, or HOST and ALLOWED_HOSTS to loopback."
        )
    return problems


def refuse_unsafe_boot() -> None:
    """Raises ImproperlyConfigured with every problem; called by the ASGI entry."""
    problems = boot_problems()
    if problems:
        raise ImproperlyConfigured(" ".join(problems))


@register(Tags.security)
def check_boot(**kwargs: Any) -> list[CheckMessage]:
    return [Error(problem, id="bookbag.E001") for problem in boot_problems()]


@register(Tags.security, deploy=True)
def check_faults_disarmed(**kwargs: Any) -> list[CheckMessage]:
    if settings.FAULT_POINT:
        return [
            Error("FAULT_POINT arms a crash; it is for the failure suites only. Unset it.", id="bookbag.E002")
        ]
    return []
