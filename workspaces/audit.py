"""The audit log: one event per act, written in the act's own transaction, never changed or deleted."""

from typing import Any

from django.http import HttpRequest

from workspaces.models import AuditEvent, User, Workspace


def record(
    workspace: Workspace | None,
    action: str,
    *,
    actor: User | None = None,
    request: HttpRequest | None = None,
    **data: Any,
) -> AuditEvent:
    """Write one event. `action` is dotted, noun first (`provider_key.replaced`); `data` is JSON, without secrets.

    With `request`, its user is the actor and its peer the address. No workspace: a platform event.
    """
    if request is not None and actor is None:
        actor = request.user if request.user.is_authenticated else None  # type: ignore[assignment]
    return AuditEvent.objects.create(
        workspace=workspace,
        action=action,
        actor=actor,
        actor_email=actor.email if actor else "",
        address=request.META.get("REMOTE_ADDR") or None if request else None,
        data=data,
    )
