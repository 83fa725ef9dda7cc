"""The parser's events as HTML. Headings begin at h3, below those of the page; raw HTML and images become text.

A top-level block has `dir="auto"`, so that its first letters decide its direction. Texts inside it follow their own
letters (`unicode-bidi: plaintext` in the style sheet). Code and maths run from left to right.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from agents.reading import inline
from agents.reading.inline import Place
from agents.reading.shield import as_written

# The most characters of a table's name, which is made from its header cells.
LONGEST_LABEL = 80
_TAGS = {
    "Item": "li", "Emphasis": "em", "Strong": "strong", "Strikethrough": "del",
    "TableHead": "tr", "TableRow": "tr",
}  # fmt: skip
_BLOCKS = {"Paragraph": "p", "BlockQuote": "blockquote"}
_LANGUAGE = re.compile(r"[\w+#.-]{1,30}")
_NOT_IN_ANCHORS = re.compile(r"[^\w-]+", re.ASCII)


class TooMuch(Exception):
    """There are more events than any text of this length has that was not made to have them."""


@dataclass
class Position:
    """What earlier blocks decide about the next one: which anchors are used, and how deep the headings are."""

    place: Place = field(default_factory=Place)
    levels: list[int] = field(default_factory=list)

    def copy(self) -> "Position":
        place = Place(self.place.name, self.place.sources, set(self.place.met))
        return Position(place, list(self.levels))

    def heading(self, level: int) -> int:
        """The level at which a heading is shown: directly below the last one of a higher rank, without gaps."""
        while self.levels and self.levels[-1] >= level:
            self.levels.pop()
        self.levels.append(level)
        return min(2 + len(self.levels), 6)


class Writer:
    """Writes the events of one text, or of a part of it that consists of whole blocks."""

    def __init__(self, position: Position) -> None:
        self.position = position
        self.place = position.place
        self.html: list[str] = []
        self._depth = 0
        self._closing: list[str] = []  # the end tags of open headings, links and images
        self._links = 0
        self._is_code = False
        self._after_code = False
        self._head: list[str] | None = None
        self._columns: tuple[str, ...] = ()
        self._column = 0
        self._table = self._cell = self._item = 0
        self._handlers: dict[str, Callable[[Any], None]] = {
            "Text": self._text,
            "Code": self._code,
            "Start": self._start,
            "End": self._end,
            "TaskListMarker": self._task,
            "FootnoteReference": self._reference,
        }

    def write(self, events: Iterable[Any], *, most: int) -> str:
        """The HTML of `events`. Raises TooMuch when there are more than `most`."""
        handlers, html = self._handlers, self.html
        for count, event in enumerate(events):
            if count > most:
                raise TooMuch
            if isinstance(event, str):
                html.append("<hr>\n" if event == "Rule" else "<br>\n")
                continue
            for kind, value in event.items():
                handlers.get(kind, self._raw)(value)
                self._after_code = kind == "Code"
        return "".join(html)

    # --- inside a block ---

    def _raw(self, html: str) -> None:
        """Raw HTML. The shield leaves none, but a later version of the parser may see it elsewhere."""
        self.html.append(escape(as_written(html), quote=False))

    def _text(self, text: str) -> None:
        if self._is_code or self._links:
            html = escape(as_written(text), quote=False)
        else:
            html = inline.written(text, self.place, after_code=self._after_code)
        self.html.append(html)
        if self._head is not None:
            self._head.append(as_written(text))

    def _code(self, text: str) -> None:
        self.html.append(f'<code dir="ltr">{escape(as_written(text), quote=False)}</code>')
        if self._head is not None:
            self._head.append(as_written(text))

    def _task(self, is_done: bool) -> None:
        self.html[self._item] = '<li class="task">'
        label, sign = ("done", "\u2611") if is_done else ("to do", "\u2610")
        self.html.append(f'<span class="task__box" role="img" aria-label="{label}">{sign}</span> ')

    def _reference(self, label: str) -> None:
        anchor = _NOT_IN_ANCHORS.sub("-", label)[:40]
        shown = escape(as_written(label), quote=False)
        if self.place.name and not self._links:
            shown = (
                f'<a href="#{self.place.name}-note-{anchor}"{self.place.once(f"ref-{anchor}")}>{shown}</a>'
            )
        self.html.append(f"<sup>{shown}</sup>")

    # --- begin and end ---

    def _start(self, tag: Any) -> None:
        if isinstance(tag, str):
            name, value = tag, None
        else:
            ((name, value),) = tag.items()
        if name in _TAGS:
            if name == "Item":
                self._item = len(self.html)
            if name == "TableHead":
                self._head = []
            if name in ("TableHead", "TableRow"):
                self._column = 0
            self.html.append(f"<{_TAGS[name]}>")
        elif name in _BLOCKS:
            self._open(_BLOCKS[name])
            if value:
                self.html.append(f"<p><strong>{value}</strong></p>\n")
        else:
            getattr(self, f"_start_{name.lower()}")(value)

    def _end(self, tag: Any) -> None:
        name, value = (tag, None) if isinstance(tag, str) else next(iter(tag.items()))
        if name in ("Emphasis", "Strong", "Strikethrough"):
            self.html.append(f"</{_TAGS[name]}>")
        elif name in _TAGS:
            self.html.append(f"</{_TAGS[name]}>\n")
            if name == "TableHead":
                self._end_tablehead()
        elif name in _BLOCKS:
            self._close(_BLOCKS[name])
        else:
            getattr(self, f"_end_{name.lower()}")(value)

    def _open(self, tag: str, attributes: str = "") -> None:
        direction = "" if self._depth else ' dir="auto"'
        self._depth += 1
        self.html.append(f"<{tag}{attributes}{direction}>")

    def _close(self, tag: str) -> None:
        self._depth -= 1
        self.html.append(f"</{tag}>\n")

    def _start_heading(self, heading: dict[str, Any]) -> None:
        level = self.position.heading(int(heading["level"][1]))
        self.html.append(f"<h{level}>")
        self._closing.append(f"</h{level}>\n")

    def _end_heading(self, _: Any) -> None:
        self.html.append(self._closing.pop())

    def _start_list(self, start: int | None) -> None:
        tag = "ul" if start is None else "ol"
        self._open(tag, "" if start in (None, 1) else f' start="{start}"')
        self.html.append("\n")

    def _end_list(self, is_ordered: bool) -> None:
        self._close("ol" if is_ordered else "ul")

    def _start_codeblock(self, kind: Any) -> None:
        language = _LANGUAGE.match(as_written(kind["Fenced"])) if isinstance(kind, dict) else None
        name = escape(language[0]) if language else ""
        data, label = (f' data-language="{name}"', f"Code: {name}") if name else ("", "Code")
        self.html.append(
            f'<div class="code"{data}><pre dir="ltr" tabindex="0" role="group" aria-label="{label}"><code>'
        )
        self._is_code = True

    def _end_codeblock(self, _: Any) -> None:
        self.html.append("</code></pre></div>\n")
        self._is_code = False

    def _start_footnotedefinition(self, label: str) -> None:
        anchor = _NOT_IN_ANCHORS.sub("-", label)[:40]
        shown = escape(as_written(label), quote=False)
        self._open("div", f' class="footnote"{self.place.once(f"note-{anchor}")}')
        if self.place.name:
            shown = f'<a href="#{self.place.name}-ref-{anchor}">{shown}</a>'
        self.html.append(f"<sup>{shown}</sup>\n")

    def _end_footnotedefinition(self, _: Any) -> None:
        self._close("div")

    # --- links ---

    def _start_link(self, link: dict[str, Any]) -> None:
        address = as_written(link["dest_url"])
        if link["link_type"] == "Email":
            address = f"mailto:{address}"
        self._start_address(address, "")

    def _start_image(self, image: dict[str, Any]) -> None:
        self._start_address(as_written(image["dest_url"]), ' class="image"')
        self._image = len(self.html)

    def _start_address(self, address: str, attributes: str) -> None:
        """Begin a link.

        Inside another link, or if pages must not link there, the text is followed by the address instead.
        """
        href = None if self._links else inline.link(address)
        self._links += 1
        if href:
            self.html.append(f'<a{attributes} href="{href}">')
            self._closing.append("</a>")
        else:
            says = address and not address.startswith("#") and self._links == 1
            self._closing.append(f" ({escape(address, quote=False)})" if says else "")

    def _end_link(self, _: Any) -> None:
        self._links -= 1
        self.html.append(self._closing.pop())

    def _end_image(self, _: Any) -> None:
        if len(self.html) == self._image:
            self.html.append("image")
        self._end_link(None)

    # --- tables ---

    def _start_table(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._table = len(self.html)
        self.html += ["", '<table dir="auto">\n<thead>']

    def _end_tablehead(self) -> None:
        cells = [" ".join(cell.split()) for cell in "".join(self._head or []).split("\0")]
        label = ", ".join(filter(None, cells))
        label = label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
        name = f"Table: {escape(label)}" if label else "Table"
        # A group, not a region, because a screen reader's list of regions must not have an entry for each table of a
        # chat.
        self.html[self._table] = f'<div class="table-frame" role="group" tabindex="0" aria-label="{name}">'
        self._head = None
        self.html.append("</thead>\n<tbody>\n")

    def _end_table(self, _: Any) -> None:
        self.html.append("</tbody></table></div>\n")

    def _start_tablecell(self, _: Any) -> None:
        align = self._columns[self._column] if self._column < len(self._columns) else "None"
        self._column += 1
        side = "" if align == "None" else f' class="align-{align.lower()}"'
        self._cell = len(self.html)
        self.html.append(f'<th scope="col"{side}>' if self._head is not None else f"<td{side}>")
        if self._head is not None:
            self._head.append("\0")

    def _end_tablecell(self, _: Any) -> None:
        if self._head is None:
            self.html.append("</td>")
        elif len(self.html) == self._cell + 1:
            # An empty header cell is no header.
            self.html[self._cell :] = ["<td></td>"]
        else:
            self.html.append("</th>")
