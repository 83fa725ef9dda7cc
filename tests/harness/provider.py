"""The provider double: one process per worker, a clean slate per test."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from bookbag.server import stand_in
from llm.providers import roster
from tests.harness.written import WRITTEN_ON
from tests.provider_double.client import Double


def provider_variables(double: Double) -> dict[str, str]:
    """The environment of a process that is to reach every provider at the double."""
    return {
        roster.named(name).base_url_setting: address
        for name, address in stand_in.addresses(double.url).items()
    }


@pytest.fixture(scope="session")
def double_process() -> Iterator[Double]:
    with Double(options=("--today", WRITTEN_ON.isoformat())) as double:
        yield double


@pytest.fixture
def provider_double(double_process: Double, settings: Settings) -> Double:
    """A stand-in for all providers that this test's own process and its live server call."""
    double_process.clear()
    settings.PROVIDER_BASE_URLS = stand_in.addresses(double_process.url)
    return double_process
