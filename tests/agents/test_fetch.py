"""Fetching URLs of strangers: only public addresses, within limits, and without sending anything of ours."""

import _socket
import socket
from typing import Any

import httpx2
import pytest

from agents.knowledge import fetch
from agents.knowledge.fetch import NotFetched
from tests.agents import websites
from tests.agents.websites import Site

pytestmark = pytest.mark.any_database

# {port} is one at which this machine answers, and which is taken for a usual one here.
INSIDE = [
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://127.255.255.254:{port}/", "http://2130706433:{port}/",
    "http://0x7f000001:{port}/", "http://0x7f.0.0.1:{port}/", "http://0177.0.0.1:{port}/", "http://017700000001:{port}/",
    "http://0:{port}/", "http://0.0.0.0:{port}/", "http://localhost:{port}/", "http://LOCALHOST.:{port}/",
    "http://[::1]:{port}/", "http://[::]:{port}/", "http://[0:0:0:0:0:0:0:1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/", "http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/",
    "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/", "http://169.254.169.254/",
    "http://[::ffff:a9fe:a9fe]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fc00::1]/",
    "http://[fd00:ec2::254]/", "http://198.18.0.1/", "http://192.0.2.1/", "http://224.0.0.1/", "http://240.0.0.1/",
    "http://255.255.255.255/", "http://[ff02::1]/", "http://[2001:db8::1]/",
]  # fmt: skip
MISSHAPEN = [
    "", " ", "example.org", "//example.org/", "http://", "http:///etc/passwd", "https:example.org", "file:///etc/passwd",
    "gopher://example.org/", "ftp://example.org/", "data:text/html,hello", "javascript:alert(1)", "dict://example.org:11211/",
    "http://example.org:22/", "http://example.org:8000/", "http://example.org:0/", "http://example.org:99999/",
    "http://example.org:port/", "http://user@example.org/", "http://user:word@example.org/", "http://@example.org/",
    "http://example.org\\@127.0.0.1/", "http://exa mple.org/", "http://example.org/\nHost: inside", "http://example.org/\0",
    "http://[::1", "http://" + "a" * 64 + ".org/", "http://exam%70le.org/", "http://example.org/" + "a" * 2_000,
]  # fmt: skip


def _resolve(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
    return _socket.getaddrinfo(host, port, family, type, proto, flags)


def refused(url: str, **options: bool) -> str:
    with pytest.raises(NotFetched) as refusal:
        fetch.get(url, **options)
    return str(refusal.value)


@pytest.mark.parametrize("url", INSIDE)
def test_no_address_inside_is_asked_however_it_is_spelled(
    site: Site, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []

    async def send(self: object, request: object, **options: object) -> None:
        sent.append(request)

    monkeypatch.setattr(fetch, "PORTS", {80, 443, site.port})
    # As the system resolves it: the tests' own guard of the network would refuse odd spellings first.
    monkeypatch.setattr(socket, "getaddrinfo", _resolve)
    monkeypatch.setattr(httpx2.AsyncClient, "send", send)

    assert refused(url.format(port=site.port)) == fetch.UNREACHABLE
    assert (sent, site.asked) == ([], [])


@pytest.mark.parametrize("url", MISSHAPEN)
def test_an_address_of_another_form_is_not_even_looked_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **more: object) -> None:
        raise AssertionError("it was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(NotFetched):
        fetch.target_of(url)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names resolve to these addresses, in turn; returns the names that were asked for."""
    real, asked = socket.getaddrinfo, []

    def resolve(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        if host != "rebind.example":
            return real(host, port, *arguments, **more)
        asked.append(host)
        now = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def test_a_name_that_answers_differently_the_second_time_is_asked_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PORTS", {site.port})
    monkeypatch.setattr(fetch, "SECONDS", 2.0)
    # The first is public, and no way leads there from a test.
    asked = answering(monkeypatch, ["203.0.114.7"], ["127.0.0.1"])

    assert refused(f"http://rebind.example:{site.port}/") == fetch.UNREACHABLE
    assert asked == ["rebind.example"]
    assert site.asked == []


def test_a_name_with_one_address_inside_is_not_asked_at_all(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PORTS", {site.port})
    answering(monkeypatch, ["203.0.114.7", "127.0.0.1"])

    assert refused(f"http://rebind.example:{site.port}/") == fetch.UNREACHABLE
    assert site.asked == []


def test_the_connection_goes_to_the_address_that_was_checked_and_names_the_host(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages["/"] = "<p>Hello."
    asked = answering(monkeypatch, ["127.0.0.1"])

    found = fetch.get(f"http://rebind.example:{site.port}/", loopback=True)

    assert (found.content, asked) == (b"<p>Hello.", ["rebind.example"])
    assert site.asked[0][1]["Host"] == f"rebind.example:{site.port}"


@pytest.mark.parametrize(
    "where",
    [
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://a@127.0.0.1/",
        "gopher://x/",
    ],
)
def test_a_redirect_is_checked_like_the_first_address(site: Site, where: str) -> None:
    site.pages["/"] = websites.sent_to(where)

    assert refused(site.url, loopback=True) == fetch.UNREACHABLE
    assert site.paths == ["/"]


def test_three_redirects_are_followed_and_no_cookie_goes_along(site: Site) -> None:
    site.pages |= {
        "/": websites.sent_to("/1"),
        "/1": websites.sent_to("/2"),
        "/2": websites.sent_to("/3"),
        "/3": "Hi",
    }

    assert fetch.get(site.url, loopback=True).url == f"{site.url}3"
    names = {name.lower() for _, headers in site.asked for name in headers}
    assert names == {"host", "user-agent", "accept", "accept-encoding"}


def test_a_ring_of_redirects_is_left(site: Site) -> None:
    site.pages["/"] = websites.sent_to("/")

    assert "without an end" in refused(site.url, loopback=True)
    assert len(site.asked) == fetch.REDIRECTS + 1


def test_an_endless_page_is_left_at_the_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "BYTES", 256 * 1024)
    site.pages["/"] = websites.endless

    assert refused(site.url, loopback=True) == fetch.TOO_LARGE


def test_a_page_that_comes_too_slowly_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 1.0)
    site.pages["/"] = websites.slow

    assert refused(site.url, loopback=True) == fetch.UNREACHABLE


def test_a_page_that_unpacks_to_too_much_is_left(site: Site) -> None:
    site.pages |= {"/": websites.packed(b"a" * 30 * 1024**2), "/small": websites.packed(b"<p>Hello.")}

    assert refused(site.url, loopback=True) == fetch.TOO_LARGE
    assert fetch.get(f"{site.url}small", loopback=True).content == b"<p>Hello."


def test_what_is_no_page_is_refused(site: Site) -> None:
    site.pages["/"] = websites.of_type("image/png", "x")

    assert refused(site.url, loopback=True) == fetch.NO_TEXT
    assert "status 404" in refused(f"{site.url}missing", loopback=True)


def test_public_addresses_are_public() -> None:
    assert all(fetch.is_public(address) for address in ("93.184.215.14", "2606:2800:21f:cb07::1", "8.8.8.8"))
