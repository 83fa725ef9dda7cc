"""Websites as sources: which pages are read, how many, and in which letters."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from agents.sources import website
from tests.agents import websites
from tests.agents.crawling.reading import add, page, read, titles
from tests.agents.websites import Site

pytestmark = pytest.mark.django_db


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


def test_a_robots_txt_of_very_many_rules_is_asked_of_a_page_that_is_to_be_read_alone(
    agent: Agent, edith: Client, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBSITE_PAGES = 5
    rules = "\n".join(f"Disallow: /no{number}" for number in range(30_000))
    site.pages["/robots.txt"] = websites.of_type("text/plain", f"User-agent: *\n{rules}")
    site.pages |= {"/": page("Home", *(f"/{number}" for number in range(900)))}
    site.pages |= {f"/{number}": page(f"Page {number}") for number in range(900)}
    asked: list[str] = []
    can_fetch = website.RobotFileParser.can_fetch

    def counted(robots: website.RobotFileParser, agent: str, url: str) -> bool:
        asked.append(url)
        return can_fetch(robots, agent, url)

    monkeypatch.setattr(website.RobotFileParser, "can_fetch", counted)

    assert read(add(edith, agent, site.url)).done == 5
    assert len(asked) == 5


def test_of_sitemaps_without_end_no_more_is_kept_than_is_needed(
    agent: Agent, edith: Client, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBSITE_PAGES = 2
    monkeypatch.setattr(website.extract, "MOST_LISTED", 50)

    def listing(handler: Any) -> None:
        urls = "".join(f"<url><loc>{site.url}{handler.path[1:]}-{number}</loc></url>" for number in range(40))
        websites.plain(handler, f"<urlset>{urls}</urlset>", "application/xml")

    maps = "".join(f"<sitemap><loc>{site.url}map{number}.xml</loc></sitemap>" for number in range(100))
    ring = f"<sitemap><loc>{site.url}sitemap.xml</loc></sitemap>"
    site.pages["/sitemap.xml"] = websites.of_type(
        "application/xml", f"<sitemapindex>{ring}{maps}</sitemapindex>"
    )
    site.pages |= {f"/map{number}.xml": listing for number in range(100)}
    site.pages |= {
        f"/map{number}.xml-{n}": page(f"P{number}-{n}") for number in range(100) for n in range(40)
    }

    source = read(add(edith, agent, f"{site.url}sitemap.xml"))

    assert (source.state, source.done, source.total) == ("ready", 2, 2)
    assert "There are more pages" in source.note
    assert len(site.paths) < 2 + 2 + website.MOST_SITEMAPS + 2


@pytest.mark.parametrize(
    ("served", "declared"),
    [
        ("utf-8", "iso-8859-1"), ("utf-8", "punycode"), ("cp1251", "windows-1251"), ("utf-8", "hex"),
        ("koi8-r", "KOI8-R"), ("utf-8", "utf-7"), ("utf-8", "\u00df"), ("utf-16", "utf-8"),
    ],
)  # fmt: skip
def test_a_page_is_read_in_the_letters_it_is_written_in_whatever_it_says(
    agent: Agent, edith: Client, site: Site, served: str, declared: str
) -> None:
    written = page("Цены билетов").encode(served)

    def answer(handler: Any) -> None:
        websites.head(handler, 200, Content_Type=f"text/html; charset={declared}")
        handler.wfile.write(written)

    site.pages["/"] = answer

    assert titles(read(add(edith, agent, site.url))) == ["Цены билетов"]


def test_an_encoding_that_takes_the_square_of_the_time_is_not_tried(
    agent: Agent, edith: Client, site: Site
) -> None:
    """In Punycode these 400 kilobytes would take minutes, in the process of the worker, which nothing ends."""
    site.pages["/"] = websites.of_type(
        "text/html; charset=punycode", "<main><p>Hello " + "a" * 400_000 + "-" + "a" * 40_000 + "</main>"
    )

    assert read(add(edith, agent, site.url)).done == 1


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
