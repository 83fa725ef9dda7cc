"""What every test may ask for. The fixtures live in tests/harness/, one module per thing."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection

# In this order, as each may use the ones before it.
pytest_plugins = [
    "tests.harness.network",
    "tests.harness.loops",
    "tests.harness.database",
    "tests.harness.figures",
    "tests.harness.provider",
    "tests.harness.issuer",
    "tests.harness.live",
    "tests.harness.servers",
    "tests.harness.fresh",
    "tests.harness.proxies",
    "tests.harness.pooler",
    "tests.harness.redis",
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


def _slowest_first() -> tuple[set[str], ...]:
    """What a test starts besides itself, the slowest first.

    Files that wait for processes begin first, and of the others those with the most tests, so that no worker is left
    alone with one of them at the end.
    """
    # Not above: pytest explains the failed asserts of a plugin only if it is the first to import it.
    from tests.harness.live import OWN_SERVERS

    return (
        OWN_SERVERS | {"copy", "start_proxy", "pooler", "redis_server"},
        {"lend_live", "browser", "double_process"},
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slowest_first = _slowest_first()
    ranks: dict[Path, int] = {}
    tests = Counter(item.path for item in items)
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        rank = next((i for i, slow in enumerate(slowest_first) if slow & fixtures), len(slowest_first))
        ranks[item.path] = min(ranks.get(item.path, rank), rank)
    shared = {item.path for item in items if "lend_live" in getattr(item, "fixturenames", ())}
    # Those on the shared server one after the other, at the end of the first kind and the beginning of the second.
    items.sort(
        key=lambda item: (
            ranks[item.path],
            (item.path in shared) == (not ranks[item.path]),
            -tests[item.path] if ranks[item.path] == len(slowest_first) else 0,
            item.path,
        )
    )
    if os.environ.get("BOOKBAG_TEST_DB") == "postgres" and connection.vendor == "postgresql":
        for item in items:
            if not _asks_the_database(item):
                item.add_marker(
                    pytest.mark.skip(reason="is the same on any database: runs with the tests on SQLite")
                )


def _asks_the_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("any_database"):
        return False
    # What a page does is the same on any database, and its address is tried on both without a browser.
    if "chromium" in fixtures and not item.get_closest_marker("both_databases"):
        return False
    return bool({"db", "transactional_db"} & fixtures or item.get_closest_marker("django_db"))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random choices that BOOKBAG_SEED (printed at the top of each run) makes again, test by test."""
    return random.Random(f"{os.environ['BOOKBAG_SEED']} {request.node.nodeid}")


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Rate limits live in the cache; one test's attempts must not count in the next."""
    yield
    cache.clear()
