"""The secrets of second factors, sealed by the vault: the seed of an app that shows codes, and that of recovery codes.

django-allauth stores them in its own table, in the JSON of an authenticator, and passes them through
llm/factor_adapter.py. Each is stored as one text that names its KEK: `sealed1:<KEK id>:<wrapped
DEK>:<nonce>:<ciphertext>`, the parts in base64. It opens only for the person that it was sealed for.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import CharField, Count, F, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Substr
from django.db.models.lookups import Exact

from llm import vault
from llm.models import KekRecord

PURPOSE = "second_factor"
MARK = "sealed1"
# The name of the secret in an authenticator's JSON, by the authenticator's type. A passkey has none.
NAMES = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


def envelope(person_id: int) -> vault.Envelope:
    """An envelope for one secret of that person. May call a KMS. Raises vault.VaultError."""
    return vault.Envelope(binding_of(person_id))


def seal(text: str, person_id: int, *, ahead: vault.Envelope | None = None) -> str:
    """Seal the secret, in the envelope made `ahead` if that is this person's, else in a new one.

    Raises vault.VaultError.
    """
    if ahead is None or ahead.binding != binding_of(person_id):
        ahead = envelope(person_id)
    return packed(ahead.seal(vault.Secret(text)))


def unseal(text: str, person_id: int) -> str:
    """Open a stored text. Raises vault.VaultError; SecretUnreadable also for a text that was never sealed."""
    return vault.unseal(unpacked(text), binding=binding_of(person_id)).reveal()


def binding_of(person_id: int) -> vault.Binding:
    return vault.Binding(PURPOSE, vault.Binding.PLATFORM, "none", f"person {person_id}")


def packed(sealed: vault.Sealed) -> str:
    parts = (sealed.wrapped_dek, sealed.nonce, sealed.ciphertext)
    return ":".join([MARK, sealed.kek_id, *(base64.b64encode(part).decode() for part in parts)])


def unpacked(text: str) -> vault.Sealed:
    """Raises vault.SecretUnreadable."""
    parts = text.split(":")
    try:
        if len(parts) != 5 or parts[0] != MARK:
            raise vault.SecretUnreadable
        wrapped, nonce, ciphertext = (base64.b64decode(part, validate=True) for part in parts[2:])
    except binascii.Error:
        raise vault.SecretUnreadable from None
    return vault.Sealed(parts[1], wrapped, nonce, ciphertext)


def name_of(row: Any) -> str:
    """The name of the secret in the row's JSON."""
    return NAMES[Authenticator.Type(row.type)]


def rows_per_kek() -> dict[str, int]:
    """How many secrets are sealed under each KEK id; ids without any are left out."""
    ids = sorted({*vault.ring().ids, *KekRecord.objects.values_list("kek_id", flat=True)})
    found = _rows().aggregate(**{f"under_{kek_id}": Count("pk", filter=_is_under(kek_id)) for kek_id in ids})
    return {kek_id: found[f"under_{kek_id}"] for kek_id in ids if found[f"under_{kek_id}"]}


def not_under(kek_id: str) -> QuerySet[Authenticator]:
    """The ids of secrets that are sealed under another KEK, or not at all."""
    return _rows().exclude(_is_under(kek_id)).order_by("pk")


def rewrapped(row: Authenticator) -> str:
    """The row's secret rewrapped under the newest KEK, or sealed if it never was. Raises vault.VaultError."""
    text = row.data[name_of(row)]
    if not text.startswith(f"{MARK}:"):
        return seal(text, row.user_id)
    return packed(vault.rewrap(unpacked(text), binding=binding_of(row.user_id)))


def move(row: Authenticator, sealed: str) -> bool:
    """Store the new text, unless the row has another secret by now."""
    name = name_of(row)
    now = Authenticator.objects.select_for_update().filter(pk=row.pk).first()
    if now is None or now.data.get(name) != row.data[name]:
        return False
    now.data[name] = sealed
    now.save(update_fields=["data"])
    return True


def unreadable(using: str = "default") -> Iterator[Authenticator]:
    """The secrets that do not open with VAULT_KEYS. Each is opened once and dropped."""
    for row in _rows().using(using).order_by("pk").iterator(chunk_size=500):
        try:
            unseal(row.data[name_of(row)], row.user_id)
        except vault.VaultError:
            yield row


def _rows() -> QuerySet[Authenticator]:
    text = Coalesce(*(KeyTextTransform(name, F("data")) for name in NAMES.values()), output_field=CharField())
    return Authenticator.objects.filter(type__in=NAMES).annotate(sealed_text=text)


def _is_under(kek_id: str) -> Q:
    """Whether a row is sealed under that KEK. Compared with `=`, because SQLite's LIKE would take K1 for k1."""
    start = f"{MARK}:{kek_id}:"
    return Q(Exact(Substr(F("sealed_text"), 1, len(start)), Value(start)))
