"""A real Chromium on the live server, which fails the test on anything a visitor's console would complain of.

Playwright's own browser is used if it is installed, else one of the system; without any the test is skipped with the
reason, or fails where BOOKBAG_REQUIRE_BROWSER is set. A headless build is preferred, because it renders the same
with half the CPU. The pages' content security policy forbids eval, so wait with `expect(locator)`, not with
`page.wait_for_function`.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    PlaywrightContextManager,
    Request,
    expect,
    sync_playwright,
)

from tests.harness.live import LendLive, Server
from tests.harness.visitor import session_cookie
from workspaces.models import User

SYSTEM_BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
# A CI container often has no user namespaces and a tiny /dev/shm.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]
# Milliseconds that a test waits for what it expects. Long, because machines are busy and only a failing test waits
# to the end.
PATIENCE = 20_000
# Milliseconds by which each answer is delayed. This makes tests fail that act before the page has the result of the
# previous step.
LATENCY = int(os.environ.get("BOOKBAG_TEST_LATENCY", "0"))
expect.set_options(timeout=PATIENCE)

OpenPage = Callable[..., Page]


def _launch(playwright: Playwright) -> Browser:
    with suppress(Error):  # Playwright's headless build is not installed
        return playwright.chromium.launch(args=FLAGS)
    executable = _executable(playwright.chromium.executable_path)
    return playwright.chromium.launch(executable_path=executable, args=FLAGS)


def _executable(playwright_own: str) -> str:
    """The path of a Chromium; skips or fails the test when there is none."""
    if Path(playwright_own).exists():
        return playwright_own
    found = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
    if found is None:
        reason = "no Chromium: install chromium, or run `playwright install chromium`"
        if os.environ.get("BOOKBAG_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Chromium:
    """The one Chromium of this process, started by the first test that asks for it.

    Playwright's driver and its event loop stay in this thread. Between tests the loop is not marked as running, so
    that other tests can run loops of their own and Django's database code does not notice it.
    """

    def __init__(self) -> None:
        self._driver: PlaywrightContextManager | None = None
        self._browser: Browser | None = None

    def lend(self) -> Browser:
        """The browser, restarted if it has ended."""
        if self._browser is not None and not self._browser.is_connected():
            self.stop()
        if self._browser is None:
            self._driver = sync_playwright()
            self._browser = _launch(self._driver.start())
        asyncio._set_running_loop(self._browser._loop)
        return self._browser

    def take_back(self) -> None:
        """Close what the test has left open."""
        try:
            if self._browser is not None and self._browser.is_connected():
                for context in self._browser.contexts:
                    context.close()
        finally:
            # While a loop runs, Django uses another connection than the thread's own, which nothing else would
            # close.
            connections.close_all()
            asyncio._set_running_loop(None)

    def stop(self) -> None:
        if self._driver is not None:
            if self._browser is not None:
                asyncio._set_running_loop(self._browser._loop)
            self._driver.__exit__()
            asyncio._set_running_loop(None)
        self._driver = self._browser = None


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    one = Chromium()
    yield one
    one.stop()


@pytest.fixture
def browser(chromium: Chromium, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """One for all tests of a process; the contexts that a test opens share nothing with those of another."""
    # Playwright's loop runs in this thread, and Django refuses the ORM there unless it is told that this is
    # intended.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    yield chromium.lend()
    chromium.take_back()


@pytest.fixture
def complaints() -> list[str]:
    """Console errors, script errors and off-site requests so far; a test that expects one clears it."""
    return []


def _listen(page: Page, origin: str, complaints: list[str]) -> None:
    def hear_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    def hear_error(error: Error) -> None:
        complaints.append(f"script: {error}")

    def hear_request(request: Request) -> None:
        if not request.url.startswith((origin, "data:", "blob:")):
            complaints.append(f"off-site request: {request.url}")

    page.on("console", hear_console)
    page.on("pageerror", hear_error)
    page.on("request", hear_request)


def _slow_down(page: Page) -> None:
    """Delay each request of the page by LATENCY, like a slow connection."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": LATENCY, "downloadThroughput": -1, "uploadThroughput": -1},
    )


@pytest.fixture
def open_page(browser: Browser, lend_live: LendLive, complaints: list[str]) -> Iterator[OpenPage]:
    """`open_page(user, color_scheme="dark", viewport={...})`: a new window, signed in as `user` if given."""
    contexts: list[BrowserContext] = []

    def open_one(user: User | None = None, *, server: Server | None = None, **options: Any) -> Page:
        server = server or lend_live()
        context = browser.new_context(base_url=server.url, reduced_motion="reduce", **options)
        contexts.append(context)
        if user is not None:
            context.add_cookies([{"name": "session", "value": session_cookie(user), "url": server.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        if LATENCY:
            _slow_down(page)
        _listen(page, server.url, complaints)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def browser_page(open_page: OpenPage) -> Page:
    """One window of a visitor who is not signed in."""
    return open_page()


def set_byo(page: Page, *, on: bool) -> None:
    """Turn "bring your own keys" of Acme on or off, as its admin does; returns when the page says so."""
    page.goto("/w/acme/settings/llm/")
    page.get_by_role("switch").set_checked(on)
    page.get_by_role("button", name="Apply").click()
    # Wait for the server's text, because the switch itself moves before the server knows.
    expect(page.get_by_role("status").filter(has_text=f"is {'on' if on else 'off'}:")).to_be_visible()


def problems_of(page: Page) -> list[str]:
    """What axe finds in a page that keeps somebody from using it."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['target']}" for one in found for node in one["nodes"]]


def fits(page: Page) -> bool:
    """Whether nothing of a page is beside the window."""
    return bool(page.locator("html").evaluate("it => it.scrollWidth <= it.clientWidth"))
