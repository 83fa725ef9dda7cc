"""Servers that die and come back quickly, with short leases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.live import _new_server
from tests.provider_double.client import Double
from tests.reliability.aftermath import BRIEF
from tests.reliability.nursery import ForkedServer, Nursery

ForkServers = Callable[..., list[ForkedServer]]


@pytest.fixture(scope="module")
def nursery(django_db_setup: None, double_process: Double, collected_static: None) -> Iterator[Nursery]:
    with Nursery(_new_server("nursery", double_process, BRIEF).env) as nursery:
        yield nursery


@pytest.fixture
def fork_servers(
    transactional_db: None, nursery: Nursery, provider_double: Double, request: pytest.FixtureRequest
) -> Iterator[ForkServers]:
    """`fork_servers("", "mid_stream")`: started together, each with its fault point armed; ended with the test."""
    born: list[ForkedServer] = []

    def fork(*fault_points: str) -> list[ForkedServer]:
        stem = _new_server(request.node.name, provider_double, {}).log
        new = [
            ForkedServer(nursery, stem.with_suffix(f".{len(born) + number}.log"), point)
            for number, point in enumerate(fault_points)
        ]
        born.extend(new)
        start_all(new)
        return new

    yield fork
    for server in born:
        server.kill()


def start_all(servers: list[ForkedServer]) -> None:
    with ThreadPoolExecutor(len(servers)) as threads:
        list(threads.map(ForkedServer.start, servers))
