"""Checks that the KEKs in VAULT_KEYS are the ones that the stored secrets were sealed under.

The first use of a KEK id stores a proof of that KEK. Sealing compares the proof, so that a wrong KEK under a known
id can neither seal nor rewrap a secret. Start-up and `/readyz` report `problems`.
"""

from collections import Counter

from django.db.models import Count

from llm import factor_secrets, vault
from llm.models import KekRecord, ProviderKey


def assert_genuine() -> None:
    """Raises vault.WrongKek unless the newest KEK is the one first used under its id."""
    kek = vault.ring().primary
    record, _ = KekRecord.objects.get_or_create(kek_id=kek.kek_id, defaults={"proof": kek.proof})
    if bytes(record.proof) != kek.proof:
        raise vault.WrongKek(kek.kek_id)


def rows_per_kek() -> dict[str, int]:
    """How many sealed rows each KEK id has, newest first. Ids of the ring are included even without rows."""
    sealed = ProviderKey.objects.sealed().order_by()
    stored = Counter(dict(sealed.values_list("kek_id").annotate(rows=Count("pk"))))
    stored.update(factor_secrets.rows_per_kek())
    ids = [*vault.ring().ids, *sorted(set(stored) - set(vault.ring().ids))]
    return {kek_id: stored[kek_id] for kek_id in ids}


def impostors() -> list[str]:
    """The ids whose KEK in VAULT_KEYS is not the one used before."""
    ring = vault.ring()
    records = KekRecord.objects.filter(kek_id__in=ring.ids)
    return [record.kek_id for record in records if bytes(record.proof) != ring.get(record.kek_id).proof]


def problems() -> list[str]:
    """What is wrong with VAULT_KEYS, given the stored rows: one sentence each, which names only ids."""
    ring = vault.ring()
    found = [
        f"VAULT_KEYS holds another KEK under the id {kek_id!r} than the one used before. Put the old one back."
        for kek_id in impostors()
    ]
    missing = {kek_id: rows for kek_id, rows in rows_per_kek().items() if kek_id not in ring.ids}
    return found + [
        f"VAULT_KEYS lacks {kek_id!r}, under which {rows} stored secret{' is' if rows == 1 else 's are'} sealed."
        for kek_id, rows in missing.items()
    ]
