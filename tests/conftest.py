"""What every test may ask for. The fixtures live in tests/harness/, one module per thing."""

import os
import random
from collections.abc import Iterator

import hypothesis
import pytest
from django.core.cache import cache

# In this order, as each may use the ones before it.
pytest_plugins = [
    "tests.harness.network",
    "tests.harness.database",
    "tests.harness.figures",
    "tests.harness.provider",
    "tests.harness.live",
    "tests.harness.servers",
    "tests.harness.proxies",
    "tests.harness.pooler",
    "tests.harness.visitor",
    "tests.harness.browser",
    "tests.harness.cast",
    "tests.harness.money",
    "tests.canary.scene",
    "tests.canary.suite",
]


# A busy machine is no failure; a failure prints what repeats it.
hypothesis.settings.register_profile("bookbag", deadline=None, print_blob=True)
hypothesis.settings.load_profile("bookbag")


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random choices that BOOKBAG_SEED (printed at the top of each run) makes again, test by test."""
    return random.Random(f"{os.environ['BOOKBAG_SEED']} {request.node.nodeid}")


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Rate limits live in the cache; one test's attempts must not count in the next."""
    yield
    cache.clear()
