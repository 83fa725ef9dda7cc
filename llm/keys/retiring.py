"""Taking a provider key out of use: superseded (restorable for a day), deleted, or wiped for good."""

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from llm.keys.acts import lock, record
from llm.keys.errors import NoActiveKey, NothingToRestore
from llm.keys.held import RESTORE_WITHIN, active, held_by, restorable
from llm.models import ProviderKey
from llm.sealing import WIPED
from workspaces.models import User, Workspace

State = ProviderKey.State


def delete(
    workspace: Workspace | None, *, provider: str, by: User | None, request: HttpRequest | None = None
) -> ProviderKey:
    """Retire and wipe the active key and the one that could be restored. Raises NoActiveKey."""
    with transaction.atomic():
        lock(workspace)
        row = active(workspace, provider)
        if row is None:
            raise NoActiveKey
        retire(row, State.DELETED)
        held_by(workspace).filter(provider=provider).exclude(state=State.ACTIVE).update(**WIPED)
        record(workspace, "deleted", by, request, provider=provider, before=row.mask, after=None)
    return row


def restore(
    workspace: Workspace | None, *, provider: str, by: User | None, request: HttpRequest | None = None
) -> ProviderKey:
    """Swap the active key for the one it superseded, within 24 hours. Raises NothingToRestore."""
    with transaction.atomic():
        lock(workspace)
        row, displaced = restorable(workspace, provider), active(workspace, provider)
        if row is None:
            raise NothingToRestore
        if displaced is not None:
            retire(displaced, State.SUPERSEDED)
        row.state, row.retired_at = State.ACTIVE, None
        row.save(update_fields=["state", "retired_at"])
        record(
            workspace,
            "restored",
            by,
            request,
            provider=provider,
            before=displaced and displaced.mask,
            after=row.mask,
        )
    return row


def destroy(workspace: Workspace) -> None:
    """Wipe every key of a deleted workspace, active or not, within the caller's transaction."""
    lock(workspace)
    for row in held_by(workspace).filter(state=State.ACTIVE):
        retire(row, State.DELETED)
    held_by(workspace).update(added_by=None, **WIPED)


def wipe_retired() -> int:
    """Remove the sealed bytes of keys that can no longer be restored; returns how many."""
    before = timezone.now() - RESTORE_WITHIN
    retired = ProviderKey.objects.exclude(state=State.ACTIVE).sealed()
    return retired.filter(retired_at__lte=before).update(**WIPED)


def retire(row: ProviderKey, state: ProviderKey.State) -> None:
    """Take a key out of use, within the caller's transaction. A deleted one loses its sealed bytes at once."""
    row.state, row.retired_at = state, timezone.now()
    fields = ["state", "retired_at"]
    if state == State.DELETED:
        for name, empty in WIPED.items():
            setattr(row, name, empty)
        fields += WIPED
    row.save(update_fields=fields)
