"""An agent of Acme's on Bookbag Local, Edith, who may build agents, at her browser, and a website on this machine.

Tests whose replies must cost something take `openai_agent` of tests/harness/cast.py.
"""

from collections.abc import Iterator

import pytest
from django.test import Client

from agents.models import Agent
from tests.agents import websites
from tests.agents.websites import Site
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return make_agent(cast.acme)


@pytest.fixture
def edith(cast: Cast) -> Client:
    return browser_of(cast.edith)


@pytest.fixture
def site() -> Iterator[Site]:
    with websites.serving() as site:
        yield site
