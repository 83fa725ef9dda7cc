"""The help pages: Markdown files of `docs/help`, rendered once, shown as pages and as the Markdown they are.

A page opens with its title and a one-paragraph summary; the rest is its body. Links between pages are
written `other-page.md`, which is right in the repository and under `/help/<slug>.md`, and are turned
into `../other-page/` for the rendered page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import nh3
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

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
# The title and the summary are three tokens each (open, text, close); the body follows.
OPENING_TOKENS = 6
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
    """A section of a page: where its heading is anchored and what it says."""

    anchor: str
    text: str


@dataclass(frozen=True)
class HelpPage:
    """One page: `html` is the body after title and summary, `source` the whole Markdown."""

    slug: str
    title: str
    summary: str
    html: str
    headings: tuple[Heading, ...]
    source: str

    @property
    def training_text(self) -> str:
        """The page as an agent is trained on it: without the links at its end, which answer nothing."""
        return self.source.partition("\n## Where next\n")[0]


def _open_table(
    _renderer: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    # A wide table scrolls in its own box, which a keyboard must be able to reach and a reader to name.
    label = escape(tokens[index].meta["section"], quote=True)
    return (
        f'<div class="table-wrap" role="region" tabindex="0" aria-label="{label}">\n<table class="table">\n'
    )


def _close_table(
    _renderer: RendererHTML, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return "</table>\n</div>\n"


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", _open_table)
    markdown.add_render_rule("table_close", _close_table)
    return markdown


MARKDOWN = _markdown()


def _anchor_headings(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    """Give each heading an id, name each table after its section, and return the sections."""
    headings: list[Heading] = []
    section = ""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            section = following.content
            token.attrSet("id", slugify(section))
            if token.tag == "h2":
                headings.append(Heading(anchor=slugify(section), text=section))
        elif token.type == "table_open":
            token.meta["section"] = section
    return tuple(headings)


def _adapt_to_page(tokens: Sequence[Token]) -> None:
    """Point links at pages instead of files, and align by class, since the CSP forbids inline styles."""
    for token in tokens:
        if token.attrs.pop("style", None) == "text-align:right":
            token.attrJoin("class", "num")
        href = str(token.attrs.get("href", ""))
        if token.type == "link_open" and href.endswith(".md"):
            token.attrSet("href", f"../{href.removesuffix('.md')}/")
        _adapt_to_page(token.children or ())


def parse(slug: str, source: str) -> HelpPage:
    """Make a page of Markdown that opens with `# Title` and a summary. Raw HTML in it is shown as text."""
    tokens = MARKDOWN.parse(source)
    title, summary, body = tokens[1].content, tokens[4].content, tokens[OPENING_TOKENS:]
    headings = _anchor_headings(body)
    _adapt_to_page(body)
    html = nh3.clean(
        MARKDOWN.renderer.render(body, MARKDOWN.options, {}),
        tags=ALLOWED_TAGS,
        attributes=ALLOWED_ATTRIBUTES,
        allowed_classes=ALLOWED_CLASSES,
        url_schemes={"https", "mailto"},
        link_rel=None,
    )
    return HelpPage(slug, title, " ".join(summary.split()), html, headings, source)


# Read at start: a missing or malformed page stops the server, not a reader.
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
