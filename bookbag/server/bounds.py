"""Limits on requests: path, headers and body. They apply before the sender is known."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# Characters of a path. Ours are much shorter, and Django's admin has a URL pattern whose time is the square of the
# path's length.
LONGEST_PATH = 1000
# Bytes of one header. Cookies together may be longer. In the other headers, parsing a letter may take as long as
# twenty elsewhere.
LONGEST_HEADER = 8 * 1024
LONGEST_CONTENT_TYPE = 200
# Bytes of a message or form. Their texts have at most 20,000 characters, each of at most twelve bytes in
# percent-encoding.
FORM_BYTES = 512 * 1024
# Bytes of a source, which may be a book: a million characters of four bytes, plus the multipart framing.
SOURCE_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 64 * 1024
SOURCES = "/sources/"
# Bytes of several files at once, which are spooled to the disk: two of the largest, plus the multipart framing.
FILES_BYTES = 2 * settings.SOURCE_FILE_MB * 1024**2 + SOURCE_BYTES
FILES = "/sources/files/"
# Escape signs, each of which takes half a microsecond: four for each character of a message or form, and some more.
FORM_ESCAPES = 100_000
# A form of up to this many bytes is parsed in a few milliseconds, whatever it contains.
READ_AT_ONCE = 16 * 1024


class TooLarge(Exception):
    """The body has more bytes than allowed."""


def most_bytes(scope: Scope) -> int:
    """The limit of this request's body.

    Parsing a form takes 0.3 s for each megabyte, before the sender is known.
    """
    if scope["path"].endswith(FILES):
        return FILES_BYTES
    return SOURCE_BYTES if SOURCES in scope["path"] else FORM_BYTES


def refuse_announced_flood(scope: Scope, most: int) -> None:
    """Raises TooLarge if the headers announce a body that is too large, so that it need not be sent."""
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    if announced.isdigit() and int(announced[:20]) > most:
        raise TooLarge


def up_to(most: int, receive: Receive) -> Receive:
    """`receive`, which raises TooLarge once the body has more than `most` bytes, or a form too many escapes."""
    left, escapes = most, FORM_ESCAPES if most <= FORM_BYTES else most

    async def counted() -> MutableMapping[str, Any]:
        nonlocal left, escapes
        message = await receive()
        body = message.get("body", b"")
        left -= len(body)
        escapes -= body.count(b"%")
        if left < 0 or escapes < 0:
            raise TooLarge
        return message

    return counted


def drop_odd_headers(scope: Scope) -> None:
    """Remove headers that no browser or proxy sends and that are slow or impossible to parse."""
    scope["headers"] = [
        (name, _without_escapes(value) if name == b"cookie" else value)
        for name, value in scope["headers"]
        if not _is_odd(name, value)
    ]


def _is_odd(name: bytes, value: bytes) -> bool:
    if name == b"content-type":
        # Django raises ValueError for a parameter in an unknown encoding, before any of our code runs.
        return len(value) > LONGEST_CONTENT_TYPE or b"*" in value
    return len(value) > LONGEST_HEADER and name != b"cookie"


def _without_escapes(cookies: bytes) -> bytes:
    """Cookies without backslashes.

    None of ours has one, and Python's parser (before 3.11.10) took a second for 16 kB of them.
    """
    if b"\\" not in cookies:
        return cookies
    return b";".join(pair for pair in cookies.split(b";") if b"\\" not in pair)
