"""Changing the KEK without downtime: a new one is added to every process, made primary, and the rows move to it.

Each row is updated only if it still has the KEK id and wrapped DEK that were read, so a row that another process
replaced, wiped or moved meanwhile is left alone. No state is kept between runs: the rows show what is left to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from allauth.mfa.models import Authenticator
from django.db import transaction

from llm import factor_secrets, keys, ring, vault
from llm.models import KekRecord, ProviderKey
from workspaces import audit


class RotationStep(StrEnum):
    """The next step of a rotation, derived from the ring and the rows alone."""

    ADD = "add"  # all rows are under one KEK: make a new one
    PROMOTE = "promote"  # the ring has a KEK that was never used
    REWRAP = "rewrap"  # some rows are under older KEKs
    DROP = "drop"  # no row is under the older KEKs any more


@dataclass
class Batch:
    """The result for a batch of rows: how many moved, and those that did not open."""

    seen: int = 0
    moved: int = 0
    unreadable: list[ProviderKey | Authenticator] = field(default_factory=list)


def next_step() -> RotationStep:
    ids = vault.ring().ids
    if left():
        # An unused KEK is promoted before rows are moved, so that they move only once.
        return RotationStep.PROMOTE if waiting() else RotationStep.REWRAP
    if waiting():
        return RotationStep.PROMOTE
    return RotationStep.DROP if len(ids) > 1 else RotationStep.ADD


def waiting() -> str | None:
    """The id of a KEK in the ring that is not primary and was never used; the last such one."""
    used = set(KekRecord.objects.values_list("kek_id", flat=True))
    return next((kek_id for kek_id in reversed(vault.ring().ids[1:]) if kek_id not in used), None)


def fresh_id() -> str:
    """An id that no KEK has had: k1, k2, …"""
    taken = {*vault.ring().ids, *ring.rows_per_kek(), *KekRecord.objects.values_list("kek_id", flat=True)}
    number = len(taken) + 1
    while f"k{number}" in taken:
        number += 1
    return f"k{number}"


def left() -> int:
    """How many rows are not sealed under the newest KEK."""
    newest = vault.ring().ids[0]
    keys_left = ProviderKey.objects.exclude(kek_id__in=["", newest]).count()
    return keys_left + factor_secrets.not_under(newest).count()


def rewrap_all(size: int) -> Iterator[Batch]:
    """Move every row to the newest KEK, `size` rows to a transaction, yielding after each.

    Raises vault.WrongKek before the first batch, and vault.VaultUnavailable when a KMS does not answer; batches
    already yielded stay committed.
    """
    ring.assert_genuine()
    after = None
    while True:
        rows = ProviderKey.objects.exclude(kek_id__in=["", vault.ring().ids[0]]).order_by("pk")
        page = list((rows.filter(pk__gt=after) if after else rows).select_related("workspace")[:size])
        if not page:
            break
        after = page[-1].pk
        yield _rewrap(page)
    yield from _rewrap_factors(size)


def _rewrap_factors(size: int) -> Iterator[Batch]:
    """The same for the secrets of second factors. Those that an older version of Bookbag stored unsealed are sealed."""
    after = 0
    while page := list(factor_secrets.not_under(vault.ring().ids[0]).filter(pk__gt=after)[:size]):
        after = page[-1].pk
        batch = Batch(seen=len(page))
        ready = []
        for row in page:
            try:
                ready.append((row, factor_secrets.rewrapped(row)))
            except (vault.UnknownKek, vault.SecretUnreadable):
                batch.unreadable.append(row)
        with transaction.atomic():
            batch.moved = sum(factor_secrets.move(row, sealed) for row, sealed in ready)
        yield batch


def _rewrap(page: list[ProviderKey]) -> Batch:
    batch = Batch(seen=len(page))
    ready = []
    for row in page:
        try:
            # Outside the transaction, because a KMS may be slow.
            ready.append((row, vault.rewrap(keys.sealed_of(row), binding=keys.binding_of_row(row))))
        except (vault.UnknownKek, vault.SecretUnreadable):
            batch.unreadable.append(row)
    with transaction.atomic():
        batch.moved = sum(_move(row, sealed) for row, sealed in ready)
    return batch


def _move(row: ProviderKey, sealed: vault.Sealed) -> bool:
    unchanged = ProviderKey.objects.filter(pk=row.pk, kek_id=row.kek_id, wrapped_dek=bytes(row.wrapped_dek))
    moved = unchanged.update(kek_id=sealed.kek_id, wrapped_dek=sealed.wrapped_dek) == 1
    if moved:
        audit.record(
            row.workspace,
            "provider_key.rewrapped",
            provider=row.provider,
            mask=row.mask,
            before=row.kek_id,
            after=sealed.kek_id,
        )
    return moved
