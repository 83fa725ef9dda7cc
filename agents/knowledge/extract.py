"""The text of a file as Markdown, from PDF, Word, plain text, Markdown, CSV and HTML.

Needs neither Django nor the database: it runs in a worker process with limits (agents/process_pool.py), since a
malicious file could take all time and memory. A file that is not read is refused with a code (WHY_UNREADABLE has the
words).
"""

import base64
import codecs
import csv
import io
import re
import resource
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import PurePath
from typing import Any, NamedTuple

from agents.knowledge import html_text

# The most characters of one source's text.
MOST_CHARACTERS = 4_000_000
MOST_PAGES = 2_000
# Limits of an archive (a Word file is one): entries, unpacked bytes in all, and unpacked bytes for each packed byte.
MOST_ENTRIES = 5_000
MOST_UNPACKED = 100 * 1024**2
MOST_RATIO = 200
# The most characters of a column's name, which is repeated with each of its cells.
MOST_OF_A_HEAD = 100
# The most addresses of a sitemap.
MOST_LISTED = 10_000
# Below the memory limit of the process, so that it can still report that the file takes too much.
MEMORY_BYTES = 700 * 1024**2
KINDS = {
    "pdf": "pdf", "docx": "docx", "txt": "text", "text": "text", "md": "text", "markdown": "text", "csv": "csv",
    "tsv": "csv", "html": "html", "htm": "html",
}  # fmt: skip

# The encodings that a page may declare, by Python's names. UTF-8 and Latin-1 are not among them: `decoded` tells
# them apart, because many pages in UTF-8 declare Latin-1. Other encodings of Python are not accepted; with some
# (punycode) a page would take days.
CHARSETS = frozenset(
    {
        "utf-16-le", "utf-16-be", "koi8-r", "koi8-u", "mac-roman", "tis-620", "cp866", "cp874", "gb2312", "gbk", "gb18030",
        "big5", "big5hkscs", "euc_jp", "euc_kr", "shift_jis", "cp932", "cp949", "iso2022_jp",
    }
    | {f"cp{number}" for number in (1250, 1251, *range(1253, 1259))}
    | {f"iso8859-{number}" for number in range(2, 17)}
)  # fmt: skip
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([A-Za-z0-9_-]{1,40})", re.IGNORECASE)
_BEYOND_ASCII = bytes(range(128, 256))

WHY_UNREADABLE = {
    "empty": "The file is empty.",
    "no_text": "There is no text in this file.",
    "scanned": "This PDF is made of pictures of pages: there is no text in it to read. Run text recognition (OCR) over "
    "it first.",
    "encrypted": "The file is protected by a password. Save a copy without one.",
    "old_word": "This is an old Word file or one with a password. Save it as .docx without a password.",
    "wrong_type": "The file is not what its name says. Bookbag reads PDF, Word (.docx), text, Markdown, CSV and HTML.",
    "damaged": "The file is damaged: it could not be opened.",
    "encoding": "The letters of this file are in an encoding that cannot be told. Save it as UTF-8.",
    "bomb": "The file unpacks to far more than its size, so it is not opened.",
    "too_many_pages": f"The file has more than {MOST_PAGES:,} pages. Split it into several.",
    "too_long": f"The file has more than {MOST_CHARACTERS:,} characters of text. Split it into several.",
}
# Encodings with one byte per letter cannot be distinguished by their bytes: Polish and Turkish text look like
# Western text.
READ_AS_WESTERN = (
    "Nothing in this file says how its letters are written down, so they were read as Western European ones "
    "(Windows-1252). If words look wrong, save it as UTF-8 and add it again."
)


class FileUnreadable(Exception):
    """A file is not read; carries a code of WHY_UNREADABLE."""


class Decoded(NamedTuple):
    """`is_guessed`: letters beyond ASCII were taken for Western ones, because nothing declares an encoding."""

    text: str
    is_guessed: bool = False


class _FileText(NamedTuple):
    title: str
    text: str
    is_guessed: bool = False


def kind_of(name: str) -> str | None:
    """The kind that a file of this name must have; None for names that are not accepted."""
    return KINDS.get(PurePath(name.lower()).suffix.removeprefix("."))


def read(name: str, encoded: str) -> dict[str, str]:
    """`{"text", "title", "note"}` of the file `name`, whose bytes are given as base64; or `{"refused": code}`."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
    try:
        title, text, is_guessed = _read(kind_of(name) or "", base64.b64decode(encoded))
    except FileUnreadable as why:
        return {"refused": str(why)}
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return {"title": title[:200], "text": text, "note": READ_AS_WESTERN if is_guessed else ""}


def read_page(markup: str, address: str) -> dict[str, Any]:
    """`{"title", "text", "links"}` of a page of a website."""
    return html_text.read(markup, address)._asdict()


def _read(kind: str, content: bytes) -> _FileText:
    if not content:
        raise FileUnreadable("empty")
    found = _sort_of(content, kind)
    if found == "old":
        raise FileUnreadable("old_word")
    if found != (kind if kind in ("pdf", "docx") else "text"):
        raise FileUnreadable("wrong_type")
    readers = {"pdf": _pdf, "docx": _docx, "csv": _csv, "html": _html, "text": _text}
    title, text, is_guessed = readers[kind](content)
    text = _tidy(text)
    if len(text) > MOST_CHARACTERS:
        raise FileUnreadable("too_long")
    if not any(character.isalnum() for character in text):
        raise FileUnreadable("no_text")
    return _FileText(" ".join(title.split()), text, is_guessed)


def _sort_of(content: bytes, kind: str) -> str:
    """The kind of a file by its first bytes: "pdf", "docx", "old" for Microsoft's older container, "text", or "other"."""
    # Some PDFs have other bytes before the mark. It is searched only in files named .pdf, because a text may mention
    # it.
    if content.startswith(b"%PDF-") or (kind == "pdf" and b"%PDF-" in content[:1024]):
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return "docx" if b"word/" in content else "other"
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "old"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "text"
    beginning = content[:65_536]
    odd = sum(
        beginning.count(bytes([byte])) for byte in range(32) if byte not in (7, 8, 9, 10, 11, 12, 13, 27)
    )
    return "other" if b"\0" in content or odd * 50 > len(beginning) else "text"


def decoded(content: bytes) -> Decoded:
    """Bytes as text: UTF-8 or UTF-16 by the byte order mark, else UTF-8 if valid, else Windows' Western encoding."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Decoded(content.decode("utf-16", errors="replace"))
    text = content.decode("utf-8-sig", errors="replace")
    broken = text.count("\ufffd")
    if not broken or _is_mostly_sound(text, broken):
        return Decoded(text)
    return Decoded(content.decode("cp1252", errors="replace"), is_guessed=True)


def _is_mostly_sound(text: str, broken: int) -> bool:
    """Whether it is UTF-8 with a few broken bytes. In text of another encoding hardly any letter is valid UTF-8."""
    beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore")) - broken
    return beyond_ascii > 4 * broken


# Browsers treat these names as larger encodings, and pages rely on that (WHATWG, Encoding, "Names and labels").
WIDER = {"shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}
ALSO_CALLED = {"x-sjis": "cp932", "windows-874": "cp874", "iso-8859-8-i": "iso8859-8"}
# One broken letter in this many is ignored.
MOST_BROKEN = 50


def decoded_page(content: bytes, charset: str = "") -> Decoded:
    """Like `decoded`, but in the encoding that the server or the page declares, if that is one of CHARSETS and fits."""
    declared = _CHARSET.search(content[:2_048])
    charset = charset or (declared.group(1).decode() if declared else "")
    text = _as_named(content, charset)
    if text is not None:
        return Decoded(text)
    found = decoded(content)
    return found._replace(is_guessed=found.is_guessed and not charset)


def _as_named(content: bytes, charset: str) -> str | None:
    """`content` decoded by that name; None if the name is not in CHARSETS, or does not fit `content`."""
    charset = ALSO_CALLED.get(charset.lower(), charset)
    try:
        name = codecs.lookup(charset).name if charset.isascii() else ""
    except (LookupError, UnicodeError):
        return None
    if name not in CHARSETS or _is_utf_8(content):
        return None
    text = content.decode(WIDER.get(name, name), errors="replace")
    # A few broken letters are mistakes of the page; many show that the declared encoding is wrong.
    return text if text.count("\ufffd") * MOST_BROKEN <= len(text) else None


def _is_utf_8(content: bytes) -> bool:
    """Whether it has letters beyond ASCII and all are valid UTF-8, which text in another encoding never is by chance."""
    try:
        return not content.isascii() and bool(content.decode())
    except UnicodeError:
        return False


def decoded_file(content: bytes) -> Decoded:
    """Like `decoded`.

    Raises FileUnreadable if a guess makes over a third of the text accented letters, which no Western language has.
    """
    found = decoded(content)
    beyond_ascii = len(content) - len(content.translate(None, _BEYOND_ASCII))
    if found.is_guessed and beyond_ascii * 3 > len(content):
        raise FileUnreadable("encoding")
    return found


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").replace("\f", "\n\n")
    # A surrogate half cannot be stored.
    return text.encode(errors="replace").decode().strip()


def _text(content: bytes) -> _FileText:
    return _FileText("", *decoded_file(content))


def _html(content: bytes) -> _FileText:
    found = decoded_page(content)
    page = html_text.read(found.text)
    return _FileText(page.title, page.text, found.is_guessed)


# --- CSV -----------------------------------------------------------------------------------------


def _csv(content: bytes) -> _FileText:
    """Each row as a paragraph of "head: cell", so that a passage says what its figures mean."""
    found = decoded_file(content)
    rows = table_rows(found.text)
    said = ["; ".join(row) for row in rows] if len(rows) < 2 else _rows_in_words(rows)
    return _FileText("", "\n\n".join(said), found.is_guessed)


def _rows_in_words(rows: list[list[str]]) -> list[str]:
    head = [name[:MOST_OF_A_HEAD] for name in rows[0]]
    said, size = [], 0
    for row in rows[1:]:
        said.append(_row_in_words(head, row))
        size += len(said[-1])
        if size > MOST_CHARACTERS:
            raise FileUnreadable("too_long")
    return said


def _row_in_words(head: list[str], row: list[str]) -> str:
    cells = zip_longest(head[: len(row)], row, fillvalue="")
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in cells if cell)


_NAMED_DELIMITER = re.compile(r"\ufeff?sep=([,;\t])\r?(?:\n|$)")


def table_rows(text: str) -> list[list[str]]:
    """The non-empty rows of a CSV, split at the delimiter of its first lines. Raises FileUnreadable."""
    delimiter, text = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [[" ".join(cell.split(" ")).strip() for cell in row] for row in reader]
    except csv.Error:
        raise FileUnreadable("damaged") from None
    return [row for row in rows if any(row)]


def _delimiter(text: str) -> tuple[str, str]:
    """The delimiter of the first row, outside of quotes (a comma, a semicolon or a tab), and the text of the rows.

    Excel can name the delimiter in a line above the rows: sep=;
    """
    if named := _NAMED_DELIMITER.match(text):
        return named[1], text[named.end() :]
    counts: Counter[str] = Counter()
    quoted = False
    for sign in text.lstrip("\ufeff\r\n")[:10_000]:
        if sign == '"':
            quoted = not quoted
        elif sign in ",;\t" and not quoted:
            counts[sign] += 1
        elif sign == "\n" and not quoted:
            break
    return max(",;\t", key=lambda sign: counts[sign]), text


# --- Word ----------------------------------------------------------------------------------------


def _docx(content: bytes) -> _FileText:
    _refuse_bombs(content)
    import docx
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    try:
        document = docx.Document(io.BytesIO(content))
        styles = {style.style_id: style.name or "" for style in document.styles}
        blocks: list[str] = []
        for item in document.iter_inner_content():
            if isinstance(item, Table):
                blocks.append(html_text.table([[cell.text for cell in row.cells] for row in item.rows]))
            elif isinstance(item, Paragraph):
                identifier = item._p.style
                blocks.append(_paragraph(item.text, styles.get(identifier or "", "")))
        title = document.core_properties.title or ""
    except MemoryError:
        raise
    except Exception:  # whatever is wrong with it: the library raises what it meets
        raise FileUnreadable("damaged") from None
    return _FileText(title, "".join(_spaced(blocks)))


def _paragraph(text: str, style: str) -> str:
    text = text.strip()
    name = style.lower()
    if not text:
        return ""
    if name == "title":
        return f"# {' '.join(text.split())}"
    if name.startswith("heading "):
        level = name.removeprefix("heading ")
        return f"{'#' * min(int(level), 6) if level.isdigit() else '#'} {' '.join(text.split())}"
    return f"- {text}" if name.startswith("list") else text


def _spaced(blocks: list[str]) -> Iterator[str]:
    """The blocks joined by blank lines; items of a list by line ends."""
    before = ""
    for block in filter(None, blocks):
        yield ("\n" if block.startswith("- ") and before.startswith("- ") else "\n\n") + block
        before = block


def _refuse_bombs(content: bytes) -> None:
    try:
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise FileUnreadable("damaged") from None
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileUnreadable("encrypted")
    large = (entry for entry in entries if entry.file_size > 1024**2)
    if (
        len(entries) > MOST_ENTRIES
        or sum(entry.file_size for entry in entries) > MOST_UNPACKED
        or any(entry.file_size > MOST_RATIO * max(entry.compress_size, 1) for entry in large)
    ):
        raise FileUnreadable("bomb")
    if not any(entry.filename == "word/document.xml" for entry in entries):
        raise FileUnreadable("wrong_type")


# --- PDF -----------------------------------------------------------------------------------------

_DIGITS = re.compile(r"\d+")
_HYPHENATED = re.compile(r"(\w)[-\u00ad]\n(?=[a-zà-öø-ÿ])")


def _pdf(content: bytes) -> _FileText:
    import pypdf
    import pypdf.errors

    # The library itself limits what is unpacked, nested and listed (pypdf.Configuration).
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise FileUnreadable("encrypted")
        if len(reader.pages) > MOST_PAGES:
            raise FileUnreadable("too_many_pages")
        pages = list(_pages(reader))
        titles = set(_outline(reader))
        title = str(reader.metadata.title or "") if reader.metadata else ""
    except (FileUnreadable, MemoryError):
        raise
    except pypdf.errors.LimitReachedError:
        raise FileUnreadable("bomb") from None
    except Exception:  # whatever is wrong with it: the library raises what it meets
        raise FileUnreadable("damaged") from None
    # Text this short is only a page number or two.
    if sum(character.isalnum() for page in pages for character in page) < 5 * len(pages):
        raise FileUnreadable("scanned")
    text = "\n\n".join(_page(page, titles) for page in _without_running_heads(pages))
    return _FileText(title, text)


def _pages(reader: Any) -> Iterator[str]:
    size = 0
    for page in reader.pages:
        text = page.extract_text()
        size += len(text)
        if size > MOST_CHARACTERS:
            raise FileUnreadable("too_long")
        yield text


def _outline(reader: Any) -> Iterator[str]:
    """The titles in the file's table of contents."""
    waiting = [reader.outline]
    while waiting:
        for entry in waiting.pop():
            if isinstance(entry, list):
                waiting.append(entry)
            elif entry.title:
                yield " ".join(str(entry.title).split())


def _without_running_heads(pages: list[str]) -> list[str]:
    """The pages without first and last lines that most pages share, ignoring the numbers in them."""
    lined = [[line.strip() for line in page.splitlines() if line.strip()] for page in pages]
    edges = Counter(
        one for lines in lined for one in {_DIGITS.sub("#", line) for line in [*lines[:2], *lines[-2:]]}
    )
    running = {one for one, count in edges.items() if len(pages) > 2 and count > len(pages) / 2}
    return ["\n".join(_inner(page.splitlines(), running)) for page in pages]


def _inner(lines: list[str], running: set[str]) -> list[str]:
    present = [place for place, line in enumerate(lines) if line.strip()]
    edge = {*present[:2], *present[-2:]}
    return [
        line
        for place, line in enumerate(lines)
        if not (place in edge and _DIGITS.sub("#", line.strip()) in running)
    ]


def _page(text: str, titles: set[str]) -> str:
    """The page's lines joined to paragraphs; lines that are titles in the table of contents become headings."""
    text = _HYPHENATED.sub(r"\1", text)
    result: list[str] = []
    for line in text.splitlines():
        plain = " ".join(line.split())
        if plain in titles:
            result += ["", f"## {plain}", ""]
        elif result and _goes_on(result[-1], plain):
            result[-1] += f" {plain}"
        else:
            result.append(plain)
    return "\n".join(result)


def _goes_on(before: str, line: str) -> bool:
    """Whether a line was broken only by the width of the page."""
    return (
        bool(before and line)
        and not before.startswith("#")
        and (line[0].islower() or (len(before) > 60 and before[-1] not in ".!?:;。！？"))
    )


# --- Sitemaps ------------------------------------------------------------------------------------


def read_sitemap(markup: str) -> dict[str, list[str]]:
    """`{"pages", "sitemaps"}`: the addresses that a sitemap lists; none if it is no sitemap."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True
    )
    found: dict[str, list[str]] = {"pages": [], "sitemaps": []}
    try:
        root = etree.fromstring(markup.encode(errors="replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return found
    if root is None:
        return found
    for location in root.iter("{*}loc"):
        of = location.getparent()
        kind = "sitemaps" if of is not None and etree.QName(of).localname == "sitemap" else "pages"
        if location.text and len(found[kind]) < MOST_LISTED:
            found[kind].append(location.text.strip())
    return found
