"""Marks: the place where the next page of a log continues, as its address carries it.

The ids of a log are counted over all workspaces, so an id would reveal how much happens in all of them together. A
mark is the id encrypted under SECRET_KEY, valid for one log.
"""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from django.utils.crypto import salted_hmac

# Longer than any mark.
MOST_CHARACTERS = 200


def mark(row_id: int, *, log: str) -> str:
    return _fernet(log).encrypt(str(row_id).encode()).decode()


def row_id(given: str, *, log: str) -> int | None:
    """The id in a mark; None for anything that is no mark of this log."""
    if len(given) > MOST_CHARACTERS or not given.isascii():
        return None
    try:
        return int(_fernet(log).decrypt(given))
    except InvalidToken:
        return None


def _fernet(log: str) -> Fernet:
    derived = salted_hmac(f"bookbag.page_marks.{log}", "", algorithm="sha256").digest()
    return Fernet(urlsafe_b64encode(derived))
