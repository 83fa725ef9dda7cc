"""A reply's Markdown as safe HTML, made in time and size proportional to the text.

Imports neither Django nor the database, so that a worker process can run it as well (agents/process_pool.py).
"""

import re
from html import escape, unescape

import nh3
import pyromark

from agents.reading import shield
from agents.reading.inline import LONGEST_LINK, SCHEMES, Place
from agents.reading.writer import Position, TooMuch, Writer
from workspaces.one_line import is_seen

# The version of stored HTML. A changed renderer gets the next number, and stored replies are rendered again when
# read.
VERSION = 3
# The most nested tags, enough for fifty levels of a list. Limited because sanitising takes, for each tag, a step for
# every tag around it.
MOST_NESTED = 100
# The most characters of HTML for one reply. A table of empty cells makes nine out of each character written.
MOST_HTML = 1_000_000

_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH
_MARKDOWN = pyromark.Markdown(options=_OPTIONS)
OF_REPLIES = pyromark.Markdown(
    options=_OPTIONS
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_FOOTNOTES
    | pyromark.Options.ENABLE_GFM
)
_LESS_THAN = re.compile(r"<(?!https?://)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-z]+)")
# A tag, or a part of the text between two tags that cuts no entity.
_STRETCH = re.compile(r"<[^<>]*>|(?>[^<&]{1,500}|&[^<&;]*+;?){1,8}+|<")
# What stands between two tags.
_BETWEEN = re.compile(r"(?:\A|>)([^<]+)")
_MARK = re.compile(r"<(?:hr|li)\b")
_APART = "<!---->"
_VOID = frozenset({"br", "hr", "img", "input"})
# No images, because loading one from another host would tell that host who reads the reply, and when.
TAGS = {
    "p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a", "sup", "sub", "kbd",
    "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "div", "span",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "id", "aria-label"},
    "code": {"dir"},
    "div": {"id", "dir", "role", "tabindex", "aria-label", "data-language"},
    "ol": {"start", "dir"},
    "pre": {"dir", "role", "tabindex", "aria-label"},
    "span": {"dir", "role", "aria-label"},
    "th": {"scope"},
    **{tag: {"dir"} for tag in ("blockquote", "p", "table", "ul")},
}
CLASSES = {
    "a": {"image", "mark"},
    "div": {"chat__text--plain", "code", "footnote", "table-frame"},
    "li": {"task"},
    "span": {"math", "task__box"},
    **{cell: {"align-left", "align-center", "align-right"} for cell in ("td", "th")},
}
# The form of the anchors that agents/reading makes.
_OWN = re.compile(r"#?reply-[0-9a-f-]{36}-(?:source|mark|note|ref)-[\w-]{1,40}", re.ASCII)


def rendered(text: str) -> str:
    """The Markdown `text` as HTML with raw HTML shown as text; not sanitised yet, and without our bounds.

    For texts of our own, the help pages: plain CommonMark with tables.
    """
    written = _LESS_THAN.sub(shield.LESS_THAN, text.replace(shield.LESS_THAN, "\ufffd"))
    return _MARKDOWN.html(written).replace(shield.LESS_THAN, "&lt;")


def to_html(text: str, name: str = "", sources: int = 0) -> str:
    """A reply's `text` rendered; as plain text if its Markdown exceeds our limits of nesting or size.

    `name` is the anchor of the reply on its page: with it, "[2]" leads to the second of its `sources`.
    """
    try:
        events = OF_REPLIES.events(shield.shielded(text))
        html = Writer(Position(Place(name, sources))).write(events, most=most_events(text))
    except TooMuch:
        return as_written(text)
    except BaseException as problem:
        if not is_panic(problem):
            raise
        return as_written(text)
    clean = sanitised(html)
    if clean is None or (is_seen(text) and not is_shown(clean)):
        return as_written(text)
    return clean


def is_shown(html: str) -> bool:
    """Whether a reader sees any of it: a sign, the marker of a list, a line across."""
    return bool(_MARK.search(html)) or any(is_seen(unescape(found[1])) for found in _BETWEEN.finditer(html))


def sanitised(html: str) -> str | None:
    """`html` without anything active; None if it exceeds our limits of nesting or size."""
    if len(html) > MOST_HTML or _is_nested_too_deep(html):
        return None
    clean = _SANITISER.clean(_in_stretches(html) if len(html) > 4_000 else html)
    return clean if len(clean) <= MOST_HTML else None


def is_panic(problem: BaseException) -> bool:
    """Whether the error is a panic of the parser, which is no Exception but must fail only one text's rendering."""
    return type(problem).__name__ == "PanicException"


def most_events(text: str) -> int:
    """A limit that no text of this length exceeds, except tables whose short rows the parser fills up."""
    return 3 * len(text) + 1_000


def as_written(text: str) -> str:
    """`text` as HTML that shows it unchanged."""
    return f'<div class="chat__text--plain" dir="auto">{escape(text, quote=False)}</div>'


def _is_nested_too_deep(html: str) -> bool:
    depth = 0
    for closing, name in _TAG.findall(html):
        if name not in _VOID:
            depth += -1 if closing else 1
            if depth > MOST_NESTED:
                return True
    return False


def _in_stretches(html: str) -> str:
    """`html` with comments inside long texts.

    The sanitiser removes them; without them its time grows with the square of a text between tags.
    """
    parts: list[str] = []
    after_text = False
    for part in _STRETCH.findall(html):
        is_text = not part.startswith("<")
        if is_text and after_text:
            parts.append(_APART)
        parts.append(part)
        after_text = is_text
    return "".join(parts)


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "id":
        return value if _OWN.fullmatch(value) else None
    if name != "href":
        return value
    if value.startswith("#"):
        return value if _OWN.fullmatch(value) else None
    # No links into our own pages or to "//elsewhere": a link that a model writes must show where it leads.
    return value if value[:8].lower().startswith(SCHEMES) and len(value) <= LONGEST_LINK else None


_SANITISER = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    allowed_classes=CLASSES,
    url_schemes={"http", "https", "mailto", "tel"},
    attribute_filter=_keep_attribute,
    link_rel="noopener nofollow noreferrer",
)
