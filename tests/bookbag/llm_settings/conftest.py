"""Adam, an admin of Acme, and a process that has noted nothing of its keys yet."""

import pytest

from llm import health


@pytest.fixture(autouse=True)
def fresh_process():
    health._noted.clear()


@pytest.fixture
def adam(cast, client):
    client.force_login(cast.adam)
    return client
