"""Tests marked `money` end with the ledger's laws; a broken one fails the test that broke it."""

from collections.abc import Generator

import pytest


def broken_laws() -> list[str]:
    """The laws that do not hold right now, a sentence each."""
    from bookbag.operations import laws  # no module of ours is to be imported before the settings are

    return laws.broken_laws()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    yield
    if item.get_closest_marker("money"):
        broken = broken_laws()
        if broken:
            pytest.fail("broken laws:\n" + "\n".join(broken), pytrace=False)
