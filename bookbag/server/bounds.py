"""How much of a request is read: its path, its headers, its body. Requests are bounded before the sender is known."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# Characters. Ours are shorter by far, and Django's admin has an address whose pattern takes the square of a path.
LONGEST_PATH = 1000
# Bytes of one header. Cookies may be more together. Of the rest, each letter may cost as much as twenty elsewhere.
LONGEST_HEADER = 8 * 1024
LONGEST_CONTENT_TYPE = 200
# Of a message or a form. Their texts are at most 20,000 characters; percent-encoding makes twelve bytes of the widest.
FORM_BYTES = 512 * 1024
# Of a source, which may be a book: a million characters of four bytes, and what multipart puts around them.
SOURCE_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 64 * 1024
SOURCES = "/sources/"
# Of several files at once, which are spooled to the disk: two of the largest, and what multipart puts around them.
FILES_BYTES = 2 * settings.SOURCE_FILE_MB * 1024**2 + SOURCE_BYTES
FILES = "/sources/files/"
# Signs that escape, each of which takes half a microsecond: four for each of a message's or form's characters, and some.
FORM_ESCAPES = 100_000
# A form of so many bytes is taken apart in a few milliseconds, however it is written.
READ_AT_ONCE = 16 * 1024


class TooLarge(Exception):
    """The body has more bytes than are read."""


def most_bytes(scope: Scope) -> int:
    """Of the body of this request. Taking a form apart takes 0.3 s for each megabyte, before anybody is asked who sends it."""
    if scope["path"].endswith(FILES):
        return FILES_BYTES
    return SOURCE_BYTES if SOURCES in scope["path"] else FORM_BYTES


def refuse_announced_flood(scope: Scope, most: int) -> None:
    """Raises TooLarge when the head announces a body that is too large, so that it need not be sent."""
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
    """Remove headers that no browser or proxy sends, and that take long to read or cannot be read."""
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
    """None of our cookies has a backslash. Python's reader of those (before 3.11.10) took a second for 16 kB of them."""
    if b"\\" not in cookies:
        return cookies
    return b";".join(pair for pair in cookies.split(b";") if b"\\" not in pair)
