"""A page of HTML as Markdown: its main text with headings, lists, tables and code, without navigation and the like.

Needs neither Django nor the database: it runs in a worker process (agents/process_pool.py).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit

from lxml import etree, html

# Elements that contain no text of the page, or invisible text.
LEFT_OUT = frozenset(
    "script style noscript template iframe object svg math canvas video audio button select textarea input dialog "
    "head link meta".split()
)
# Elements around the main text; they are kept only inside the main part.
AROUND = frozenset("nav header footer aside form".split())
MAIN = "//main | //*[@role='main'] | //article"
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = frozenset(
    "address article aside blockquote body center details div dl fieldset figcaption figure footer form header hgroup "
    "li main nav ol p section summary td th ul".split()
)
MOST_LINKS = 1_000
# A list of this many links and hardly anything else is navigation, so it is left out.
LINKS_OF_A_MENU = 4
_BLANKS = re.compile(r"[ \t\r\n\f\u00a0]+")


class HtmlPage(NamedTuple):
    title: str
    text: str
    # The page's links: absolute, without fragments, each once.
    links: list[str]


def read(markup: str, address: str = "") -> HtmlPage:
    """Read the page in `markup`. `address`: what its links are relative to. A page without text has an empty `text`."""
    tree = _tree(markup)
    if tree is None:
        return HtmlPage("", "", [])
    main = _main(tree)
    blocks = list(_blocks(main, inside_main=main.tag != "body" and main is not tree))
    text = "\n\n".join(block for block in blocks if block.strip())
    return HtmlPage(_title(tree, main), text, _links(tree, address) if address else [])


def _tree(markup: str) -> html.HtmlElement | None:
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        return html.document_fromstring(markup.encode(errors="replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None  # an empty document


def _main(tree: html.HtmlElement) -> html.HtmlElement:
    """The element marked as the main part. If there are several, as on a page of articles, the element around them all."""
    found = [one for one in tree.xpath(MAIN) if not _is_hidden(one)]
    mains = [one for one in found if one.tag != "article"] or found
    if len(mains) == 1:
        return mains[0]
    body = tree.find("body")
    return tree if body is None else body


def _title(tree: html.HtmlElement, main: html.HtmlElement) -> str:
    headings = [one for one in main.iter("h1") if not _is_hidden(one)]
    title = _inline(headings[0]) if len(headings) == 1 else ""
    if not title:
        named = tree.find(".//title")
        title = _plain(named.text or "") if named is not None else ""
    return title[:200]


def _links(tree: html.HtmlElement, address: str) -> list[str]:
    base = next((one.get("href") or "" for one in tree.iter("base")), "")
    found: dict[str, None] = {}
    for anchor in tree.iter("a"):
        href = (anchor.get("href") or "").strip()
        if not href or len(href) > 2_000 or "nofollow" in (anchor.get("rel") or ""):
            continue
        try:
            link = urldefrag(urljoin(urljoin(address, base), href)).url
            scheme = urlsplit(link).scheme
        except ValueError:
            continue
        if scheme in ("http", "https"):
            found[link] = None
        if len(found) >= MOST_LINKS:
            break
    return list(found)


def _is_hidden(element: html.HtmlElement) -> bool:
    return element.get("hidden") is not None or element.get("aria-hidden") == "true"


def _is_skipped(element: html.HtmlElement, *, inside_main: bool) -> bool:
    if not isinstance(element.tag, str) or element.tag in LEFT_OUT or _is_hidden(element):
        return True
    if element.tag in AROUND:
        return element.tag in ("nav", "form") or not inside_main
    return element.tag in ("ul", "ol") and _is_menu(element, inside_main=inside_main)


def _is_menu(element: html.HtmlElement, *, inside_main: bool) -> bool:
    if inside_main:
        return False
    anchors = [len(_plain(one.text_content())) for one in element.iter("a")]
    return len(anchors) >= LINKS_OF_A_MENU and sum(anchors) > len(_plain(element.text_content())) * 0.8


def _blocks(element: html.HtmlElement, *, inside_main: bool) -> Iterator[str]:
    """The blocks of text in `element`, in order, each as Markdown."""
    run: list[str] = [element.text or ""]
    for child in element:
        if not _is_skipped(child, inside_main=inside_main):
            if _is_block(child):
                yield _joined(run)
                run = []
                yield from _block(child, inside_main=inside_main or child.tag in ("main", "article"))
            else:
                run += _pieces(child)
        run.append(child.tail or "")
    yield _joined(run)


def _is_block(element: html.HtmlElement) -> bool:
    tag = element.tag
    if tag in BLOCKS or tag in HEADINGS or tag in ("pre", "table", "hr"):
        return True
    # An unknown element, or a link around a card, is a block if it contains one.
    return any(one.tag in BLOCKS or one.tag in HEADINGS for one in element)


def _block(element: html.HtmlElement, *, inside_main: bool) -> Iterator[str]:
    tag = element.tag
    if tag in HEADINGS:
        title = _inline(element)
        if title:
            yield f"{'#' * HEADINGS[tag]} {title}"
    elif tag == "pre":
        code = element.text_content().strip("\n")
        if code.strip():
            fence = "```" if "```" not in code else "~~~~"
            yield f"{fence}\n{code}\n{fence}"
    elif tag == "table":
        yield from _table(element, inside_main=inside_main)
    elif tag in ("ul", "ol"):
        yield from _list(element, inside_main=inside_main)
    elif tag == "dl":
        yield _definitions(element)
    elif tag != "hr":
        yield from _blocks(element, inside_main=inside_main)


def _list(element: html.HtmlElement, *, inside_main: bool) -> Iterator[str]:
    items: list[str] = []
    for number, item in enumerate(element.iterchildren("li"), start=1):
        said = [block for block in _blocks(item, inside_main=inside_main) if block.strip()]
        if not said:
            continue
        mark = f"{number}." if element.tag == "ol" else "-"
        items.append(
            "\n".join(
                f"{mark} {said[0]}".splitlines()
                + [f"  {line}" for one in said[1:] for line in one.splitlines()]
            )
        )
    yield "\n".join(items)


def _definitions(element: html.HtmlElement) -> str:
    lines: list[str] = []
    for child in element.iter("dt", "dd"):
        said = _inline(child)
        if child.tag == "dt":
            lines.append(f"{said}:")
        elif lines and lines[-1].endswith(":"):
            lines[-1] += f" {said}"
        else:
            lines.append(said)
    return "\n".join(lines)


def _table(element: html.HtmlElement, *, inside_main: bool) -> Iterator[str]:
    if element.find(".//table") is not None:  # a table used only for layout
        for cell in element.iter("td", "th"):
            if cell.find(".//table") is None:
                yield from _blocks(cell, inside_main=inside_main)
        return
    rows = [[_inline(cell) for cell in row.iterchildren("td", "th")] for row in element.iter("tr")]
    yield table([row for row in rows if any(row)])


def table(rows: list[list[str]]) -> str:
    """Rows as a Markdown table with the first row as head; rows of a single cell as paragraphs."""
    width = max(map(len, rows), default=0)
    if width < 2:
        return "\n\n".join(row[0] for row in rows)
    lines = [
        "| "
        + " | ".join(_plain(cell).replace("|", "\\|") for cell in [*row, *[""] * (width - len(row))])
        + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _pieces(element: html.HtmlElement) -> list[str]:
    if element.tag == "br":
        return ["\n\0"]
    if element.tag in ("code", "kbd", "samp") and not len(element):
        return [f"`{element.text}`" if element.text and "`" not in element.text else element.text or ""]
    pieces = [element.text or ""]
    for child in element:
        if not _is_skipped(child, inside_main=True):
            pieces += _pieces(child)
            if _is_block(child):
                pieces.append(" ")
        pieces.append(child.tail or "")
    return pieces


def _inline(element: html.HtmlElement) -> str:
    return " ".join(_joined(_pieces(element)).split("\n"))


def _joined(pieces: list[str]) -> str:
    """The text of inline elements. A <br> becomes a line break."""
    lines = "".join(pieces).split("\n\0")
    return "\n".join(_plain(line) for line in lines).strip()


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", text.replace("\0", "")).strip()
