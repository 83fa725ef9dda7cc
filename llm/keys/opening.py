"""Opening a stored provider key outside a reply. Each opening is counted under its purpose.

Replies open keys in llm/gateway.py. No other module may call `vault.unseal`; a test checks that.
"""

from uuid import UUID

from django.utils import timezone

from llm import unseals, vault
from llm.health import note_unreadable
from llm.models import ProviderKey
from llm.sealing import binding_of_row, sealed_of

Health = ProviderKey.Health


def count_unseal(provider_key_id: UUID, *, purpose: str) -> None:
    """Count one opening of a key; written to the database by `upkeep.run`."""
    unseals.count(provider_key_id, purpose)


def open_row(row: ProviderKey, *, purpose: str) -> vault.Secret:
    """The row's secret, counted under `purpose`. Raises vault.VaultError, and marks a row that cannot open."""
    try:
        secret = vault.unseal(sealed_of(row), binding=binding_of_row(row))
    except (vault.UnknownKek, vault.SecretUnreadable):
        note_unreadable(row.pk)
        raise
    count_unseal(row.pk, purpose=purpose)
    return secret


def assert_opens(row: ProviderKey) -> None:
    """Check that the row opens; it may come from another database.

    The secret is dropped; nothing is written. Raises vault.VaultError.
    """
    vault.unseal(sealed_of(row), binding=binding_of_row(row))


def try_opening(row: ProviderKey) -> bool:
    """Open the row and drop the secret. If the row was marked unreadable, remove the mark and return True.

    Raises vault.VaultError without marking the row: another process may have the right ring.
    """
    assert_opens(row)
    count_unseal(row.pk, purpose="check")
    marked = ProviderKey.objects.filter(pk=row.pk, health=Health.UNREADABLE)
    return marked.update(health=Health.UNVERIFIED, health_at=timezone.now()) == 1
