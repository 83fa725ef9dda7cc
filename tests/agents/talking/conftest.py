"""An agent on OpenAI, and Edith at its playground."""

import pytest
from playwright.sync_api import Page

from agents.models import Agent
from tests.agents.scenes import agent_on
from tests.agents.talking.playground import address
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.harness.chat import platform_key
from tests.provider_double.client import Double


@pytest.fixture
def agent(cast: Cast, provider_double: Double) -> Agent:
    platform_key()
    return agent_on(cast, "openai")


@pytest.fixture
def page(cast: Cast, open_page: OpenPage, agent: Agent) -> Page:
    """The playground, opened by Edith."""
    opened = open_page(cast.edith)
    opened.goto(address(agent))
    return opened
