"""Websites as sources: which pages are read, what is kept of them, and when it is left alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from agents.knowledge import index
from agents.models import Agent, Conversation, Passage, Source
from agents.running import planning
from agents.sources import website, working
from billing.models import Transfer
from tests.agents import websites
from tests.agents.test_pages import make_reply
from tests.agents.websites import Site
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent

pytestmark = pytest.mark.django_db


def page(text: str, *links: str) -> str:
    leads = "".join(f'<a href="{link}">Go</a>' for link in links)
    return f"<html><nav>{leads}</nav><main><h1>{text}</h1><p>This is about {text}.</p></main></html>"


@pytest.fixture
def site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    settings.FETCH_LOOPBACK = True
    monkeypatch.setattr(website, "PAUSE_SECONDS", 0.0)
    with websites.serving() as site:
        yield site


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return make_agent(cast.acme)


@pytest.fixture
def edith(cast: Cast) -> Client:
    return browser_of(cast.edith)


def add(edith: Client, agent: Agent, url: str) -> Source:
    answer = edith.post(f"/w/acme/agents/{agent.pk}/sources/website/", {"url": url, "recrawl": "weekly"})
    assert answer.status_code == 302, answer.content.decode()
    return agent.sources.get(kind="website", url=url)


def read(source: Source) -> Source:
    Source.objects.filter(pk=source.pk).update(state="queued")
    working.train(source.pk)
    source.refresh_from_db()
    return source


def titles(source: Source) -> list[str]:
    return sorted(source.pages.values_list("title", flat=True))


def test_the_pages_that_links_lead_to_are_read(agent: Agent, edith: Client, site: Site) -> None:
    site.pages |= {
        "/": page("Home", "/prices", "/hours#top", "http://10.0.0.1/", "/logo.png", "mailto:a@example.org"),
        "/prices": page("Prices", "/", "/hours"),
        "/hours": page("Hours"),
    }

    source = read(add(edith, agent, site.url))

    assert (source.state, source.done, titles(source)) == ("ready", 3, ["Home", "Hours", "Prices"])
    assert sorted(site.paths) == ["/", "/hours", "/prices", "/robots.txt"]
    assert agent.passages.get(source__title="Prices").text.endswith("This is about Prices.")
    assert agent.sources.listed().count() == 1


def test_robots_are_obeyed(agent: Agent, edith: Client, site: Site) -> None:
    site.pages |= {
        "/robots.txt": websites.of_type("text/plain", "User-agent: *\nDisallow: /inside/"),
        "/": page("Home", "/inside/plans", "/open"),
        "/inside/plans": page("Plans"),
        "/open": page("Open"),
    }

    assert titles(read(add(edith, agent, site.url))) == ["Home", "Open"]
    assert "/inside/plans" not in site.paths

    refused = read(add(edith, agent, f"{site.url}inside/plans"))
    assert (refused.state, refused.note) == ("failed", website.NOT_ALLOWED)


def test_an_endless_calendar_ends(agent: Agent, edith: Client, site: Site, settings: Any) -> None:
    settings.WEBSITE_PAGES = 60
    months = {"next": 0}

    def month(handler: Any) -> None:
        months["next"] += 1
        websites.plain(
            handler,
            page(f"Month {months['next']}", *(f"/calendar?m={handler.path[-3:]}{n}" for n in range(50))),
        )

    site.pages |= {"/": page("Home", "/calendar?m=1", "/hours"), "/calendar": month, "/hours": page("Hours")}

    source = read(add(edith, agent, site.url))

    assert source.state == "ready"
    assert months["next"] == website.MOST_QUERIES
    assert "Hours" in titles(source)


def test_no_more_pages_are_read_than_the_limit_and_it_is_said(
    agent: Agent, edith: Client, site: Site, settings: Any
) -> None:
    settings.WEBSITE_PAGES = 5
    site.pages["/"] = page("Home", *(f"/{n}" for n in range(30)))
    site.pages |= {f"/{n}": page(f"Page {n}") for n in range(30)}

    source = read(add(edith, agent, site.url))

    assert (source.done, source.pages.count()) == (5, 5)
    assert "There are more pages: 5" in source.note


def test_a_sitemap_says_which_pages_there_are(agent: Agent, edith: Client, site: Site) -> None:
    listed = "".join(f"<url><loc>{site.url}{name}</loc></url>" for name in ("prices", "hours"))
    site.pages |= {
        "/sitemap.xml": websites.of_type(
            "application/xml", f"<urlset>{listed}<url><loc>http://10.0.0.1/</loc></url></urlset>"
        ),
        "/prices": page("Prices", "/elsewhere"),
        "/hours": page("Hours"),
        "/elsewhere": page("Elsewhere"),
    }

    assert titles(read(add(edith, agent, f"{site.url}sitemap.xml"))) == ["Hours", "Prices"]


def test_read_again_only_what_changed_is_trained_and_what_is_gone_goes(
    agent: Agent, edith: Client, site: Site
) -> None:
    site.pages |= {"/": page("Home", "/a", "/b", "/c"), "/a": page("A"), "/b": page("B"), "/c": page("C")}
    source = read(add(edith, agent, site.url))
    before = dict(agent.passages.values_list("source__title", "pk"))

    def broken(handler: Any) -> None:
        websites.head(handler, 503)

    site.pages |= {"/b": page("Better"), "/c": broken}
    del site.pages["/a"]
    source = read(source)

    after = dict(agent.passages.values_list("source__title", "pk"))
    assert sorted(after) == ["Better", "C", "Home"]
    assert (after["Home"], after["C"]) == (before["Home"], before["C"])
    assert source.note == "1 page could not be read."


def test_a_website_that_is_down_leaves_what_was_read_of_it(agent: Agent, edith: Client, site: Site) -> None:
    site.pages["/"] = page("Home")
    source = read(add(edith, agent, site.url))
    site.pages.clear()

    source = read(source)

    assert (source.state, source.note) == ("failed", "The website answered with status 404.")
    assert agent.passages.count() == 1


def test_cancelled_in_the_middle_it_stops(agent: Agent, edith: Client, site: Site) -> None:
    source = add(edith, agent, site.url)

    # As when a person cancels while a page is on its way.
    site.pages |= {"/": page("Home", "/a", "/b"), "/a": page("A"), "/b": page("B")}
    taken = website._take_in

    def take_in(crawl: website.Crawl, found: Any, depth: int) -> None:
        if found.url.endswith("/a"):
            Source.objects.filter(pk=source.pk).update(state="cancelled", lease_token=None)
        taken(crawl, found, depth)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(website, "_take_in", take_in)
        working.train(source.pk)

    source.refresh_from_db()
    assert source.state == "cancelled"
    assert titles(source) == ["Home"]
    assert "/b" not in site.paths


def test_deleted_and_brought_back_it_is_not_read_again(agent: Agent, edith: Client, site: Site) -> None:
    site.pages |= {"/": page("Home", "/a"), "/a": page("A")}
    source = read(add(edith, agent, site.url))
    asked = len(site.asked)

    edith.post(f"/w/acme/agents/{agent.pk}/sources/{source.pk}/delete/")
    assert not Passage.objects.exists()
    edith.post(f"/w/acme/agents/{agent.pk}/sources/{source.pk}/restore/")
    working.train(source.pk)

    source.refresh_from_db()
    assert (source.state, agent.passages.count(), len(site.asked)) == ("ready", 2, asked)


def test_script_in_a_title_is_only_text(agent: Agent, edith: Client, site: Site) -> None:
    site.pages["/"] = "<title>&lt;script&gt;alert(1)&lt;/script&gt;</title><main><p>Hello there.</main>"
    source = read(add(edith, agent, site.url))

    shown = edith.get(f"/w/acme/agents/{agent.pk}/sources/{source.pk}/").content.decode()

    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


def test_reading_a_website_moves_no_credits_and_counts_as_one_source(
    agent: Agent, edith: Client, site: Site
) -> None:
    before = Transfer.objects.count()
    site.pages |= {"/": page("Home", *(f"/{n}" for n in range(15)))} | {
        f"/{n}": page(f"N{n}") for n in range(15)
    }

    assert read(add(edith, agent, site.url)).done == 16
    assert Transfer.objects.count() == before


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://user:word@example.org/",
        "http://example.org:22/",
        "http://",
        "gopher://a/",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_at_the_form(agent: Agent, edith: Client, url: str) -> None:
    answer = edith.post(f"/w/acme/agents/{agent.pk}/sources/website/", {"url": url})

    assert answer.status_code == 400
    assert "not an address that can be read" in answer.content.decode()
    assert not agent.sources.exists()


def test_an_address_inside_fails_like_one_that_does_not_answer(agent: Agent, edith: Client) -> None:
    source = read(add(edith, agent, "http://169.254.169.254/latest/meta-data/"))

    assert (source.state, source.note) == ("failed", "The website could not be reached.")


def test_what_a_page_says_is_found_with_the_address_of_that_page(
    agent: Agent, edith: Client, site: Site
) -> None:
    site.pages |= {"/": page("Home", "/prices"), "/prices": page("Prices of tickets")}
    read(add(edith, agent, site.url))

    found = index.search(agent.pk, "What are the prices of tickets?").passages[0]

    assert (found.source, found.url) == ("Prices of tickets", f"{site.url}prices")
    assert planning._as_source(found)["url"] == f"{site.url}prices"


def test_a_citation_leads_to_the_page_that_was_read(agent: Agent, edith: Client, cast: Cast) -> None:
    conversation = Conversation.objects.create(agent=agent, started_by=cast.edith)
    quoted = {
        "title": "Prices",
        "heading": "",
        "text": "A ticket costs five.",
        "url": "https://shop.example/prices",
    }
    make_reply(agent, conversation, text="Five [1].", sources=[quoted])

    shown = edith.get(f"/w/acme/conversations/{conversation.pk}/").content.decode()

    assert '<a href="https://shop.example/prices" rel="noopener nofollow"' in shown
