"""Asking a provider about a stored key, free of tokens: does it accept the key, and which models does it list?

The provider is asked outside any transaction, and about one key by one caller at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest

from llm import health, listing, vault
from llm.keys.acts import record
from llm.keys.errors import CheckRunning
from llm.keys.opening import open_row
from llm.models import ProviderKey
from llm.providers.base import Checked, Fault, ProviderError
from workspaces.models import User

# The columns of a row that checks and replies change.
LEARNT = ["health", "health_at", "last_good_at", "last_error", "last_error_at", "may_list", "listed_at"]

Health = ProviderKey.Health


def verify(row: ProviderKey, *, by: User | None = None, request: HttpRequest | None = None) -> Health:
    """Check a stored key; store the result (in `row` too) and the account's models.

    A key that does not open is marked unreadable. Raises CheckRunning, vault.VaultUnavailable.
    """
    try:
        with alone(row):
            checked = listing.ask(row.provider, open_row(row, purpose="verify"), region=row.region)
    except vault.VaultUnavailable:
        raise
    except vault.VaultError:
        checked = None
    found = _found(row, checked)
    with transaction.atomic():
        if checked:
            remember(row, checked)
        if found is not None:
            health.mark(row.pk, found, error=error_of(found, checked), by=by, request=request)
        row.refresh_from_db(fields=LEARNT)
        record(
            row.workspace, "verified", by, request, provider=row.provider, mask=row.mask, health=row.health
        )
    return Health(row.health)


def _found(row: ProviderKey, checked: Checked | None) -> Health | None:
    """The health that a check shows; None when the check may not list models but a reply has shown that the key works."""
    if checked is None:
        return Health.UNREADABLE
    if checked.fault is Fault.LACKS_PERMISSION and row.health == Health.VALID:
        return None
    return Health(checked.health)


def error_of(found: Health, checked: Checked | None) -> str:
    """The last error to store after a check; empty when the key works."""
    if found == Health.VALID:
        return ""
    return checked.fault.value if checked and checked.fault else found.value


def remember(row: ProviderKey, checked: Checked) -> None:
    """Store the other results of a check: whether the key may list models, and the list."""
    if checked.fault in (None, Fault.LACKS_PERMISSION):
        row.may_list = checked.may_list
        ProviderKey.objects.filter(pk=row.pk).update(may_list=checked.may_list)
    if checked.models:
        listing.store(row, checked.models)


def list_account_models(row: ProviderKey) -> list[str]:
    """The model ids that the key's account offers, fetched now and stored.

    Raises CheckRunning, vault.VaultError or ProviderError.
    """
    with alone(row):
        checked = listing.ask(row.provider, open_row(row, purpose="list_models"), region=row.region)
    remember(row, checked)
    if checked.fault is not None:
        raise ProviderError(checked.fault)
    return sorted(row.listed_models.values_list("model_id", flat=True))


@contextmanager
def alone(row: ProviderKey) -> Iterator[None]:
    """Allow one check of a stored key at a time, so that a second press of the button does not block another thread.

    Raises CheckRunning.
    """
    name = f"provider-key-check:{row.pk}"
    if not cache.add(name, True, timeout=2 * listing.CHECK_SECONDS):
        raise CheckRunning
    try:
        yield
    finally:
        cache.delete(name)
