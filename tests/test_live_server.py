"""The server as a process of its own: what the harness promises to the suites that use it."""

import asyncio
import os

import httpx
import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from tests.harness import nursery
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.harness.live import Server, StartServer
from tests.harness.visitor import SignInFailed, Visit


def test_live_server_shares_the_tests_database(live: Server, cast: Cast, visit: Visit) -> None:
    assert visit(cast.victor).get("/w/acme/").status_code == 200
    assert visit(cast.stranger).get("/w/acme/").status_code == 404


def test_visitor_signs_in_through_the_login_page(live: Server, cast: Cast, visit: Visit) -> None:
    visitor = visit().sign_in(cast.adam.email, cast.password)
    assert visitor.get("/w/acme/").status_code == 200
    with pytest.raises(SignInFailed):
        visit().sign_in(cast.adam.email, "not-the-password")


def test_killed_server_comes_back_on_the_same_address(live: Server) -> None:
    address, pid = live.url, live.pid
    live.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")
    live.restart()
    assert (live.url, live.pid != pid) == (address, True)
    assert httpx.get(f"{address}/healthz").status_code == 200


def test_server_takes_settings_of_its_own(start_server: StartServer) -> None:
    server = start_server(HTTPS="true")
    assert "__Host-csrf" in httpx.get(f"{server.url}/accounts/login/").headers["set-cookie"]


def test_shared_server_is_not_beside_a_server_of_ones_own(
    start_server: StartServer, cast: Cast, visit: Visit, shared_server: list[Server]
) -> None:
    """It would take some of the rounds that the test waits for: a job that was lost went into another queue."""
    with_other_settings = start_server(JOBS="database")
    assert visit(cast.victor, server=with_other_settings).get("/w/acme/").status_code == 200
    assert shared_server == []


def test_nursery_that_was_interrupted_is_replaced(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test's time limit may strike while the nursery answers; the tests after it must not pay for that."""
    of_the_first, first = start_server(), nursery.shared()

    class Struck:
        def readline(self) -> str:
            raise TimeoutError

    with monkeypatch.context() as struck:
        struck.setattr(first.process, "stdout", Struck())
        with pytest.raises(TimeoutError):
            first.run(["check"], dict(os.environ))
    assert first.process.wait(30) == 0
    assert not of_the_first.is_running
    assert httpx.get(f"{start_server().url}/healthz").status_code == 200


def test_server_stops_when_it_is_asked(live: Server) -> None:
    assert live.stop() in (0, -15)


@pytest.mark.browser
def test_browser_reaches_the_login_page(browser_page: Page) -> None:
    browser_page.goto("/")
    expect(browser_page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.browser
def test_browser_arrives_signed_in(open_page: OpenPage, cast: Cast) -> None:
    page = open_page(cast.edith, color_scheme="dark")
    page.goto("/w/acme/")
    expect(page.get_by_role("main")).to_contain_text("Acme")


def test_loop_of_ones_own_runs_after_a_browser_has_been_lent() -> None:
    asyncio.run(asyncio.sleep(0))


@pytest.mark.browser
def test_console_error_is_heard(browser_page: Page, complaints: list[str]) -> None:
    browser_page.goto("/accounts/login/")
    browser_page.evaluate("console.error('something broke')")
    assert complaints == ["console: something broke"]
    complaints.clear()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has a connection pool")
def test_server_serves_from_a_connection_pool(start_server: StartServer, cast: Cast, visit: Visit) -> None:
    visitor = visit(server=start_server(DATABASE_POOL="true"))
    visitor.sign_in(cast.adam.email, cast.password)
    assert visitor.get("/w/acme/members/").status_code == 200
