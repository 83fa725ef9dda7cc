"""An agent on OpenAI, and Edith at its playground."""

import pytest
from playwright.sync_api import Page

from agents.models import Agent
from tests.agents.talking.playground import address
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast


@pytest.fixture
def page(cast: Cast, open_page: OpenPage, openai_agent: Agent) -> Page:
    """The playground, opened by Edith."""
    opened = open_page(cast.edith)
    opened.goto(address(openai_agent))
    return opened
