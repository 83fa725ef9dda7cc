"""Sealing a provider key into its row: the binding, the mask, and the columns of the envelope."""

from uuid import UUID, uuid4

from llm import shape, vault
from llm.models import ProviderKey
from workspaces.models import User, Workspace

PURPOSE = "provider_key"
# The envelope columns of a wiped row.
WIPED = {"kek_id": "", "wrapped_dek": b"", "nonce": b"", "ciphertext": b""}

Health = ProviderKey.Health


def binding_of(*, key_id: UUID, workspace_id: int | None, provider: str) -> vault.Binding:
    """The binding of a provider key's row."""
    whose = vault.Binding.PLATFORM if workspace_id is None else str(workspace_id)
    return vault.Binding(PURPOSE, whose, provider, str(key_id))


def sealed_of(row: ProviderKey) -> vault.Sealed:
    return vault.Sealed(row.kek_id, bytes(row.wrapped_dek), bytes(row.nonce), bytes(row.ciphertext))


def binding_of_row(row: ProviderKey) -> vault.Binding:
    return binding_of(key_id=row.pk, workspace_id=row.workspace_id, provider=row.provider)


def new_row(
    workspace: Workspace | None,
    provider: str,
    secret: vault.Secret,
    *,
    by: User | None,
    found: Health,
    error: str = "",
) -> ProviderKey:
    """A row for `secret`, sealed and not yet saved. Raises vault.VaultError.

    `found` and `error` (a provider fault) are the results of a check.
    """
    row = ProviderKey(id=uuid4(), workspace=workspace, provider=provider, added_by=by, health=found)
    row.prefix, row.tail = shape.mask_parts(secret.reveal(), provider)
    sealed = vault.seal(secret, binding=binding_of_row(row))
    row.kek_id, row.wrapped_dek = sealed.kek_id, sealed.wrapped_dek
    row.nonce, row.ciphertext = sealed.nonce, sealed.ciphertext
    if found != Health.UNVERIFIED:
        row.health_at = row.added_at
    if found == Health.VALID:
        row.last_good_at = row.added_at
    elif error or found in (Health.REJECTED, Health.LIMITED):
        row.last_error, row.last_error_at = error or found.value, row.added_at
    return row
