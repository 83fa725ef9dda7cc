"""An agent of Acme's on Bookbag Local, and Edith, who may build agents, at her browser.

A module whose replies must cost something defines an `agent` of its own.
"""

import pytest
from django.test import Client

from agents.models import Agent
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return make_agent(cast.acme)


@pytest.fixture
def edith(cast: Cast) -> Client:
    return browser_of(cast.edith)
