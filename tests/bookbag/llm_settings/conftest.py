"""A process that has noted nothing of its keys yet."""

import pytest

from llm import health


@pytest.fixture(autouse=True)
def fresh_process():
    health._noted.clear()
