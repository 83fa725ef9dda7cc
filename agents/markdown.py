"""A reply's Markdown as HTML that can do nothing, in time and size that grow with the text and no faster.

Nothing here knows Django or the database, so that a worker process can do it as well (agents/process_pool.py).
"""

import re
from html import escape

import nh3
import pyromark

# Of what a page keeps. A changed renderer gets the next number, and stored replies are rendered again when read.
VERSION = 1
# Tags inside tags: fifty levels of a list. Sanitising takes as many steps for each tag as there are around it.
MOST_NESTED = 100
# Characters of an address. Browsers take no more.
LONGEST_LINK = 2_000
# Characters of HTML for one reply; a table of empty cells makes nine of each that was written.
MOST_HTML = 1_000_000

_MARKDOWN = pyromark.Markdown(options=pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH)
# Raw HTML is text here. The library would let it through, so it never sees a "<": a sign that no text has stands
# for each, but for those of <https://…>, which are links.
_LESS_THAN = re.compile(r"<(?!https?://)", re.IGNORECASE)
_STAND_IN = "\ufdd0"
_TAG = re.compile(r"<(/?)([a-z]+)")
# A tag, or a stretch of the text between two, entities whole.
_STRETCH = re.compile(r"<[^<>]*>|(?>[^<&]{1,500}|&[^<&;]*+;?){1,8}+|<")
_APART = "<!---->"
_VOID = frozenset({"br", "hr", "img", "input"})
# No images: one from another host would tell that host who reads, and when.
TAGS = {
    "p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a",
    "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def rendered(text: str) -> str:
    """The Markdown `text` as HTML with raw HTML shown as text; not sanitised yet, and without our bounds."""
    written = _LESS_THAN.sub(_STAND_IN, text.replace(_STAND_IN, "\ufffd"))
    return _MARKDOWN.html(written).replace(_STAND_IN, "&lt;")


def to_html(text: str) -> str:
    """`text` rendered; as it was written where its Markdown nests or grows beyond our bounds."""
    try:
        html = rendered(text)
    except BaseException as problem:
        # A defect of the library is a "panic", which is no Exception; it ends nothing but this text's rendering.
        if type(problem).__name__ != "PanicException":
            raise
        return as_written(text)
    if len(html) > MOST_HTML or _is_nested_too_deep(html):
        return as_written(text)
    clean = _SANITISER.clean(_in_stretches(html) if len(html) > 4_000 else html)
    return clean if len(clean) <= MOST_HTML else as_written(text)


def as_written(text: str) -> str:
    """`text` as HTML that shows it letter by letter."""
    return f'<div class="chat__text--plain">{escape(text, quote=False)}</div>'


def _is_nested_too_deep(html: str) -> bool:
    depth = 0
    for closing, name in _TAG.findall(html):
        if name not in _VOID:
            depth += -1 if closing else 1
            if depth > MOST_NESTED:
                return True
    return False


def _in_stretches(html: str) -> str:
    """`html` with comments in long texts. The sanitiser takes them out, and the square of each text between them."""
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
    if name != "href":
        return value
    # Neither into our own pages nor to "//elsewhere": what a model writes must show where it leads.
    shows_where = value[:8].lower().startswith(("http://", "https://"))
    return value if shows_where and len(value) <= LONGEST_LINK else None


_SANITISER = nh3.Cleaner(
    tags=TAGS,
    attributes={"a": {"href"}, "ol": {"start"}},
    url_schemes={"http", "https"},
    attribute_filter=_keep_attribute,
    link_rel="noopener nofollow noreferrer",
)
