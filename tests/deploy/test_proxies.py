"""`manage.py serve` behind Debian's nginx and HAProxy with the sample configurations, and headers forged from outside."""

import re
import resource
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest
from django.db import connection

from agents.models import Reply
from bookbag.server import bounds
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, live_events, platform_key, talk
from tests.harness.live import Server, StartServer
from tests.harness.proxies import Proxy, StartProxy
from tests.harness.visitor import Visitor, session_cookie
from tests.harness.waiting import eventually
from tests.provider_double.client import Double
from workspaces.models import AuditEvent, User

pytestmark = pytest.mark.django_db(transaction=True)

BEHIND = {"HTTPS": "true", "TRUST_PROXY": "1", "SSL_REDIRECT": "true"}
FORGED = {
    "x-forwarded-for": "203.0.113.66",
    "x-forwarded-proto": "http",
    "x-forwarded-host": "evil.test",
    "forwarded": "for=203.0.113.66;host=evil.test;proto=http",
    "x-real-ip": "203.0.113.66",
    "x-request-id": "f0rged-by-somebody",
}
Arrive = Callable[..., Visitor]


@pytest.fixture(params=["nginx", "haproxy"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def arrive(settings: Any) -> Iterator[Arrive]:
    """`arrive(proxy, user)` gives a visitor who reaches Bookbag over TLS, through the proxy."""
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    with ExitStack() as open_ones:

        def come(proxy: Proxy, user: User | None = None) -> Visitor:
            visitor = open_ones.enter_context(Visitor(proxy.url, verify=False))
            visitor.headers["origin"] = proxy.url
            if user is not None:
                visitor.cookies.set("__Host-session", session_cookie(user), domain="127.0.0.1")
            return visitor

        yield come


def test_sign_in_and_a_reply_come_through_and_forged_headers_do_not(
    cast: Cast,
    start_server: StartServer,
    start_proxy: StartProxy,
    provider_double: Double,
    arrive: Arrive,
    kind: str,
    tmp_path: Any,
) -> None:
    platform_key()
    proxy = start_proxy(kind, start_server(**BEHIND, EMAIL_URL=f"filemail:///{tmp_path}"))
    visitor = arrive(proxy)
    visitor.headers.update(FORGED)

    # Scheme: cookies are sent over TLS only, nothing is redirected, and the origin of a form is accepted.
    visitor.sign_in(cast.adam.email, cast.password)
    assert "__Host-session" in visitor.cookies
    assert visitor.get("/w/acme/").headers["strict-transport-security"]
    # Host: links that we send have the host of the browser's address bar, with its port.
    visitor.submit("/accounts/password/reset/", page="/accounts/login/", email=cast.olivia.email)
    mails = "".join(path.read_text() for path in tmp_path.iterdir())
    assert re.search(re.escape(proxy.url) + r"/accounts/password/reset/key/", mails)
    assert "evil.test" not in mails
    # Address: the audit log has the address that the proxy saw.
    member = cast.acme.memberships.get(user=cast.victor)
    visitor.submit(f"/w/acme/members/{member.code}/role/", page="/w/acme/members/", role="editor")
    assert AuditEvent.objects.filter(action__contains="role").latest("pk").address == "127.0.0.1"
    # Request id: it is the proxy's.
    told = visitor.get("/w/acme/").headers["x-request-id"]
    assert told != FORGED["x-request-id"]
    assert len(told) >= 16
    assert talk(visitor, make_agent(cast.acme, "gpt-4o")).end.data["charged"] == 5


@pytest.mark.any_database
def test_guesses_under_forged_addresses_are_counted_as_one_senders(
    cast: Cast, start_server: StartServer, start_proxy: StartProxy, arrive: Arrive, kind: str
) -> None:
    visitor, address = arrive(start_proxy(kind, start_server(**BEHIND))), count(1)

    def guess(email: str) -> int:
        visitor.headers["x-forwarded-for"] = f"203.0.113.{next(address)}"
        return visitor.submit("/accounts/login/", login=email, password="guess").status_code

    assert [guess(f"person{number}@acme.test") for number in range(51)] == [200] * 50 + [429]


@pytest.mark.any_database
def test_forged_fields_after_a_chunked_body_are_not_believed(
    cast: Cast, start_server: StartServer, start_proxy: StartProxy, kind: str
) -> None:
    """HAProxy passes such fields on, after its own fields of the same names."""
    proxy = start_proxy(kind, start_server(**BEHIND))
    head = f"POST /accounts/login/ HTTP/1.1\r\nHost: {proxy.url.removeprefix('https://')}\r\nConnection: close\r\n"
    body = "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\nX-Forwarded-Host: evil.test\r\n\r\n"

    with socket.create_connection(("127.0.0.1", proxy.ports[1]), timeout=10) as plain:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as sender:
            sender.sendall((head + body).encode())
            answered = sender.recv(4096)

    # 403 because the CSRF token is missing. A host that is not ours would give 400.
    assert answered.startswith(b"HTTP/1.1 403 ")


def test_reply_is_shown_while_it_is_written(
    cast: Cast,
    start_server: StartServer,
    start_proxy: StartProxy,
    provider_double: Double,
    arrive: Arrive,
    kind: str,
) -> None:
    platform_key()
    proxy = start_proxy(kind, start_server(**BEHIND))
    visitor = arrive(proxy, cast.edith)
    provider_double.script("hang_mid_stream", chunks=["one ", "two"], after=1)
    stream = live_events(visitor, accepted(visitor, make_agent(cast.acme, "gpt-4o"))["stream"])

    assert next(event.data["text"] for event in stream if event.kind == "text") == "one "
    assert Reply.objects.get().state in Reply.RUNNING


@pytest.mark.any_database
def test_flood_ends_at_the_proxy_and_plain_http_is_sent_on(
    start_server: StartServer, start_proxy: StartProxy, cast: Cast, arrive: Arrive, kind: str
) -> None:
    proxy = start_proxy(kind, start_server(**BEHIND))
    visitor = arrive(proxy)

    with suppress(httpx.WriteError):
        assert visitor.post("/accounts/login/", content=b"x" * 6_000_000).status_code == 413
    assert httpx.get(f"{proxy.plain}/help/", trust_env=False).headers["location"].startswith("https://")
    assert visitor.get("/healthz").status_code == 200
    # A source of the largest size gets through to the server, which refuses it because the CSRF token is missing.
    sources = f"/w/acme/agents/{make_agent(cast.acme).pk}/sources/new/"
    assert visitor.post(sources, content=b"x" * bounds.SOURCE_BYTES).status_code == 403


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is for one process")
def test_one_of_two_stops_and_nobody_notices(
    cast: Cast,
    start_server: StartServer,
    start_proxy: StartProxy,
    provider_double: Double,
    arrive: Arrive,
    kind: str,
) -> None:
    """A rolling upgrade: pages and messages go on, and a stream of the server that stops arrives whole."""
    platform_key()
    first, second = (start_server(**BEHIND, DRAIN_NOTICE_SECONDS="3", DRAIN_SECONDS="60") for _ in range(2))
    proxy = start_proxy(kind, first, second)
    agent, visitor = make_agent(cast.acme, "gpt-4o"), arrive(proxy, cast.edith)
    provider_double.script("chunks", chunks=["one ", "two ", "three"], gap_ms=3000)
    watched = live_events(visitor, accepted(visitor, agent)["stream"])
    next(watched)
    free = make_agent(cast.acme)
    statuses: list[int] = []
    over = threading.Event()

    def use_it() -> None:
        person = arrive(proxy, cast.edith)
        while not over.is_set():
            statuses.append(person.get("/w/acme/").status_code)
            statuses.append(0 if talk(person, free).end.kind == "done" else 500)

    with ThreadPoolExecutor(1) as thread:
        user = thread.submit(use_it)
        try:
            for server in (first, second):
                _restart(server)
                # Wait until some more requests have been made.
                enough = len(statuses) + 4
                assert eventually(partial(_is_over, user, statuses, enough), seconds=60)
        finally:
            over.set()
        user.result()

    assert list(watched)[-1].data["text"] == "one two three"
    assert set(statuses) == {200, 0}


def _restart(server: Server) -> None:
    """Restart as `systemctl restart` does. Returns when the old process has ended and the new one is ready."""
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    server.start()
    assert eventually(lambda: httpx.get(f"{server.url}/readyz", trust_env=False).is_success, seconds=60)


def _is_over(user: "Future[None]", statuses: list[int], enough: int) -> bool:
    return user.done() or len(statuses) > enough


# --- Too many, too slow ------------------------------------------------------------------------------------

CROWD = 1_500
HEAD = b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
# The first 500 of the crowd have sent half a head or half a body; the others are idle.
WAITING = [HEAD + b"X-Half: ", HEAD + b"\r\nlogin="] * 250


def under_1024_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


@pytest.mark.any_database
def test_crowd_of_idle_and_half_sent_requests_keeps_nobody_out_for_long(
    cast: Cast,
    start_server: StartServer,
    start_proxy: StartProxy,
    arrive: Arrive,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy ends connections that wait; the server bounds those that the proxy lets through."""
    monkeypatch.setattr(Server, "before_start", staticmethod(under_1024_descriptors))
    proxy = start_proxy(kind, start_server(**BEHIND))
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < CROWD + 500:
        pytest.skip(f"a crowd of {CROWD} needs more descriptors than this process may have")
    with ExitStack() as crowd:
        for number in range(CROWD):
            crowd.callback(_join(proxy, WAITING[number] if number < len(WAITING) else b""))
        visitor = arrive(proxy)
        assert eventually(lambda: _is_served(visitor), seconds=60)
        visitor.sign_in(cast.adam.email, cast.password)


def _join(proxy: Proxy, sends: bytes) -> Callable[[], None]:
    """Open one more connection of the crowd. Returns the function that closes it."""
    waiting = socket.create_connection(("127.0.0.1", proxy.ports[1]), timeout=10)
    if sends:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        waiting = context.wrap_socket(waiting)
        waiting.sendall(sends)
    return waiting.close


def _is_served(visitor: Visitor) -> bool:
    try:
        return visitor.get("/accounts/login/", timeout=5).is_success
    except httpx.TransportError:
        return False
