"""Servers that die and come back quickly, with short leases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.live import Server, new_server
from tests.harness.nursery import PRODUCT, Nursery
from tests.provider_double.client import Double
from tests.reliability.aftermath import BRIEF

ForkServers = Callable[..., list[Server]]


@pytest.fixture(scope="module")
def whole_nursery(django_db_setup: None, double_process: Double, collected_static: None) -> Iterator[Nursery]:
    """Forks servers with brief leases, which start at once: hundreds of them are killed."""
    with Nursery(PRODUCT, new_server("nursery", double_process, BRIEF).env) as nursery:
        yield nursery


@pytest.fixture
def fork_servers(
    transactional_db: None, whole_nursery: Nursery, provider_double: Double, request: pytest.FixtureRequest
) -> Iterator[ForkServers]:
    """`fork_servers("", "mid_stream")`: started together, each with its fault point armed; ended with the test."""
    born: list[Server] = []

    def fork(*fault_points: str) -> list[Server]:
        new = [
            new_server(request.node.name, provider_double, BRIEF | {"FAULT_POINT": point})
            for point in fault_points
        ]
        for server in new:
            server.nursery = whole_nursery
        born.extend(new)
        start_all(new)
        return new

    yield fork
    for server in born:
        server.kill()


def start_all(servers: list[Server]) -> None:
    with ThreadPoolExecutor(len(servers)) as threads:
        list(threads.map(Server.start, servers))
