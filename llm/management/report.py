"""How the vault's commands print rows and KEKs: by ids, slugs and masks."""

from allauth.mfa.models import Authenticator

from llm import vault
from llm.models import ProviderKey


def describe(row: ProviderKey | Authenticator) -> str:
    """A row in words by which an operator can find it: owner, row, KEK."""
    if isinstance(row, Authenticator):
        return f"  {row.pk}  person {row.user_id}  second factor  {row.type}"
    whose = row.workspace.slug if row.workspace else "platform"
    return f"  {row.pk}  {whose}  {row.provider}  {row.mask}  {row.state}  KEK {row.kek_id}"


def tally(rows: dict[str, int]) -> list[str]:
    """A line for each KEK id: how many rows it has, and whether it can leave the ring."""
    ids = vault.ring().ids
    width = max(map(len, rows))
    return [
        f"  {kek_id.ljust(width)}  {count:>7} rows  {_standing(kek_id, count, ids)}"
        for kek_id, count in rows.items()
    ]


def _standing(kek_id: str, count: int, ids: tuple[str, ...]) -> str:
    if kek_id == ids[0]:
        return "newest: every new key is sealed under it"
    if kek_id not in ids:
        return "NOT IN VAULT_KEYS: these rows cannot be opened"
    if count:
        return "still needed: do not drop it"
    return "not needed by any row now; backups made before still are, so keep a copy as long as those"
