"""The help pages: Markdown files of `docs/help`, rendered once, and shown as pages and as Markdown.

A page opens with its title and a one-paragraph summary; the rest is its body. Links between pages are written
`other-page.md`, which works in the repository and under `/help/<slug>.md`; for the rendered page they become
`../other-page/`.
"""

import re
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

import nh3
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import strip_tags
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from agents import markdown
from workspaces.access import public

HELP_DIR = Path(__file__).resolve().parents[2] / "docs" / "help"
# The pages in the order of the index. A slug is looked up here and never becomes a path.
SLUGS = (
    "bring-your-own-keys",
    "credits-and-usage",
    "models",
    "agents-and-sources",
    "bookbag-local",
    "members-and-roles",
)
# Changes to the rendered Markdown: headings get an anchor, tables a box, and right-aligned cells a class, since the
# content security policy forbids inline styles. Links between files become links between pages.
PLACES = re.compile(
    r'<h(?P<level>[23])>(?P<text>[^\n]{1,200}?)</h[23]>|</?table>|<t[hd] style="text-align: \w+">'
)
ADAPTED = {
    "</table>": "</table>\n</div>",
    **{
        f'<{cell} style="text-align: {side}">': f'<{cell} class="num">' if side == "right" else f"<{cell}>"
        for cell in ("th", "td")
        for side in ("left", "center", "right")
    },
}
TO_PAGES = re.compile(r'href="([a-z-]+)\.md"')
ALLOWED_TAGS = {
    "p", "h2", "h3", "a", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "hr", "br",
    "div", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
ALLOWED_ATTRIBUTES = {
    "a": {"href"},
    "h2": {"id"},
    "h3": {"id"},
    "ol": {"start"},
    "div": {"role", "tabindex", "aria-label"},
}
ALLOWED_CLASSES = {"div": {"table-wrap"}, "table": {"table"}, "th": {"num"}, "td": {"num"}}


@dataclass(frozen=True)
class Heading:
    """A section of a page: the anchor and text of its heading."""

    anchor: str
    text: str


@dataclass(frozen=True)
class HelpPage:
    """One page. `html`: the body after title and summary. `source`: the whole Markdown."""

    slug: str
    title: str
    summary: str
    html: str
    headings: tuple[Heading, ...]
    source: str

    @property
    def training_text(self) -> str:
        """The page's text for training agents, without the links at its end, which answer nothing."""
        return self.source.partition("\n## Where next\n")[0]


def parse(slug: str, source: str) -> HelpPage:
    """Make a page of Markdown that opens with `# Title` and a summary. Raw HTML in it is shown as text."""
    title, summary, below = _opening(slug, source)
    headings: list[Heading] = []
    section = ""

    def adapt(match: re.Match[str]) -> str:
        nonlocal section
        level, text = match["level"], match["text"]
        if match[0] == "<table>":
            # A wide table scrolls in its own box, which must be reachable by keyboard and have a name for screen
            # readers.
            label = escape(section, quote=True)
            return f'<div class="table-wrap" role="region" tabindex="0" aria-label="{label}">\n<table class="table">'
        if not level:
            return ADAPTED[match[0]]
        section = unescape(strip_tags(text))
        if level == "2":
            headings.append(Heading(anchor=slugify(section), text=section))
        return f'<h{level} id="{slugify(section)}">{text}</h{level}>'

    body = PLACES.sub(adapt, markdown.rendered(below))
    html = nh3.clean(
        TO_PAGES.sub(r'href="../\1/"', body),
        tags=ALLOWED_TAGS,
        attributes=ALLOWED_ATTRIBUTES,
        allowed_classes=ALLOWED_CLASSES,
        url_schemes={"https", "mailto"},
        link_rel=None,
    )
    return HelpPage(slug, title, summary, html, tuple(headings), source)


def _opening(slug: str, source: str) -> tuple[str, str, str]:
    """The title and summary of a page, and the Markdown below them. Raises ValueError if either is missing."""
    title, _, rest = source.strip().partition("\n")
    summary, _, below = rest.strip().partition("\n\n")
    if not title.startswith("# ") or not summary or summary.startswith("#"):
        raise ValueError(f"{slug}.md does not open with a title and a summary.")
    return title.removeprefix("# "), " ".join(summary.split()), below


# Read at start, so that a missing or malformed page fails the start and not a reader's request.
PAGES = {slug: parse(slug, (HELP_DIR / f"{slug}.md").read_text(encoding="utf-8")) for slug in SLUGS}
INDEX_MARKDOWN = "# Help\n\n" + "".join(
    f"- [{page.title}]({page.slug}.md): {page.summary}\n" for page in PAGES.values()
)


def _page_or_404(slug: str) -> HelpPage:
    try:
        return PAGES[slug]
    except KeyError:
        raise Http404("There is no such help page.") from None


@public("help pages are documentation")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All pages as cards. Context: `pages`, the HelpPages in order."""
    return render(request, "help/index.html", {"pages": PAGES.values()})


@public("help pages are documentation")
@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """One page. Context: `page`, the HelpPage shown; `pages`, all of them for the menu beside it."""
    return render(request, "help/page.html", {"page": _page_or_404(slug), "pages": PAGES.values()})


@public("help pages are documentation")
@require_safe
def page_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """The Markdown behind a page; the slug "index" lists the pages."""
    source = INDEX_MARKDOWN if slug == "index" else _page_or_404(slug).source
    return HttpResponse(source, content_type="text/markdown; charset=utf-8")
