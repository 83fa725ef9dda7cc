"""Keeps tests off the network: they can connect only to loopback and local sockets."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest


class NetworkForbidden(RuntimeError):
    """A test tried to leave this machine."""


def _is_loopback(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name in ("localhost", "testserver", ""):
        return True
    try:
        return ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_unless_loopback(host: Any) -> None:
    if not _is_loopback(host):
        raise NetworkForbidden(f"a test tried to reach {host!r}")


@pytest.fixture(scope="session", autouse=True)
def network_stays_on_loopback() -> Iterator[None]:
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_unless_loopback(address[0])
        return connect(self, address)

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_unless_loopback(host)
        return resolve(host, *args, **kwargs)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield
    patch.undo()
