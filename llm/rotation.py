"""Changing the KEK without stopping: a new one is added everywhere, made primary, and takes the rows over.

Each row moves by compare-and-set on the KEK id and wrapped DEK it was read with, so rows that are
replaced, wiped or moved by another process meanwhile are left as they then are. Nothing needs to be
remembered between runs: what is left to do is what the rows say.
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
    """What a rotation needs next, told from the ring and the rows alone."""

    ADD = "add"  # one KEK holds everything: make another
    PROMOTE = "promote"  # a KEK that was never used waits in the ring
    REWRAP = "rewrap"  # rows are left under older KEKs
    DROP = "drop"  # older KEKs hold nothing any more


@dataclass
class Batch:
    """What came of some rows: how many moved, and those that did not open."""

    seen: int = 0
    moved: int = 0
    unreadable: list[ProviderKey | Authenticator] = field(default_factory=list)


def next_step() -> RotationStep:
    ids = vault.ring().ids
    if left():
        # A KEK that waits is promoted first, so that rows are moved once, to the newest.
        return RotationStep.PROMOTE if waiting() else RotationStep.REWRAP
    if waiting():
        return RotationStep.PROMOTE
    return RotationStep.DROP if len(ids) > 1 else RotationStep.ADD


def waiting() -> str | None:
    """The id of a KEK in the ring that is not primary and was never used, the last one first."""
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

    Raises vault.WrongKek before the first, and vault.VaultUnavailable when a KEK's keeper is silent;
    what was yielded is committed and stays.
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
    """The secrets of second factors likewise. One that an older version of Bookbag stored unsealed is sealed."""
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
            # Outside the transaction: a KMS may take its time.
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
