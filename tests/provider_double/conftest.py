"""Fixtures for the double's own tests: the official SDKs pointed at a double of this package's own."""

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.harness.written import WRITTEN_ON

from .client import Double
from .sdk import SECRETS, Anthropic, OpenAI, Sdk


@pytest.fixture(scope="package")
def running() -> Iterator[Double]:
    with Double(options=("--today", WRITTEN_ON.isoformat())) as double:
        yield double


@pytest.fixture(autouse=True)
def double(running: Double) -> Double:
    running.clear()
    return running


@pytest.fixture(scope="package")
def openai_client(running: Double) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        api_key=SECRETS["openai"], base_url=running.openai_base_url, max_retries=0, timeout=5
    ) as client:
        yield client


@pytest.fixture(scope="package")
def anthropic_client(running: Double) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        api_key=SECRETS["anthropic"], base_url=running.anthropic_base_url, max_retries=0, timeout=5
    ) as client:
        yield client


@pytest.fixture(params=["openai", "anthropic"])
def sdk(
    request: pytest.FixtureRequest, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> Sdk:
    """Each official SDK in turn, behind one interface."""
    return OpenAI(openai_client) if request.param == "openai" else Anthropic(anthropic_client)
