"""Which headers of a request are trusted: those of our own proxies, and none of its sender."""

import asyncio
import re
from typing import Any

import pytest

from bookbag.server.arrival import Arrival, address_of
from workspaces import tracing

PEER = ("10.0.0.9", 40_000)


def arrive(
    proxies: int, *headers: tuple[str, str], peer: Any = PEER
) -> tuple[dict[str, Any], dict[str, str]]:
    """The scope that the application is given, and the headers of its answer."""
    given: dict[str, Any] = {}
    answered: dict[str, str] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        given.update(scope)
        given["request_id"] = tracing.request_id.get()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        answered.update({name.decode(): value.decode() for name, value in message.get("headers", ())})

    raw = [(b"host", b"10.0.0.1:8000"), *((name.encode(), value.encode()) for name, value in headers)]
    scope = {"type": "http", "scheme": "http", "client": peer, "headers": raw}
    asyncio.run(Arrival(application, proxies=proxies)(scope, None, send))  # type: ignore[arg-type]
    return given, answered


def believed(proxies: int, *headers: tuple[str, str], peer: Any = PEER) -> tuple[str, str, str]:
    """Scheme, host and address."""
    scope, _ = arrive(proxies, *headers, peer=peer)
    hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
    assert len(hosts) == 1
    return scope["scheme"], hosts[0], scope["client"][0]


FORGED = (
    ("x-forwarded-for", "192.0.2.66"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.test"),
    ("forwarded", "for=192.0.2.66;proto=https;host=evil.test"),
    ("x-real-ip", "192.0.2.66"),
    ("x-forwarded-port", "443"),
    ("x_forwarded_for", "192.0.2.66"),
)


def test_without_a_proxy_nothing_is_believed_and_nothing_is_left_to_be_believed() -> None:
    scope, _ = arrive(0, *FORGED)

    assert (scope["scheme"], scope["client"]) == ("http", PEER)
    assert scope["headers"] == [(b"host", b"10.0.0.1:8000")]


def test_one_proxy_says_scheme_host_and_address() -> None:
    told = (
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "bookbag.test"),
    )

    assert believed(1, *told) == ("https", "bookbag.test", "192.0.2.1")


@pytest.mark.parametrize("joined", [True, False], ids=["one line", "two lines"])
def test_what_stands_left_of_our_proxies_entry_is_the_senders_own(joined: bool) -> None:
    if joined:
        lines = [("x-forwarded-for", "192.0.2.66, 192.0.2.1"), ("x-forwarded-proto", "https, http")]
        lines += [("x-forwarded-host", "evil.test, bookbag.test")]
    else:
        lines = [("x-forwarded-for", "192.0.2.66"), ("x-forwarded-for", "192.0.2.1")]
        lines += [("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")]
        lines += [("x-forwarded-host", "evil.test"), ("x-forwarded-host", "bookbag.test")]

    assert believed(1, *lines) == ("http", "bookbag.test", "192.0.2.1")


def test_two_proxies_are_counted_from_the_right() -> None:
    told = ("x-forwarded-for", "192.0.2.66, 192.0.2.1, 10.0.0.8"), ("x-forwarded-proto", "http, https, http")

    assert believed(2, *told) == ("https", "10.0.0.1:8000", "192.0.2.1")


def test_scheme_that_the_outer_proxy_set_and_the_inner_passed_on_is_believed() -> None:
    assert (
        believed(2, ("x-forwarded-for", "192.0.2.1, 10.0.0.8"), ("x-forwarded-proto", "https"))[0] == "https"
    )


@pytest.mark.parametrize("told", ["", "unknown", "_hidden", "evil.test", "192.0.2.300", "-"])
def test_entry_that_is_no_address_leaves_the_proxys_own(told: str) -> None:
    assert believed(1, ("x-forwarded-for", told))[2] == PEER[0]


@pytest.mark.parametrize("told", ["", "ftp", "HTTPS2", "javascript"])
def test_entry_that_is_no_scheme_leaves_the_servers_own(told: str) -> None:
    assert believed(1, ("x-forwarded-proto", told))[0] == "http"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5000", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:DB8::1]:5000", "2001:db8::1"),
        ('"[2001:db8::1]"', "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_address_is_read_with_or_without_a_port(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(("peer", "address"), [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%2", "fe80::1")])
def test_peer_is_told_as_the_database_keeps_addresses(peer: str, address: str) -> None:
    assert believed(0, peer=(peer, 1))[2] == address


def test_peer_without_an_address_is_let_through() -> None:
    assert arrive(0, *FORGED, peer=None)[0]["client"] is None
    assert believed(1, ("x-forwarded-for", "192.0.2.1"), peer=None)[2] == "192.0.2.1"


def test_each_request_has_an_id_and_its_answer_tells_it() -> None:
    (first, told), (second, _) = arrive(0), arrive(0)

    assert re.fullmatch("[0-9a-f]{16}", first["request_id"])
    assert told == {"a": "b", "x-request-id": first["request_id"]}
    assert first["request_id"] != second["request_id"]


def test_id_is_taken_from_a_proxy_alone() -> None:
    told = ("x-request-id", "4bf92f3577b34da6a3ce929d0e0e4736")

    assert arrive(1, told)[1]["x-request-id"] == told[1]
    assert arrive(0, told)[1]["x-request-id"] != told[1]


@pytest.mark.parametrize("told", ["short", "a" * 65, "with blank here", "nul\x00nul\x00", "a=1;b=2;c=3", ""])
def test_id_that_is_none_is_replaced(told: str) -> None:
    assert arrive(1, ("x-request-id", told))[1]["x-request-id"] != told
