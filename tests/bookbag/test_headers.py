"""The headers that every answer carries, whatever kind it is; and what the answers to failures hold."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from bookbag.server.middleware import PERMISSIONS
from tests.factories import PASSWORD, add_member, browser_of, make_user, make_workspace
from tests.harness.live import Server, StartServer
from tests.harness.visitor import Visit

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.bookbag.failing_urls")]

POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'",
    "manifest-src 'self'",
}  # fmt: skip
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS,
}
KINDS = {
    "page": ("/", 200),
    "workspace": ("/w/acme/", 200),
    "sign-in": ("/accounts/reauthenticate/", 200),
    "admin": ("/admin/", 200),
    "export": ("/w/acme/audit/export.csv", 200),
    "health": ("/healthz", 200),
    "help": ("/help/", 200),
    "help as Markdown": ("/help/models.md", 200),
    "redirect": ("/admin/login/", 302),
    "400": ("/puzzled", 400),
    "403": ("/refusing", 403),
    "404": ("/no-such-page", 404),
    "404 in a workspace": ("/w/no-such-workspace/", 404),
    "405": ("/w/acme/leave/", 405),
    "500": ("/broken", 500),
}


@pytest.fixture
def browser() -> Client:
    """Somebody who is an owner and an operator both, so that every kind of page opens."""
    user = make_user(is_staff=True, is_superuser=True)
    make_workspace(user, slug="acme")
    return browser_of(user, raise_request_exception=False)


def policy_of(response: Any) -> set[str]:
    return {part.strip() for part in response.headers["Content-Security-Policy"].split(";")}


@pytest.mark.parametrize(("path", "status"), KINDS.values(), ids=KINDS)
def test_answer_carries_the_security_headers(browser: Client, path: str, status: int) -> None:
    response = browser.get(path)

    assert response.status_code == status
    assert policy_of(response) == POLICY
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert response.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(("path", "status"), KINDS.values(), ids=KINDS)
def test_answer_is_not_to_be_stored(browser: Client, path: str, status: int) -> None:
    assert "no-store" in browser.get(path).headers["Cache-Control"]


@pytest.mark.parametrize("path", [path for path, _ in KINDS.values() if not path.endswith(".csv")])
def test_page_holds_no_inline_script_or_style(browser: Client, path: str) -> None:
    page = browser.get(path).content.decode().lower()

    assert " style=" not in page
    assert "<style" not in page
    assert "javascript:" not in page
    assert page.count("<script") == page.count("<script src=")


@pytest.mark.parametrize("path", ["/broken", "/puzzled"])
def test_failure_says_nothing_of_its_cause(browser: Client, path: str) -> None:
    assert "CANARY" not in browser.get(path).content.decode()


@pytest.mark.parametrize("path", ["/accounts/logout/", "/admin/logout/"])
def test_sign_out_clears_what_the_browser_kept(browser: Client, path: str) -> None:
    response = browser.post(path)

    assert response.status_code == 302
    assert response.headers["Clear-Site-Data"] == '"cache"'


@pytest.mark.parametrize("path", ["/", "/accounts/logout/", "/help/"])
def test_no_other_answer_clears_anything(browser: Client, path: str) -> None:
    assert "Clear-Site-Data" not in browser.get(path).headers


def test_page_of_a_failure_names_a_reference_of_its_own(browser: Client) -> None:
    pages = [browser.get("/broken").content.decode() for _ in range(2)]
    references = {page.partition('<span class="mono">')[2][:8] for page in pages}

    assert len(references) == 2
    assert all(len(reference) == 8 and reference.isalnum() for reference in references)


def test_refusal_says_why(browser: Client) -> None:
    assert "Not yours." in browser.get("/refusing").content.decode()


def test_flood_is_answered_413_and_changes_nothing(browser: Client) -> None:
    flood = "A" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    response = browser.post(
        "/workspaces/new/", f"name={flood}", content_type="application/x-www-form-urlencoded"
    )

    assert response.status_code == 413
    assert policy_of(response) == POLICY


def test_flood_of_fields_is_answered_413(browser: Client) -> None:
    assert browser.post("/workspaces/new/", {f"field-{n}": "" for n in range(10_000)}).status_code == 413


def test_refused_post_carries_the_security_headers() -> None:
    member = add_member(make_workspace(slug="acme"), "viewer")
    response = browser_of(member.user, enforce_csrf_checks=True).post("/w/acme/leave/")

    assert response.status_code == 403
    assert policy_of(response) == POLICY


def test_unknown_host_is_refused_with_the_security_headers(client: Client) -> None:
    response = client.get("/help/", headers={"Host": "evil.test"})

    assert response.status_code == 400
    assert policy_of(response) == POLICY


@pytest.mark.django_db(transaction=True)
def test_static_file_carries_the_security_headers(live: Server, visit: Visit) -> None:
    page = visit().get("/accounts/login/").text
    sheet = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    response = visit().get(sheet)

    assert response.status_code == 200
    assert policy_of(response) == POLICY
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html"])
def test_chat_path_carries_the_security_headers(live: Server, visit: Visit, accept: str) -> None:
    nowhere = "/w/acme/replies/00000000-0000-4000-8000-000000000000"
    visitor = visit()
    watched = visitor.get(f"{nowhere}/stream/", headers={"Accept": accept})
    stopped = visitor.post(f"{nowhere}/stop/", headers={"Accept": accept})

    assert (watched.status_code, stopped.status_code) == (401, 403)
    for response in (watched, stopped):
        assert policy_of(response) == POLICY
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_cookies_behind_tls_are_for_this_host_and_tls_alone(start_server: StartServer, visit: Visit) -> None:
    server = start_server(HTTPS="true", TRUST_PROXY="1")
    make_user("olivia@acme.test")
    visitor = visit(server=server)
    visitor.headers["X-Forwarded-Proto"] = "https"
    page = visitor.get("/accounts/login/")
    token = page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    fields = {"login": "olivia@acme.test", "password": PASSWORD, "csrfmiddlewaretoken": token}
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    entered = visitor.post(
        "/accounts/login/",
        data=fields,
        headers={"Cookie": cookie, "Referer": server.url.replace("http:", "https:")},
    )

    assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert cookie.startswith("__Host-csrf=")
    session = next(
        text for text in entered.headers.get_list("Set-Cookie") if text.startswith("__Host-session=")
    )
    parts = {part.strip().lower() for part in session.split(";")[1:]}
    assert {"secure", "httponly", "path=/", "samesite=lax"} <= parts
    assert not any(part.startswith("domain=") for part in parts)
