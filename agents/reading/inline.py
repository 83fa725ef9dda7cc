"""Plain text inside a reply: finds addresses to link, marks of sources, and the few tags that models write.

The text comes from the parser and contains the stand-ins of agents/reading/shield.py. Code and links are left alone.
"""

import re
from dataclasses import dataclass, field
from html import escape

from agents.reading.shield import CJK, IN_ADDRESS, LESS_THAN, MATHS, MATHS_END, as_written

# The most characters of an address; browsers accept no more.
LONGEST_LINK = 2_000
SCHEMES = ("http://", "https://", "mailto:", "tel:")

# In scripts without blanks, text follows directly after an address. Their letters belong to the address only at the
# start of one of its parts.
_ADDRESS = (
    r"(?<![A-Za-z0-9_])(?:https?://|www\.(?=[A-Za-z0-9]))"
    rf"(?:[A-Za-z0-9%~/?#@!$&*+,;:=_()'.{IN_ADDRESS}-]|(?![{CJK}])[^\W_]|(?<=[/=_-])(?:(?=[^\W_])[{CJK}])+){{1,{LONGEST_LINK}}}"
)
_MAIL = r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@-])"
_FOUND = re.compile(
    rf"(?P<address>{_ADDRESS})|(?P<mail>{_MAIL})"
    r"|(?P<marks>\[\d{1,3}(?:[,;]\x20?\d{1,3}){0,9}\])"
    rf"|(?P<line>{LESS_THAN}br\x20?/?>)"
    rf"|{LESS_THAN}(?P<tag>sub|sup|kbd)>(?P<inside>[^\n{LESS_THAN}]{{1,200}}){LESS_THAN}/(?P=tag)>"
    rf"|(?P<maths>{MATHS})|(?P<maths_end>{MATHS_END})",
    re.IGNORECASE,
)
# Strings that one of the patterns needs; most texts have none.
_MAY_BE = re.compile(r"[\[@:\ufdd0-\ufdef]|www", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_CJK_LETTER = re.compile(f"[{CJK}]")


@dataclass(slots=True)
class Place:
    """A reply's anchors on its page.

    `name`: their prefix. `sources`: how many sources it has. `met`: anchors already used.
    """

    name: str = ""
    sources: int = 0
    met: set[str] = field(default_factory=set)

    def once(self, anchor: str) -> str:
        """The `id` attribute for `anchor`; empty if an earlier element has that id."""
        name = f"{self.name}-{anchor}"
        if not self.name or name in self.met:
            return ""
        self.met.add(name)
        return f' id="{name}"'

    def mark(self, number: str, shown: str) -> str:
        """`shown` as a link from a mark to its source; plain if there is no such source."""
        if not self.name or not 1 <= int(number) <= self.sources:
            return shown
        number = str(int(number))
        href = f"#{self.name}-source-{number}"
        return f'<a class="mark" href="{href}"{self.once(f"mark-{number}")} aria-label="Source [{number}]">{shown}</a>'


def written(text: str, place: Place, *, after_code: bool = False) -> str:
    """`text` as HTML. `after_code`: it directly follows code, where "[1]" is an index."""
    if not _MAY_BE.search(text):
        return _plain(text)
    parts: list[str] = []
    done, last_mark = 0, -1
    for found in _FOUND.finditer(text):
        start, end = found.span()
        kind = found.lastgroup
        if kind == "marks":
            is_index = (after_code and not start) or _is_index(text, start, last_mark)
            html = found[0] if is_index else _marks(found[0], place)
            last_mark = last_mark if is_index else end
        elif kind in ("address", "mail"):
            html = _address(found[0], scheme="mailto:" if kind == "mail" else "")
        else:
            html = _tag(found)
        parts += [_plain(text[done:start]), html]
        done = end
    return "".join([*parts, _plain(text[done:])])


def link(address: str) -> str | None:
    """The address as an attribute's value; None for one that pages must not link to."""
    leads = address[:8].lower().startswith(SCHEMES) and len(address) <= LONGEST_LINK
    return escape(address) if leads else None


def _plain(text: str) -> str:
    return escape(as_written(text), quote=False)


def _is_index(text: str, start: int, last_mark: int) -> bool:
    """Whether "[1]" at `start` is an index of the word before it, as in arr[1] or arr[0][1]."""
    before = text[start - 1 : start]
    if before == "]":
        return start != last_mark
    return (before.isalnum() or before == "_") and not _CJK_LETTER.match(before)


def _marks(text: str, place: Place) -> str:
    if "," not in text and ";" not in text:
        return place.mark(text[1:-1], text)
    return _NUMBER.sub(lambda number: place.mark(number[0], number[0]), text)


def _address(text: str, *, scheme: str) -> str:
    """`text` as a link to itself, without punctuation that ends the sentence around it."""
    text, rest = _without_end(as_written(text))
    href = link(scheme + text if scheme or text[:4].lower() != "www." else f"https://{text}")
    shown = escape(text, quote=False)
    return (f'<a href="{href}">{shown}</a>' if href and len(text) < LONGEST_LINK else shown) + escape(
        rest, quote=False
    )


def _without_end(address: str) -> tuple[str, str]:
    end = len(address)
    unopened = address.count(")") - address.count("(")
    while end and (address[end - 1] in "?!.,:;*_'~$&" or (address[end - 1] == ")" and unopened > 0)):
        end -= 1
        unopened -= address[end] == ")"
    return address[:end], address[end:]


def _tag(found: re.Match[str]) -> str:
    if found["tag"]:
        tag = found["tag"].lower()
        return f"<{tag}>{_plain(found['inside'])}</{tag}>"
    if found["line"]:
        return "<br>"
    return '<span class="math" dir="ltr">' if found["maths"] else "</span>"
