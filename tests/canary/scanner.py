"""Finds planted secrets in bytes: as they are, in every usual encoding, and any nine characters of them.

The prefix that all keys of one sort have (`sk-ant-`) is public and is in the help pages, so it is not looked for.

The data is read once, whatever the number of secrets. Nine characters in a row always contain five that begin at a
multiple of five. So it is enough to look up the five characters at each such place in a table of all the fives that the
encoded secrets contain, and to compare further only where one is found.
"""

import base64
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from llm.providers import roster

SLICE = 9
GRAM = 5
# Nine bytes at any alignment fill at least this many whole characters of base64.
BASE64_SLICE = 11
# The prefix that a provider's keys of one sort have in common: "sk-" and words, or what the roster says.
OF_ROSTER = "|".join(
    re.escape(prefix) for one in roster.KEYED for prefix in (one.new_key_prefix, one.key_prefix)
)
PUBLIC_PREFIX = re.compile(rf"sk-(?:[a-z]+\d*-)*|{OF_ROSTER}")
# Data that Django signs and compresses (sessions, messages in cookies): base64 of a zlib stream.
PACKED = re.compile(rb"eJ[A-Za-z0-9_\-]{20,}")


@dataclass(frozen=True, slots=True)
class Finding:
    """A part of a planted secret, found where no part of it may be."""

    secret: str  # its name
    encoding: str
    characters: int
    before: str  # the text in front of it

    def __str__(self) -> str:
        return f"{self.characters} characters of {self.secret} ({self.encoding}) after {self.before!r}"


class Form:
    """One encoding of one secret: `text`, and `starts`, where each character of the secret begins in it."""

    def __init__(self, secret: str, encoding: str, tokens: list[bytes], least: int = SLICE) -> None:
        self.secret = secret
        self.encoding = encoding
        self.text = b"".join(tokens)
        self.least = least
        self.starts = [sum(map(len, tokens[:n])) for n in range(len(tokens) + 1)]

    def grams(self) -> Iterator[tuple[bytes, int]]:
        for place in range(len(self.text) - GRAM + 1):
            yield self.text[place : place + GRAM], place

    def characters_at(self, data: bytes, at: int, place: int) -> int:
        """How many whole characters of the secret are around `data[at]`, which equals `self.text[place]`."""
        left, right = 0, GRAM
        while min(at, place) > left and data[at - left - 1] == self.text[place - left - 1]:
            left += 1
        while (
            place + right < len(self.text)
            and data[at + right : at + right + 1] == self.text[place + right :][:1]
        ):
            right += 1
        inside = [start for start in self.starts if place - left <= start <= place + right]
        return len(inside) - 1


class Scanner:
    """Looks for `secrets`. Each has a name, so that a finding can name it without showing it."""

    def __init__(self, secrets: Mapping[str, str | bytes]) -> None:
        self._places: dict[bytes, list[tuple[Form, int]]] = {}
        for name, secret in secrets.items():
            self.add(name, secret)

    def add(self, name: str, secret: str | bytes) -> None:
        for form in forms_of(name, secret):
            for gram, place in form.grams():
                self._places.setdefault(gram, []).append((form, place))

    def find(self, data: bytes | str) -> list[Finding]:
        """The longest part of each secret that is in `data` or in compressed data inside it."""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogatepass")
        longest: dict[str, Finding] = {}
        for part in (data, *_unpacked(data)):
            for one in self._look(part):
                known = longest.get(one.secret)
                if known is None or one.characters > known.characters:
                    longest[one.secret] = one
        return list(longest.values())

    def _look(self, data: bytes) -> Iterator[Finding]:
        if self._places.keys().isdisjoint(data[at : at + GRAM] for at in range(0, len(data), GRAM)):
            return
        for at in range(0, len(data), GRAM):
            for form, place in self._places.get(data[at : at + GRAM], ()):
                characters = form.characters_at(data, at, place)
                if characters >= form.least:
                    before = data[max(0, at - 60) : max(0, at - 2 * GRAM)].decode("utf-8", "replace")
                    yield Finding(form.secret, form.encoding, characters, before)


def body_of(secret: str) -> str:
    """The secret part of a key: all that follows the prefix of its sort."""
    public = PUBLIC_PREFIX.match(secret)
    return secret[public.end() :] if public else secret


def forms_of(name: str, secret: str | bytes) -> Iterator[Form]:
    """The secret in the encodings that a leak could have."""
    raw = body_of(secret).encode() if isinstance(secret, str) else bytes(secret)
    text = raw.decode("latin-1")
    per_character = {
        "raw": [bytes([byte]) for byte in raw],
        "reversed": [bytes([byte]) for byte in reversed(raw)],
        "lower case": [bytes([byte]) for byte in raw.lower()],
        "upper case": [bytes([byte]) for byte in raw.upper()],
        "URL": [quote(bytes([byte]), safe="").encode() for byte in raw],
        "URL, all": [f"%{byte:02X}".encode() for byte in raw],
        "URL, all, lower": [f"%{byte:02x}".encode() for byte in raw],
        "hex": [f"{byte:02x}".encode() for byte in raw],
        "hex, upper": [f"{byte:02X}".encode() for byte in raw],
        "HTML": [html.escape(sign).encode() for sign in text],
        "HTML, decimal": [f"&#{byte};".encode() for byte in raw],
        "HTML, hex": [f"&#x{byte:x};".encode() for byte in raw],
        "JSON": [json.dumps(sign)[1:-1].encode() for sign in text],
        "JSON, all": [f"\\u{byte:04x}".encode() for byte in raw],
        "JavaScript": [_for_script(sign) for sign in text],
        "repr": [repr(bytes([byte]))[2:-1].replace('"', '\\"').encode() for byte in raw],
        "UTF-16": [bytes([byte, 0]) for byte in raw],
        "UTF-16, big-endian": [bytes([0, byte]) for byte in raw],
        "UTF-32": [bytes([byte, 0, 0, 0]) for byte in raw],
    }
    seen = set()
    for encoding, tokens in per_character.items():
        if b"".join(tokens) not in seen:
            seen.add(b"".join(tokens))
            yield Form(name, encoding, tokens)
    for alignment in range(3):
        for encoding, altchars in (("base64", b"+/"), ("base64 of URLs", b"-_")):
            coded = base64.b64encode(bytes(alignment) + raw, altchars).rstrip(b"=")
            # Cut off the ends: the first characters also contain bits of what comes before the secret, the last ones of
            # what comes after it.
            coded = coded[-(-alignment * 8 // 6) : (alignment + len(raw)) * 8 // 6]
            if coded not in seen:
                seen.add(coded)
                yield Form(name, encoding, [bytes([byte]) for byte in coded], BASE64_SLICE)


def _for_script(sign: str) -> bytes:
    """The character as Django's escapejs and json_script write it."""
    return sign.encode() if sign.isalnum() else f"\\u{ord(sign):04X}".encode()


def _unpacked(data: bytes) -> Iterable[bytes]:
    for packed in PACKED.findall(data):
        padded = packed + b"=" * (-len(packed) % 4)
        try:
            yield zlib.decompressobj().decompress(base64.urlsafe_b64decode(padded), 1_000_000)
        except (zlib.error, ValueError):
            continue


def is_distinctive(secret: str) -> bool:
    """Whether nine characters of `secret` are random enough not to occur by chance.

    Nine hexadecimal digits are not: they occur among the millions of UUIDs of a long run.
    """
    body = secret.rpartition("-")[2]
    beyond_hex = len(re.findall(r"[^0-9a-fA-F]", body))
    return (
        len(body) >= 24
        and len(set(body)) >= 16
        and 3 * beyond_hex >= len(body)
        and not re.search(r"(.)\1\1", body)
    )
