"""What every test may ask for. The fixtures live in tests/harness/, one module per thing."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

pytest_plugins = [
    "tests.harness.browser",
    "tests.harness.database",
    "tests.harness.live",
    "tests.harness.money",
    "tests.harness.network",
    "tests.harness.provider",
    "tests.harness.visitor",
]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Rate limits live in the cache; one test's attempts must not count in the next."""
    yield
    cache.clear()
