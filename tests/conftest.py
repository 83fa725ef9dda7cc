"""The fixtures of all tests, which are in tests/harness/, and which tests run where."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection

# The order matters, because a module may use the ones before it.
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


# No deadline, because a busy machine is no failure; a failure prints how to repeat it.
hypothesis.settings.register_profile("bookbag", deadline=None, print_blob=True)
hypothesis.settings.load_profile("bookbag")


# What `make deep` runs and `make test` leaves out: texts at full size, planted keys, deployments, in these directories ...
DEEP = {"bounded", "canary", "deploy"}
# ... and tests that start processes of their own by one of these, or one of live.OWN_SERVERS, or are marked `deep`.
OWN_PROCESSES = {"copy", "start_proxy", "pooler", "redis_server"}
# In these directories all tests are of money, marked or not.
MONEY = {"billing"}
TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Imported late: pytest rewrites the asserts of a plugin only if pytest is the first to import it.
    from tests.harness.live import OWN_SERVERS

    on_postgres = os.environ.get("BOOKBAG_TEST_DB") == "postgres" and connection.vendor == "postgresql"
    if on_postgres:
        _leave_to_sqlite(config, items)
    for item in items:
        if _fixtures(item) & (OWN_SERVERS | OWN_PROCESSES) or _room(item) in DEEP:
            item.add_marker("deep")
        if on_postgres and not (
            _is_of_money(item) or _commits(item) or item.get_closest_marker("both_databases")
        ):
            item.add_marker("deep")
    _sort(items, (OWN_SERVERS | OWN_PROCESSES, {"lend_live", "browser", "double_process"}))


def _room(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _leave_to_sqlite(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that ask no database: they are the same on any, and run with the tests on SQLite."""
    same = [item for item in items if not _asks_the_database(item)]
    config.hook.pytest_deselected(items=same)
    items[:] = [item for item in items if _asks_the_database(item)]


def _is_of_money(item: pytest.Item) -> bool:
    return _room(item) in MONEY or item.get_closest_marker("money") is not None


def _asks_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("any_database"):
        return False
    # A page behaves the same on both databases, and its address is tested on both without a browser.
    if "chromium" in _fixtures(item) and not item.get_closest_marker("both_databases"):
        return False
    return bool({"db", "transactional_db"} & _fixtures(item) or item.get_closest_marker("django_db"))


def _commits(item: pytest.Item) -> bool:
    """Whether the test commits, so that other connections see its rows, as tests of locks and races need."""
    marked = item.get_closest_marker("django_db")
    return "transactional_db" in _fixtures(item) or bool(marked and marked.kwargs.get("transaction"))


def _sort(items: list[pytest.Item], slowest_first: tuple[set[str], ...]) -> None:
    """Put files first that wait for servers they start, then those with the most tests.

    So no worker is left with a long file at the end.
    """
    ranks: dict[Path, int] = {}
    tests = Counter(item.path for item in items)
    for item in items:
        rank = next((i for i, slow in enumerate(slowest_first) if slow & _fixtures(item)), len(slowest_first))
        ranks[item.path] = min(ranks.get(item.path, rank), rank)
    shared = {item.path for item in items if "lend_live" in _fixtures(item)}
    # Tests on the shared server are next to each other: at the end of the first group and the beginning of the
    # second.
    items.sort(
        key=lambda item: (
            ranks[item.path],
            (item.path in shared) == (not ranks[item.path]),
            -tests[item.path] if ranks[item.path] == len(slowest_first) else 0,
            item.path,
        )
    )


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """A source of random choices for each test; BOOKBAG_SEED, printed at the top of each run, repeats them."""
    return random.Random(f"{os.environ['BOOKBAG_SEED']} {request.node.nodeid}")


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Rate limits are counted in the cache, and one test's attempts must not count in the next."""
    yield
    cache.clear()
