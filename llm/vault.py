"""The vault: seals a secret so that it opens only for one row. No other file encrypts or decrypts.

Envelope encryption: a fresh *DEK* seals each secret with AES-256-GCM, authenticated together with the row's
*binding*; a *KEK* of the ring wraps the DEK (django-cryptography's FernetBytes with keys of our own derivation, or
AWS KMS). The newest KEK wraps, every KEK of the ring unwraps. FernetBytes has no associated data, so the GCM layer
alone ties the parts to their row.

    VaultError
    ├── UnknownKek        the ring has no KEK of that id
    ├── WrongKek          a KEK of that id is in the ring, but it is not the one used before
    ├── SecretUnreadable  damaged, moved from another row, or wrapped by another KEK
    └── VaultUnavailable  a KMS could not be asked for the KEK; try again later
"""

import json
import os
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.signing import BadSignature
from django_cryptography.core.signing import FernetSigner
from django_cryptography.utils.crypto import FernetBytes, InvalidToken

from llm.keksource import Context, Kek, KekRefused, KekUnreachable, KmsKek

SCHEMA = 1
NONCE_BYTES = 12
DEK_BITS = 256


class VaultError(Exception):
    """A secret could not be sealed or opened. Never carries key material."""


class UnknownKek(VaultError):
    def __init__(self, kek_id: str) -> None:
        super().__init__(f"No KEK named {kek_id!r} is in VAULT_KEYS.")
        self.kek_id = kek_id


class WrongKek(VaultError):
    def __init__(self, kek_id: str) -> None:
        super().__init__(f"VAULT_KEYS holds another KEK under the id {kek_id!r} than the one used before.")
        self.kek_id = kek_id


class SecretUnreadable(VaultError):
    """The secret does not open. Which part is at fault is deliberately not told."""

    def __init__(self) -> None:
        super().__init__("The sealed secret does not open for this row.")


class VaultUnavailable(VaultError):
    """The KEK is in a KMS that did not answer."""


class NeverCopied:
    """Base class of objects with plaintext key material: they cannot be copied or serialised."""

    __slots__ = ()

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError(f"A {type(self).__name__} is never copied or serialised.")

    # pickle, copy and deepcopy (so dataclasses.asdict, too) all call one of these methods.
    __reduce__ = __reduce_ex__ = __getstate__ = __copy__ = __deepcopy__ = _refuse


class Secret(NeverCopied):
    """A provider's key in plaintext. `repr`, `str` and formatting hide it; only `reveal()` returns it."""

    __slots__ = ("_plaintext",)
    _plaintext: str

    def __init__(self, plaintext: str) -> None:
        object.__setattr__(self, "_plaintext", plaintext)

    def reveal(self) -> str:
        """The plaintext; use it only for the header of a provider call."""
        return self._plaintext

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("A secret does not change.")


@dataclass(frozen=True, slots=True)
class Binding:
    """The values that a secret is sealed for; it opens only for exactly the same ones."""

    purpose: str
    workspace: str  # a workspace's id, or PLATFORM
    provider: str
    row: str

    PLATFORM = "platform"

    def associated_data(self) -> bytes:
        """The binding as bytes: a JSON list, so that no two bindings have the same encoding."""
        parts = ["bookbag", SCHEMA, self.purpose, self.workspace, self.provider, self.row]
        return json.dumps(parts, separators=(",", ":")).encode()

    def context(self) -> Context:
        """The same values as pairs of name and value, for a KEK that authenticates them itself."""
        return (
            ("app", "bookbag"),
            ("provider", self.provider),
            ("purpose", self.purpose),
            ("row", self.row),
            ("schema", str(SCHEMA)),
            ("workspace", self.workspace),
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed secret as the database stores it. The GCM tag is the last 16 bytes of `ciphertext`."""

    kek_id: str
    wrapped_dek: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class LocalKek(NeverCopied):
    """A KEK of 32 bytes from VAULT_KEYS. Two keys are derived from it, one to encrypt and one to authenticate."""

    def __init__(self, kek_id: str, material: bytes) -> None:
        self.kek_id = kek_id
        derived = _derive(material, f"bookbag/kek/{kek_id}", 64)
        self._fernet = FernetBytes(derived[:32], FernetSigner(derived[32:]))
        self.proof = _derive(material, f"bookbag/kek-proof/{kek_id}", 16)

    def __repr__(self) -> str:
        return f"LocalKek({self.kek_id})"

    def wrap(self, dek: bytes, context: Context) -> bytes:
        return self._fernet.encrypt(dek)

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        try:
            return self._fernet.decrypt(wrapped)
        except (BadSignature, InvalidToken):
            raise KekRefused("The wrapped DEK is not this KEK's.") from None


class Ring(NeverCopied):
    """All KEKs that this process has, newest first."""

    def __init__(self, entries: tuple[tuple[str, bytes | str], ...]) -> None:
        self._entries = entries

    def __repr__(self) -> str:
        return f"Ring({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(kek_id for kek_id, _ in self._entries)

    @cached_property
    def _keks(self) -> dict[str, Kek]:
        return {kek_id: _kek(kek_id, held) for kek_id, held in self._entries}

    @property
    def primary(self) -> Kek:
        return self._keks[self._entries[0][0]]

    def get(self, kek_id: str) -> Kek:
        """Raises UnknownKek."""
        try:
            return self._keks[kek_id]
        except KeyError:
            raise UnknownKek(kek_id) from None


def ring() -> Ring:
    """The ring of VAULT_KEYS, its keys derived once per process."""
    return _ring(tuple(settings.VAULT_KEYS))


def new_kek() -> bytes:
    """32 fresh random bytes for a new entry of VAULT_KEYS."""
    return AESGCM.generate_key(DEK_BITS)


class Envelope(NeverCopied):
    """A fresh DEK for one secret of one row, already wrapped by the newest KEK, so that sealing calls no KMS."""

    def __init__(self, binding: Binding) -> None:
        """May call a KMS, so make it outside transactions. Raises VaultUnavailable."""
        kek = ring().primary
        self.binding, self.kek_id = binding, kek.kek_id
        self._dek = AESGCM.generate_key(DEK_BITS)
        self._wrapped = _wrap(kek, self._dek, binding)

    def seal(self, secret: Secret) -> Sealed:
        nonce = os.urandom(NONCE_BYTES)
        data = self.binding.associated_data()
        ciphertext = AESGCM(self._dek).encrypt(nonce, secret.reveal().encode(), data)
        return Sealed(self.kek_id, self._wrapped, nonce, ciphertext)


def seal(secret: Secret, *, binding: Binding) -> Sealed:
    """Encrypt `secret` for the row of `binding`, under the newest KEK. Raises VaultUnavailable."""
    return Envelope(binding).seal(secret)


def unseal(sealed: Sealed, *, binding: Binding) -> Secret:
    """The secret, if every part of `sealed` is undamaged and was sealed for `binding`.

    Raises UnknownKek, SecretUnreadable or VaultUnavailable; never returns anything unauthenticated.
    """
    dek = _unwrap(sealed, binding)
    try:
        plaintext = AESGCM(dek).decrypt(sealed.nonce, sealed.ciphertext, binding.associated_data())
    except (InvalidTag, ValueError):
        # ValueError: a nonce or DEK of an impossible length.
        raise SecretUnreadable from None
    return Secret(plaintext.decode())


def rewrap(sealed: Sealed, *, binding: Binding) -> Sealed:
    """The same sealed secret with its DEK wrapped under the newest KEK; the secret itself is not opened.

    Raises UnknownKek, SecretUnreadable or VaultUnavailable.
    """
    kek = ring().primary
    return replace(sealed, kek_id=kek.kek_id, wrapped_dek=_wrap(kek, _unwrap(sealed, binding), binding))


def probe() -> None:
    """Seal and open a throwaway secret in memory. Raises VaultError if the newest KEK does not work."""
    binding = Binding("probe", Binding.PLATFORM, "none", "none")
    thrown_away = new_kek().hex()
    if unseal(seal(Secret(thrown_away), binding=binding), binding=binding).reveal() != thrown_away:
        raise SecretUnreadable


def _wrap(kek: Kek, dek: bytes, binding: Binding) -> bytes:
    try:
        return kek.wrap(dek, binding.context())
    except (KekUnreachable, KekRefused) as error:
        raise VaultUnavailable(str(error)) from None


def _unwrap(sealed: Sealed, binding: Binding) -> bytes:
    kek = ring().get(sealed.kek_id)
    try:
        return kek.unwrap(sealed.wrapped_dek, binding.context())
    except KekRefused:
        raise SecretUnreadable from None
    except KekUnreachable as error:
        raise VaultUnavailable(str(error)) from None


def _kek(kek_id: str, held: bytes | str) -> Kek:
    return KmsKek(kek_id, held) if isinstance(held, str) else LocalKek(kek_id, held)


@lru_cache(maxsize=4)
def _ring(entries: tuple[tuple[str, bytes | str], ...]) -> Ring:
    return Ring(entries)


def _derive(material: bytes, info: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info.encode()).derive(material)
