"""Entering a provider key: it is checked, sealed and made the active one; the previous one is superseded."""

from django.db import transaction
from django.http import HttpRequest

from llm import listing, ring, shape, vault
from llm.keys.acts import lock, record
from llm.keys.checking import error_of, remember
from llm.keys.errors import NoActiveKey, NoSuchRegion, SecretRejected, SecretUnfit
from llm.keys.held import active, held_by
from llm.keys.retiring import retire
from llm.models import ProviderKey
from llm.sealing import WIPED, new_row
from workspaces import standing
from workspaces.models import User, Workspace

Health = ProviderKey.Health
State = ProviderKey.State


def enter(
    workspace: Workspace | None,
    *,
    provider: str,
    secret: vault.Secret,
    by: User | None,
    request: HttpRequest | None = None,
    only_if_accepted: bool = False,
) -> ProviderKey:
    """Check `secret` with its provider, then make it the active key, with the health that the check showed.

    `only_if_accepted`: a secret that the provider rejects is not stored; raises SecretRejected. A secret that could
    not be checked is stored either way, since it may be valid.
    """
    if not shape.runs_replies(secret.reveal()):
        raise SecretUnfit
    before = active(workspace, provider)
    checked = listing.ask(provider, secret, region=before.region if before else "")
    found = Health(checked.health)
    if only_if_accepted and found == Health.REJECTED:
        raise SecretRejected
    row = replace(
        workspace,
        provider=provider,
        secret=secret,
        by=by,
        request=request,
        found=found,
        error=error_of(found, checked),
    )
    remember(row, checked)
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
    """Make `secret` the active key of `provider`, without asking the provider.

    The previous key is superseded, and its region is kept.

    `found` and `error`: what a check showed. The superseded key can be restored for 24 hours; an earlier superseded
    one is wiped. Raises SecretUnfit, or vault.VaultError when it cannot be sealed.
    """
    if not shape.runs_replies(secret.reveal()):
        raise SecretUnfit
    ring.assert_genuine()
    return _put_in_place(new_row(workspace, provider, secret, by=by, found=found, error=error), by, request)


def _put_in_place(row: ProviderKey, by: User | None, request: HttpRequest | None) -> ProviderKey:
    with transaction.atomic():
        lock(row.workspace)
        if row.workspace is not None:
            standing.require_open(row.workspace)
        previous = active(row.workspace, row.provider)
        held_by(row.workspace).filter(provider=row.provider, state=State.SUPERSEDED).update(**WIPED)
        if previous is not None:
            retire(previous, State.SUPERSEDED)
            row.region = previous.region
        row.save(force_insert=True)
        record(
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
        lock(workspace)
        row = active(workspace, provider)
        if row is None:
            raise NoActiveKey
        before, row.region = row.region, region
        row.save(update_fields=["region"])
        if before != region:
            record(
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
