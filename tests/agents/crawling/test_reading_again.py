"""Websites as sources: read again, one is swapped in whole or not at all, and keeps what could not be read."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from agents.knowledge import index
from agents.models import Agent, CrawledPage, Source
from agents.sources import adding, crawled, upkeep, website, working
from tests.agents import websites
from tests.agents.crawling.reading import NEW, OLD, add, before, known_of, page, read, titles
from tests.agents.websites import Site

pytestmark = pytest.mark.django_db


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
