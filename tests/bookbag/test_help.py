"""The help pages: public, linked, and free of anything the browser would have to trust."""

import re
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from billing.models import Plan
from bookbag.pages import help
from llm.models import ChatModel

pytestmark = pytest.mark.django_db
ADDRESSES = ["/help/", *(f"/help/{slug}/" for slug in help.SLUGS)]


class Links(HTMLParser):
    """Collects what a page links to and the ids it can be linked at."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.ids: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        if tag == "a":
            self.hrefs.append(values.get("href") or "")


def body(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_index_links_every_page(client: Client) -> None:
    hrefs = Links(body(client, "/help/")).hrefs

    assert [href for href in hrefs if href in ADDRESSES[1:]] == ADDRESSES[1:]


def test_every_markdown_file_is_a_page() -> None:
    assert sorted(path.stem for path in help.HELP_DIR.glob("*.md")) == sorted(help.SLUGS)


@pytest.mark.parametrize("slug", help.SLUGS)
def test_page_shows_title_summary_and_contents(client: Client, slug: str) -> None:
    response = client.get(f"/help/{slug}/")
    page = help.PAGES[slug]

    assert response.context["page"] == page
    assert response.templates[0].name == "help/page.html"
    ids = Links(response.content.decode()).ids
    assert [heading.anchor for heading in page.headings if heading.anchor not in ids] == []


@pytest.mark.parametrize("slug", help.SLUGS)
def test_page_opens_with_a_summary_and_ends_with_where_next(slug: str) -> None:
    page = help.PAGES[slug]

    assert page.source.startswith(f"# {page.title}\n\n{page.summary}\n\n## ")
    assert page.headings[-1].text == "Where next"
    assert len({heading.anchor for heading in page.headings}) == len(page.headings)


@pytest.mark.parametrize("slug", help.SLUGS)
def test_training_text_is_the_page_without_its_links(slug: str) -> None:
    page = help.PAGES[slug]

    assert page.source.startswith(page.training_text)
    assert "](" not in page.training_text


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_link_resolves(client: Client, address: str) -> None:
    html = body(client, address)

    for href in Links(html).hrefs:
        target, anchor = urldefrag(urljoin(address, href))
        assert target.startswith("/"), f"{address} links outside: {href}"
        try:
            resolve(target)
        except Resolver404:
            pytest.fail(f"{address} links to {href}, which is no page")
        if target.startswith("/help/"):
            assert not anchor or anchor in Links(body(client, target)).ids, href


@pytest.mark.parametrize("slug", ["index", *help.SLUGS])
def test_links_between_markdown_files_resolve(client: Client, slug: str) -> None:
    address = f"/help/{slug}.md"
    targets = re.findall(r"\]\(([^)]+)\)", body(client, address))

    assert targets != []
    assert {client.get(urljoin(address, target)).status_code for target in targets} == {200}


@pytest.mark.parametrize("slug", help.SLUGS)
def test_markdown_is_the_file_itself(client: Client, slug: str) -> None:
    response = client.get(f"/help/{slug}.md")

    assert response.content == (help.HELP_DIR / f"{slug}.md").read_bytes()
    assert response["Content-Type"] == "text/markdown; charset=utf-8"


@pytest.mark.parametrize(
    "address",
    [
        "/help/no-such-page/",
        "/help/no-such-page.md",
        "/help/index/",
        "/help/../README.md",
        "/help/..%2f..%2fREADME.md",
        "/help/%2e%2e/vocabulary.md",
        "/help/..%2fvocabulary.md",
    ],
)
def test_unknown_page_is_not_found(client: Client, address: str) -> None:
    assert client.get(address).status_code == 404


def test_help_refuses_post(client: Client) -> None:
    assert [client.post(address).status_code for address in ADDRESSES] == [405] * len(ADDRESSES)


@pytest.mark.parametrize("address", ADDRESSES)
def test_page_has_no_inline_script_or_style(client: Client, address: str) -> None:
    html = body(client, address)

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html) == []


def test_raw_html_is_shown_as_text() -> None:
    page = help.parse(
        "trap",
        "# Trap\n\nA summary.\n\n## <b>Bold</b>\n\n<script>alert(1)</script>\n\n"
        "<img src=x onerror=alert(1)> [go](javascript:alert(1)) ![far](https://far.example/x.png)\n",
    )

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.html
    assert re.findall(r"<script|<img|<b>|href=.javascript", page.html) == []


def test_table_is_named_and_figures_are_aligned_by_class() -> None:
    page = help.parse(
        "t", '# T\n\nS.\n\n## "Prices" & more\n\n| Model | Price |\n| --- | ---: |\n| A | 1 |\n'
    )

    assert 'role="region" tabindex="0" aria-label="&quot;Prices&quot; &amp; more"' in page.html
    assert '<td class="num">1</td>' in page.html


def table_rows(slug: str, heading: str) -> list[list[str]]:
    """The cells of the first table under `heading`, without its head."""
    section = help.PAGES[slug].source.split(f"## {heading}\n", 1)[1]
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize(
    ("slug", "heading"), [("credits-and-usage", "What a reply costs"), ("models", "What each of them costs")]
)
def test_prices_are_those_of_the_catalogue(slug: str, heading: str) -> None:
    catalogue = ChatModel.objects.filter(workspace=None, enabled=True, retired_at=None)
    prices = {model.name: "free" if model.provider == "local" else str(model.price) for model in catalogue}

    assert {row[0]: row[-1] for row in table_rows(slug, heading)} == prices


def test_plans_are_those_of_the_product() -> None:
    def said(limit: int | None) -> str:
        return "no limit" if limit is None else f"{limit:,}"

    plans = [
        [
            plan.name,
            f"{plan.monthly_credits:,}",
            said(plan.agent_limit),
            said(plan.seat_limit),
            said(plan.source_limit),
        ]
        for plan in Plan.objects.exclude(slug="enterprise")
    ]

    assert table_rows("credits-and-usage", "Plans and the monthly allotment")[:-1] == plans
