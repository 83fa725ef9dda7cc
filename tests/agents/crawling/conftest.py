"""A website on this machine, an agent, and Edith, who adds the one to the other."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, Source
from agents.sources import website
from tests.agents.crawling.reading import add, page, read
from tests.agents.websites import Site


@pytest.fixture
def site(site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The same, which may be read, and without a pause between its pages."""
    settings.FETCH_LOOPBACK = True
    monkeypatch.setattr(website, "PAUSE_SECONDS", 0.0)
    return site


@pytest.fixture
def changed(agent: Agent, edith: Client, site: Site) -> Source:
    """A website that was read, and has changed in each page since."""
    site.pages |= {"/": page("Home", "/a", "/b"), "/a": page("Ants"), "/b": page("Bees")}
    source = read(add(edith, agent, site.url))
    site.pages |= {"/": page("House", "/a", "/c"), "/a": page("Apes"), "/c": page("Cats")}
    return source
