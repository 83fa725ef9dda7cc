"""What every test may ask for. The fixtures live in tests/harness/, one module per thing."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

# In this order, as each may use the ones before it.
pytest_plugins = [
    "tests.harness.network",
    "tests.harness.database",
    "tests.harness.provider",
    "tests.harness.live",
    "tests.harness.servers",
    "tests.harness.visitor",
    "tests.harness.browser",
    "tests.harness.cast",
    "tests.harness.money",
]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Rate limits live in the cache; one test's attempts must not count in the next."""
    yield
    cache.clear()
