"""Servers that a module's tests share, each with extra environment of its own."""

from collections.abc import Callable, Iterator

import pytest

from tests.harness.live import Server, new_server
from tests.provider_double.client import Double

LendServer = Callable[..., Server]


@pytest.fixture(scope="module")
def lend_server(
    django_db_setup: None, double_process: Double, collected_static: None, request: pytest.FixtureRequest
) -> Iterator[LendServer]:
    """`lend_server(REPLY_IDLE_SECONDS="1")`: started once a module for each environment, ended with it.

    `name=` tells two of the same environment apart. One that was killed is started anew. It keeps running during the
    module's other tests, so it must not have a short lease: its sweep would end replies of their servers, which
    renew leases less often. Use `start_server` for that.
    """
    kept: dict[tuple[object, ...], Server] = {}

    def lend(*, name: str = "", **env: str) -> Server:
        assert float(env.get("LEASE_SECONDS", "60")) >= 60
        key = (name, *sorted(env.items()))
        if key not in kept:
            kept[key] = new_server(f"{request.node.name}{name}", double_process, env)
        if not kept[key].is_running:
            kept[key].start()
        kept[key].forget_output()
        return kept[key]

    yield lend
    # Killed, because a graceful stop would wait for replies that hang.
    for server in kept.values():
        server.kill()
