"""The provider double: one process per worker, a clean slate per test."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.harness.written import WRITTEN_ON
from tests.provider_double.client import Double


@pytest.fixture(scope="session")
def double_process() -> Iterator[Double]:
    with Double(options=("--today", WRITTEN_ON.isoformat())) as double:
        yield double


@pytest.fixture
def provider_double(double_process: Double, settings: Settings) -> Double:
    """A stand-in for both providers that this test's own process and its live server call."""
    double_process.clear()
    settings.PROVIDER_BASE_URLS = {
        "openai": double_process.openai_base_url,
        "anthropic": double_process.anthropic_base_url,
    }
    return double_process
