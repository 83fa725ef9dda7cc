"""Websites as sources: which pages are read, what is kept of them, and when it is left alone."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from agents.knowledge import index
from agents.models import Agent, Conversation, CrawledPage, Passage, Source
from agents.running import planning
from agents.sources import adding, crawled, upkeep, website, working
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
    adding.queue(source)
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
    assert titles(source) == []
    assert "/b" not in site.paths


@contextmanager
def before(name: str, of: Any, act: Callable[[], object]) -> Iterator[None]:
    """Call `act` each time before the function of that name."""
    done = getattr(of, name)

    def with_act(*arguments: Any, **named: Any) -> Any:
        act()
        return done(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of, name, with_act)
        yield


def known_of(source: Source) -> dict[str, str]:
    """What an agent knows of the website: its passages by the pages' titles."""
    passages = Passage.objects.filter(source__parent=source)
    return {one.source.title: one.text.rpartition("about ")[2] for one in passages.select_related("source")}


@pytest.fixture
def changed(agent: Agent, edith: Client, site: Site) -> Source:
    """A website that was read, and has changed in each page since."""
    site.pages |= {"/": page("Home", "/a", "/b"), "/a": page("Ants"), "/b": page("Bees")}
    source = read(add(edith, agent, site.url))
    site.pages |= {"/": page("House", "/a", "/c"), "/a": page("Apes"), "/c": page("Cats")}
    return source


OLD = {"Home": "Home.", "Ants": "Ants.", "Bees": "Bees."}
NEW = {"House": "House.", "Apes": "Apes.", "Cats": "Cats."}


def test_until_the_last_page_is_read_the_agent_knows_all_of_the_old_ones(
    agent: Agent, changed: Source
) -> None:
    seen = []

    def look() -> None:
        changed.refresh_from_db()
        found = index.search(agent.pk, "Which apes, bees and cats are there?").passages
        seen.append((known_of(changed), sorted(one.source for one in found), changed.done))

    with before("_take_in", website, look):
        read(changed)

    assert seen == [(OLD, ["Bees"], done) for done in (0, 1, 2)]
    assert known_of(changed) == NEW
    assert {one.source for one in index.search(agent.pk, "apes, bees, cats").passages} == {"Apes", "Cats"}
    upkeep.wipe()
    assert not CrawledPage.objects.exists()


@pytest.mark.parametrize("where", ["_PAGES", "_PASSAGES", "_WORDS"])
def test_a_swap_that_breaks_off_leaves_all_as_it_was(
    changed: Source, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(crawled, where, "SELECT broken")
        failed = read(changed)

    assert (failed.state, failed.note, known_of(changed)) == ("failed", working.OURS, OLD)
    assert read(changed).state == "ready"
    assert known_of(changed) == NEW


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_cancelled_or_deleted_before_the_swap_it_is_not_swapped_in(
    agent: Agent, edith: Client, changed: Source, act: str
) -> None:
    address = f"/w/acme/agents/{agent.pk}/sources/{changed.pk}/{act}/"

    with before("_finish", website, lambda: edith.post(address)):
        assert read(changed).state == "cancelled"

    assert known_of(changed) == (OLD if act == "cancel" else {})
    assert titles(changed) == sorted(OLD)


def test_what_a_crawl_left_behind_is_cleared_away_and_not_what_another_is_at(
    agent: Agent, edith: Client, changed: Source
) -> None:
    other = add(edith, agent, f"{changed.url}other")
    Source.objects.filter(pk=other.pk).update(state="training")
    CrawledPage.objects.create(site=other, url=other.url)
    with before("_finish", website, lambda: adding.cancel(changed)):
        read(changed)
    assert changed.crawled.count() == 3

    upkeep.wipe()

    assert list(CrawledPage.objects.values_list("site", flat=True)) == [other.pk]


def test_a_crawl_that_lost_its_lease_changes_nothing_and_the_next_begins_anew(
    changed: Source, site: Site
) -> None:
    """The worker stood still for longer than the lease; another one took the website and read all of it."""
    stood_still: list[int] = []

    def overtake() -> None:
        if not stood_still:
            stood_still.append(changed.crawled.count())
            Source.objects.filter(pk=changed.pk).update(lease_until=Now() - timedelta(seconds=1))
            site.pages["/c"] = page("Cows")
            working.train(changed.pk)
            site.pages["/c"] = page("Crows")

    with before("_finish", website, overtake):
        read(changed)

    assert stood_still == [3]
    assert known_of(changed) == {"House": "House.", "Apes": "Apes.", "Cows": "Cows."}
    changed.refresh_from_db()
    assert (changed.state, changed.attempts) == ("ready", 2)


def test_what_stands_behind_a_page_that_failed_is_asked_for_itself(
    agent: Agent, edith: Client, site: Site
) -> None:
    site.pages |= {"/": page("Home", "/list"), "/list": page("List", "/a", "/b")}
    site.pages |= {"/a": page("Ants"), "/b": page("Bees")}
    source = read(add(edith, agent, site.url))

    site.pages |= {"/list": lambda handler: websites.head(handler, 500), "/a": page("Apes")}
    del site.pages["/b"]
    source = read(source)

    assert (source.state, source.note) == ("ready", "1 page could not be read.")
    assert known_of(source) == {"Home": "Home.", "List": "List.", "Apes": "Apes."}


def test_pages_of_a_sitemap_that_failed_are_asked_for_themselves(
    agent: Agent, edith: Client, site: Site
) -> None:
    maps = "".join(f"<sitemap><loc>{site.url}{name}.xml</loc></sitemap>" for name in "ab")
    site.pages["/sitemap.xml"] = websites.of_type("application/xml", f"<sitemapindex>{maps}</sitemapindex>")
    for name, title in (("a", "Ants"), ("b", "Bees")):
        listed = f"<urlset><url><loc>{site.url}{name}</loc></url></urlset>"
        site.pages |= {f"/{name}.xml": websites.of_type("application/xml", listed), f"/{name}": page(title)}
    source = read(add(edith, agent, f"{site.url}sitemap.xml"))

    site.pages["/b.xml"] = lambda handler: websites.head(handler, 503)
    source = read(source)

    assert (titles(source), source.note) == (["Ants", "Bees"], "1 page could not be read.")


def test_pages_for_which_there_was_no_time_stay_as_they_were(
    changed: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(website, "MOST_SECONDS", -1.0)

    source = read(changed)

    assert (source.state, source.done) == ("ready", 1)
    assert known_of(source) == {"House": "House.", "Ants": "Ants.", "Bees": "Bees."}
    assert source.note.startswith("There are more pages: reading them took too long.")


def test_pages_that_nothing_has_led_to_when_time_is_over_stay_too(
    agent: Agent, edith: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages |= {
        "/": page("Home", "/a"),
        "/a": page("Ants", "/b"),
        "/b": page("Bees", "/c"),
        "/c": page("Cats"),
    }
    source = read(add(edith, agent, site.url))
    monkeypatch.setattr(website, "MOST_SECONDS", -1.0)

    assert titles(read(source)) == ["Ants", "Bees", "Cats", "Home"]


def test_a_page_that_cannot_be_cut_counts_as_not_read_and_keeps_what_it_had(
    agent: Agent, edith: Client, site: Site
) -> None:
    site.pages |= {"/": page("Home", "/a"), "/a": page("Ants")}
    source = read(add(edith, agent, site.url))
    sections = "".join(f"<h2>Part {number}</h2><p>Text.</p>" for number in range(6_000))
    site.pages["/a"] = f"<main>{sections}</main>"

    source = read(source)

    assert (source.state, source.done, source.note) == ("ready", 1, "1 page could not be read.")
    assert titles(source) == ["Ants", "Home"]
    assert index.search(agent.pk, "ants").passages


def test_a_new_title_is_cited_though_the_text_is_the_same(agent: Agent, edith: Client, site: Site) -> None:
    site.pages["/"] = "<title>Old</title><main><p>Bread is baked daily.</main>"
    source = read(add(edith, agent, site.url))
    site.pages["/"] = "<title>New</title><main><p>Bread is baked daily.</main>"

    assert titles(read(source)) == ["New"]
    assert index.search(agent.pk, "Is bread baked?").passages[0].source == "New"


def test_one_website_is_one_source_however_its_address_is_spelt(
    agent: Agent, edith: Client, site: Site
) -> None:
    source = add(edith, agent, site.url)
    form = f"/w/acme/agents/{agent.pk}/sources/website/"
    for spelt in (site.url.rstrip("/"), f"{site.url}#top", f"{site.url}?", site.url.replace("http", "HTTP")):
        assert edith.post(form, {"url": spelt}).status_code == 400
    edith.post(f"/w/acme/agents/{agent.pk}/sources/{source.pk}/delete/")
    edith.post(form, {"url": f"{site.url}#top"})

    back = edith.post(f"/w/acme/agents/{agent.pk}/sources/{source.pk}/restore/", follow=True)

    assert "The same has been added since" in back.content.decode()
    assert agent.sources.listed().count() == 1


@pytest.mark.django_db(transaction=True)
def test_deleted_while_it_is_swapped_in_it_is_gone_whole(
    agent: Agent, edith: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages |= {"/": page("Home", "/a"), "/a": page("Ants")}
    source = read(add(edith, agent, site.url))
    site.pages["/a"] = page("Apes")
    is_copied, may_end, swap_in = Event(), Event(), crawled.swap_in

    def slowly(*arguments: Any) -> None:
        swap_in(*arguments)
        is_copied.set()
        may_end.wait(20)

    def work() -> None:
        try:
            working.train(source.pk)
        finally:
            connection.close()

    def delete() -> int:
        try:
            path = f"/w/acme/agents/{agent.pk}/sources/{source.pk}/delete/"
            return edith.post(path).status_code
        finally:
            connection.close()

    monkeypatch.setattr(crawled, "swap_in", slowly)
    adding.queue(source)
    with ThreadPoolExecutor(2) as threads:
        working_ = threads.submit(work)
        assert is_copied.wait(20)
        deleting = threads.submit(delete)
        # Long enough to be in the middle of it, and less than SQLite waits for its lock.
        time.sleep(1.0)
        may_end.set()
        assert deleting.result(20) == 302
        working_.result(20)

    assert not agent.sources.listed().exists()
    assert not Passage.objects.exists()
    of_page = f"/w/acme/agents/{agent.pk}/sources/{source.pages.first().pk}/"  # type: ignore[union-attr]
    assert edith.get(of_page).status_code == 404


def test_brought_back_it_says_how_many_pages_it_has(agent: Agent, edith: Client, site: Site) -> None:
    site.pages |= {"/": page("Home", "/a"), "/a": page("A")}
    source = read(add(edith, agent, site.url))
    edith.post(f"/w/acme/agents/{agent.pk}/sources/{source.pk}/delete/")
    edith.post(f"/w/acme/agents/{agent.pk}/sources/{source.pk}/restore/")
    working.train(source.pk)

    source.refresh_from_db()
    assert (source.done, source.total) == (2, 2)


def test_brought_back_and_cut_off_it_is_whole_the_next_time(
    agent: Agent, edith: Client, changed: Source, site: Site
) -> None:
    asked = len(site.asked)
    edith.post(f"/w/acme/agents/{agent.pk}/sources/{changed.pk}/delete/")
    edith.post(f"/w/acme/agents/{agent.pk}/sources/{changed.pk}/restore/")
    with before("_swap_in", website, lambda: adding.cancel(changed)):
        working.train(changed.pk)
    assert known_of(changed) == {}

    read(changed)

    assert (known_of(changed), len(site.asked)) == (OLD, asked)


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
    assert "This address cannot be read" in answer.content.decode()
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
