"""Refreshing the accounts' model lists every day, without spending tokens, one key at a time.

The server's duties take a few keys a round (agents/running/duties.py), so that the lists of a thousand keys spread
over the day; `refresh_models` takes all of them at once. A failure is logged and does not stop the others. A key's
health changes only when the provider says that the key itself is not accepted.
"""

import datetime as dt
import logging

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from llm import health, keys, listing, vault
from llm.models import ProviderKey
from llm.providers.base import KeyHealth

log = logging.getLogger(__name__)

EVERY = dt.timedelta(days=1)
# Few enough that, at listing.CHECK_SECONDS each, all are done between two sweeps of 30 seconds.
KEYS_A_ROUND = 5


def all_keys() -> QuerySet[ProviderKey]:
    """The active keys that may list models, the platform's among them."""
    rows = ProviderKey.objects.filter(state=ProviderKey.State.ACTIVE, may_list=True).sealed()
    return rows.select_related("workspace").order_by("added_at", "pk")


def take_round() -> int:
    """Refresh the keys that are due, at most KEYS_A_ROUND; returns how many. Safe while other processes do the same."""
    now = timezone.now()
    # The list of a new key was fetched when the key was entered.
    last = Coalesce("listed_at", "added_at")
    due = all_keys().alias(last=last).filter(last__lt=now - EVERY).order_by("last")
    return sum(_claim_and_refresh(row, now) for row in list(due[:KEYS_A_ROUND]))


def _claim_and_refresh(row: ProviderKey, now: dt.datetime) -> bool:
    is_ours = _claim(row, now)
    if is_ours:
        refresh(row)
    return is_ours


def _claim(row: ProviderKey, now: dt.datetime) -> bool:
    """Claim the refresh of a key; True for one process.

    The key is marked first, so that a failed refresh also waits a day.
    """
    mine = ProviderKey.objects.filter(pk=row.pk, listed_at=row.listed_at, state=ProviderKey.State.ACTIVE)
    return mine.update(listed_at=now) == 1


def refresh(row: ProviderKey) -> str:
    """Fetch the list of the key's account and store it. Returns the kind of failure as a word, or an empty text."""
    try:
        problem = _ask_and_store(row)
    except vault.VaultError as error:
        problem = type(error).__name__
    except Exception as error:  # a failure with one key must not keep the others from their lists
        problem = type(error).__name__
        log.exception("the model list of %s %s was not refreshed", row.provider, row.mask)
    if problem:
        whose = row.workspace.slug if row.workspace else "platform"
        log.warning("no model list for %s's %s key %s: %s", whose, row.provider, row.mask, problem)
    return problem


def _ask_and_store(row: ProviderKey) -> str:
    checked = listing.ask(row.provider, keys.open_row(row, purpose="list_models"), region=row.region)
    if checked.models:
        listing.store(row, checked.models)
    if not checked.may_list:
        ProviderKey.objects.filter(pk=row.pk).update(may_list=False)
    if checked.health == KeyHealth.REJECTED:
        health.mark(row.pk, ProviderKey.Health.REJECTED, error=checked.fault.value if checked.fault else "")
    return checked.fault.value if checked.fault else ""
