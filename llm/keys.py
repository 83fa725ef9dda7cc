"""The life of a provider key: entered, replaced, restored, verified, deleted, wiped.

Every act locks the workspace's LLM settings and writes its audit event in the same transaction.
Provider calls happen outside any transaction. With no workspace, the same acts are done to the
platform's own keys.

    ProviderKeyError
    ├── NoActiveKey       there is nothing to verify, delete or replace
    ├── NoSuchRegion      the provider has none of this name, or the deployment's address has none
    ├── NothingToRestore  no superseded key is left to go back to
    ├── SecretUnfit       cannot be sent in a header, or is a credential of another sort
    ├── CheckRunning      the provider is being asked about this key already
    └── SecretRejected    the provider does not accept it, so it was not stored
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from llm import health, listing, ring, shape, unseals, vault
from llm.health import is_news, note_result, note_unreadable
from llm.listing import base_url
from llm.models import KekRecord, LLMSettings, ProviderKey
from llm.providers.base import Checked, Fault, ProviderError
from llm.sealing import WIPED, binding_of, binding_of_row, new_row, sealed_of
from workspaces import audit
from workspaces.models import User, Workspace

__all__ = [
    "active", "assert_opens", "base_url", "binding_of", "binding_of_row", "count_unseal", "delete", "enter", "is_news",
    "list_account_models", "note_result", "note_unreadable", "open_row", "replace", "restorable", "restore",
    "sealed_of", "set_region", "try_opening", "verify", "wipe_retired",
]  # fmt: skip

# What checks and replies change in a row.
LEARNT = ["health", "health_at", "last_good_at", "last_error", "last_error_at", "may_list", "listed_at"]
RESTORE_WITHIN = dt.timedelta(hours=24)

State = ProviderKey.State
Health = ProviderKey.Health


class ProviderKeyError(Exception):
    """An act on a provider key that could not be done; nothing was changed."""


class NoActiveKey(ProviderKeyError):
    pass


class NoSuchRegion(ProviderKeyError):
    pass


class NothingToRestore(ProviderKeyError):
    pass


class SecretUnfit(ProviderKeyError):
    pass


class CheckRunning(ProviderKeyError):
    pass


class SecretRejected(ProviderKeyError):
    pass


# --- Looking -----------------------------------------------------------------------------------


def held_by(workspace: Workspace | None) -> QuerySet[ProviderKey]:
    """The workspace's keys of every state; the platform's when there is no workspace."""
    return ProviderKey.objects.filter(workspace=workspace)


def active(workspace: Workspace | None, provider: str) -> ProviderKey | None:
    """The one key of `provider` that replies run on."""
    return held_by(workspace).filter(provider=provider, state=State.ACTIVE).first()


def restorable(workspace: Workspace | None, provider: str) -> ProviderKey | None:
    """The key that was superseded last, while it may still be brought back."""
    since = timezone.now() - RESTORE_WITHIN
    rows = held_by(workspace).filter(provider=provider, state=State.SUPERSEDED, retired_at__gt=since)
    return rows.exclude(kek_id="").order_by("-retired_at").first()


# --- Opening -----------------------------------------------------------------------------------


def count_unseal(provider_key_id: UUID, *, purpose: str) -> None:
    """Count one opening of a key; written to the database by `upkeep.run`."""
    unseals.count(provider_key_id, purpose)


def open_row(row: ProviderKey, *, purpose: str) -> vault.Secret:
    """The row's secret, counted under `purpose`. Raises vault.VaultError, and marks a row that cannot open."""
    try:
        secret = vault.unseal(sealed_of(row), binding=binding_of_row(row))
    except (vault.UnknownKek, vault.Unreadable):
        note_unreadable(row.pk)
        raise
    count_unseal(row.pk, purpose=purpose)
    return secret


def assert_opens(row: ProviderKey) -> None:
    """Open the row, from whichever database, and forget what was in it. Writes nothing. Raises vault.VaultError."""
    vault.unseal(sealed_of(row), binding=binding_of_row(row))


def try_opening(row: ProviderKey) -> bool:
    """Open the row and forget what was in it. True if it had been marked unreadable, which is taken back.

    Raises vault.VaultError, and marks nothing: a ring that is wrong here may be right elsewhere.
    """
    assert_opens(row)
    count_unseal(row.pk, purpose="check")
    marked = ProviderKey.objects.filter(pk=row.pk, health=Health.UNREADABLE)
    return marked.update(health=Health.UNVERIFIED, health_at=timezone.now()) == 1


# --- Asking the provider -----------------------------------------------------------------------


def verify(row: ProviderKey, *, by: User | None = None, request: HttpRequest | None = None) -> Health:
    """Check a stored key, remember the answer (in `row` too) and the account's models.

    One that does not open is marked unreadable. Raises CheckRunning, vault.VaultUnavailable.
    """
    try:
        with _alone(row):
            checked = listing.ask(row.provider, open_row(row, purpose="verify"), region=row.region)
    except vault.VaultUnavailable:
        raise
    except vault.VaultError:
        checked = None
    found = _found(row, checked)
    with transaction.atomic():
        if checked:
            _remember(row, checked)
        if found is not None:
            health.mark(row.pk, found, error=_error_of(found, checked), by=by, request=request)
        row.refresh_from_db(fields=LEARNT)
        _record(
            row.workspace, "verified", by, request, provider=row.provider, mask=row.mask, health=row.health
        )
    return Health(row.health)


def _found(row: ProviderKey, checked: Checked | None) -> Health | None:
    """The health that a check shows; None where it shows none and a reply has shown more."""
    if checked is None:
        return Health.UNREADABLE
    if checked.fault is Fault.LACKS_PERMISSION and row.health == Health.VALID:
        return None
    return Health(checked.verdict)


def _error_of(found: Health, checked: Checked | None) -> str:
    if found == Health.VALID:
        return ""
    return checked.fault.value if checked and checked.fault else found.value


def _remember(row: ProviderKey, checked: Checked) -> None:
    """What a check showed beside the key's health. Of no answer, nothing."""
    if checked.fault in (None, Fault.LACKS_PERMISSION):
        row.may_list = checked.may_list
        ProviderKey.objects.filter(pk=row.pk).update(may_list=checked.may_list)
    if checked.models:
        listing.store(row, checked.models)


def list_account_models(row: ProviderKey) -> list[str]:
    """The model ids that the key's account offers, asked for now and stored.

    Raises CheckRunning, vault.VaultError or ProviderError.
    """
    with _alone(row):
        checked = listing.ask(row.provider, open_row(row, purpose="list_models"), region=row.region)
    _remember(row, checked)
    if checked.fault is not None:
        raise ProviderError(checked.fault)
    return sorted(row.listed_models.values_list("model_id", flat=True))


@contextmanager
def _alone(row: ProviderKey) -> Iterator[None]:
    """One question about a stored key at a time, so that pressing a button twice holds no second worker."""
    name = f"provider-key-check:{row.pk}"
    if not cache.add(name, True, timeout=2 * listing.CHECK_SECONDS):
        raise CheckRunning
    try:
        yield
    finally:
        cache.delete(name)


# --- Acts --------------------------------------------------------------------------------------


def enter(
    workspace: Workspace | None,
    *,
    provider: str,
    secret: vault.Secret,
    by: User | None,
    request: HttpRequest | None = None,
    only_if_accepted: bool = False,
) -> ProviderKey:
    """Check `secret` with its provider, then make it the active key, marked with what the check showed.

    `only_if_accepted`: a secret that the provider rejects is not stored; raises SecretRejected. One
    that could not be checked is stored either way, since nothing speaks against it.
    """
    if not shape.runs_replies(secret.reveal()):
        raise SecretUnfit
    before = active(workspace, provider)
    checked = listing.ask(provider, secret, region=before.region if before else "")
    found = Health(checked.verdict)
    if only_if_accepted and found == Health.REJECTED:
        raise SecretRejected
    row = replace(
        workspace,
        provider=provider,
        secret=secret,
        by=by,
        request=request,
        found=found,
        error=_error_of(found, checked),
    )
    _remember(row, checked)
    return row


def replace(
    workspace: Workspace | None,
    *,
    provider: str,
    secret: vault.Secret,
    by: User | None = None,
    request: HttpRequest | None = None,
    found: Health = Health.UNVERIFIED,
    error: str = "",
) -> ProviderKey:
    """Make `secret` the active key of `provider`, superseding the one before, whose region it takes; asks no provider.

    `found` and `error`: what a check showed.
    The superseded key can be restored for 24 hours; the one before it is wiped. Raises SecretUnfit,
    or vault.VaultError when it cannot be sealed.
    """
    if not shape.runs_replies(secret.reveal()):
        raise SecretUnfit
    ring.assert_genuine()
    return _put_in_place(new_row(workspace, provider, secret, by=by, found=found, error=error), by, request)


def delete(
    workspace: Workspace | None, *, provider: str, by: User | None, request: HttpRequest | None = None
) -> ProviderKey:
    """Take the active key away and wipe it, and the one that could be restored. Raises NoActiveKey."""
    with transaction.atomic():
        _lock(workspace)
        row = active(workspace, provider)
        if row is None:
            raise NoActiveKey
        _retire(row, State.DELETED)
        held_by(workspace).filter(provider=provider).exclude(state=State.ACTIVE).update(**WIPED)
        _record(workspace, "deleted", by, request, provider=provider, before=row.mask, after=None)
    return row


def restore(
    workspace: Workspace | None, *, provider: str, by: User | None, request: HttpRequest | None = None
) -> ProviderKey:
    """Swap the active key for the one it superseded, within 24 hours. Raises NothingToRestore."""
    with transaction.atomic():
        _lock(workspace)
        row, displaced = restorable(workspace, provider), active(workspace, provider)
        if row is None:
            raise NothingToRestore
        if displaced is not None:
            _retire(displaced, State.SUPERSEDED)
        row.state, row.retired_at = State.ACTIVE, None
        row.save(update_fields=["state", "retired_at"])
        _record(
            workspace,
            "restored",
            by,
            request,
            provider=provider,
            before=displaced and displaced.mask,
            after=row.mask,
        )
    return row


def set_region(
    workspace: Workspace | None,
    *,
    provider: str,
    region: str,
    by: User | None,
    request: HttpRequest | None = None,
) -> ProviderKey:
    """Choose where the active key's project keeps its data; an empty `region` is the provider's global host.

    Raises NoActiveKey, or NoSuchRegion for a region that is not in listing.regions.
    """
    if region and region not in listing.regions(provider):
        raise NoSuchRegion
    with transaction.atomic():
        _lock(workspace)
        row = active(workspace, provider)
        if row is None:
            raise NoActiveKey
        before, row.region = row.region, region
        row.save(update_fields=["region"])
        if before != region:
            _record(
                workspace,
                "region_changed",
                by,
                request,
                provider=provider,
                mask=row.mask,
                before=before or "global",
                after=region or "global",
            )
    return row


def wipe_retired() -> int:
    """Remove the sealed bytes of keys that can no longer be restored; returns how many."""
    before = timezone.now() - RESTORE_WITHIN
    retired = ProviderKey.objects.exclude(state=State.ACTIVE).exclude(kek_id="")
    return retired.filter(retired_at__lte=before).update(**WIPED)


# --- Underneath --------------------------------------------------------------------------------


def _lock(workspace: Workspace | None) -> None:
    """One writer at a time for a workspace's keys, or for the platform's."""
    if workspace is not None:
        LLMSettings.objects.get_or_create(workspace=workspace)
        LLMSettings.objects.select_for_update().get(workspace=workspace)
    else:
        # The platform has no settings row. The record of the first KEK is there before any key is.
        KekRecord.objects.order_by("first_used_at", "pk").select_for_update().first()


def _put_in_place(row: ProviderKey, by: User | None, request: HttpRequest | None) -> ProviderKey:
    with transaction.atomic():
        _lock(row.workspace)
        previous = active(row.workspace, row.provider)
        held_by(row.workspace).filter(provider=row.provider, state=State.SUPERSEDED).update(**WIPED)
        if previous is not None:
            _retire(previous, State.SUPERSEDED)
            row.region = previous.region
        row.save(force_insert=True)
        _record(
            row.workspace,
            "replaced" if previous else "added",
            by,
            request,
            provider=row.provider,
            before=previous and previous.mask,
            after=row.mask,
            health=row.health,
        )
    return row


def _retire(row: ProviderKey, state: ProviderKey.State) -> None:
    row.state, row.retired_at = state, timezone.now()
    fields = ["state", "retired_at"]
    if state == State.DELETED:
        for name, empty in WIPED.items():
            setattr(row, name, empty)
        fields += WIPED
    row.save(update_fields=fields)


def _record(
    workspace: Workspace | None, verb: str, by: User | None, request: HttpRequest | None, **data: object
) -> None:
    audit.record(workspace, f"provider_key.{verb}", actor=by, request=request, **data)
