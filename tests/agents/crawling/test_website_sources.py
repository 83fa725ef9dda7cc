"""Websites as sources: what is refused at the form, what deleting and bringing back does, and how a page is cited."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from agents.knowledge import index
from agents.models import Agent, Conversation, Passage, Source
from agents.running import planning
from agents.sources import adding, crawled, website, working
from billing.models import Transfer
from tests.agents.crawling.reading import OLD, add, before, known_of, page, read
from tests.agents.test_pages import make_reply
from tests.agents.websites import Site
from tests.harness.cast import Cast

pytestmark = pytest.mark.django_db


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
