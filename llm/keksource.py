"""Sources of key-encryption keys: their interface, and the KEK that is kept in AWS KMS.

A *local* KEK is 32 bytes of the ring in `VAULT_KEYS` (the environment or a file); `llm/vault.py` defines it, because
only that file may import cryptography. A *KMS* KEK never leaves Amazon: we send the DEK to KMS to be wrapped, with
the row's binding as encryption context, which KMS authenticates.

    KekError
    ├── KekRefused      this KEK did not wrap these bytes for this row
    └── KekUnreachable  the KMS could not be asked; says nothing about the row
"""

import time
from collections import OrderedDict
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import Any, Protocol

Context = tuple[tuple[str, str], ...]


class KekError(Exception):
    """A KEK did not wrap or unwrap."""


class KekRefused(KekError):
    """The wrapped DEK is damaged, belongs to another row, or was wrapped by another KEK."""


class KekUnreachable(KekError):
    """The KMS that keeps the KEK is down or denies access, or its library is not installed."""


class Kek(Protocol):
    """One key-encryption key of the ring."""

    kek_id: str

    @property
    def proof(self) -> bytes:
        """16 bytes that distinguish this KEK from another with the same id and reveal nothing of it."""

    def wrap(self, dek: bytes, context: Context) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: Context) -> bytes: ...


class KmsKek:
    """A symmetric key in AWS KMS, named by its ARN. Credentials and endpoint are boto3's usual ones.

    An unwrapped DEK is cached for DEK_SECONDS, so that a busy agent does not wait for Amazon on every reply. So
    access withdrawn in KMS takes effect here within that time.
    """

    DEK_SECONDS = 300.0
    REMEMBERED = 1024

    # KMS errors that are about the ciphertext or its context, not about KMS itself.
    REFUSALS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})

    def __init__(self, kek_id: str, arn: str) -> None:
        self.kek_id = kek_id
        self.arn = arn
        self._deks: OrderedDict[tuple[bytes, Context], tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"KmsKek({self.kek_id})"

    @property
    def proof(self) -> bytes:
        return sha256(self.arn.encode()).digest()[:16]

    def wrap(self, dek: bytes, context: Context) -> bytes:
        answer = self._ask("encrypt", KeyId=self.arn, Plaintext=dek, EncryptionContext=dict(context))
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        place = (sha256(wrapped).digest(), context)
        remembered = self._recall(place)
        if remembered is not None:
            return remembered
        answer = self._ask("decrypt", KeyId=self.arn, CiphertextBlob=wrapped, EncryptionContext=dict(context))
        dek = bytes(answer["Plaintext"])
        self._remember(place, dek)
        return dek

    @cached_property
    def _client(self) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise KekUnreachable("AWS KMS needs the optional extra: uv sync --extra aws") from error
        limits = Config(connect_timeout=2, read_timeout=3, retries={"max_attempts": 2, "mode": "standard"})
        return boto3.client("kms", region_name=self.arn.split(":")[3], config=limits)

    def _ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        client = self._client
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(client, verb)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            # Raised `from None`: the cause's text and frames contain the request, including the DEK.
            kind = KekRefused if code in self.REFUSALS else KekUnreachable
            raise kind(f"AWS KMS answered {code or 'an error'}.") from None
        except BotoCoreError as error:
            raise KekUnreachable(f"AWS KMS was not reached ({type(error).__name__}).") from None

    def _recall(self, place: tuple[bytes, Context]) -> bytes | None:
        with self._lock:
            until, dek = self._deks.get(place, (0.0, b""))
            return dek if until > time.monotonic() else None

    def _remember(self, place: tuple[bytes, Context], dek: bytes) -> None:
        with self._lock:
            self._deks[place] = (time.monotonic() + self.DEK_SECONDS, dek)
            while len(self._deks) > self.REMEMBERED:
                self._deks.popitem(last=False)
