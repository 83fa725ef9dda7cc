"""Requests that are refused before a view sees them: a form from elsewhere, and an address with a NUL."""

from typing import Any

import pytest
from django.middleware import csrf
from django.test import Client, RequestFactory

from bookbag.server import error_pages
from tests.factories import browser_of, make_user, make_workspace
from tests.harness.cast import Cast, make_agent
from tests.harness.live import Server
from tests.harness.visitor import Visit

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


# --- CSRF ----------------------------------------------------------------------------------------


def refused(**headers: str) -> str:
    """The page that a sign-in gets which was sent with `headers`, its own token and cookie."""
    browser = Client(enforce_csrf_checks=True)
    browser.get(LOGIN, headers={"Host": headers.get("Host", "testserver")})
    token = browser.cookies["csrftoken"].value
    response = browser.post(
        LOGIN,
        {"login": "a", "password": "b", "csrfmiddlewaretoken": token},
        headers=headers,
        secure="Referer" in headers,  # Django asks for it over TLS alone
    )
    assert response.status_code == 403
    return response.content.decode()


def test_form_over_https_that_arrives_as_http_tells_of_the_proxy(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["bookbag.example.com"]
    page = refused(Host="bookbag.example.com", Origin="https://bookbag.example.com")

    assert "open too long" not in page
    assert "https://bookbag.example.com" in page
    assert "http://bookbag.example.com" in page
    assert "TRUST_PROXY" in page


def test_form_from_another_port_tells_of_trusted_origins(settings: Any) -> None:
    page = refused(Origin="http://testserver:8443")

    assert "TRUSTED_ORIGINS" in page
    assert "http://testserver:8443" in page
    settings.CSRF_TRUSTED_ORIGINS = ["http://testserver:8443"]
    with pytest.raises(AssertionError, match="200 == 403"):
        refused(Origin="http://testserver:8443")


def test_form_from_another_site_tells_of_it() -> None:
    page = refused(Origin="https://evil.test")

    assert "another site" in page
    assert "https://evil.test" in page


def test_form_without_a_cookie_tells_of_cookies() -> None:
    page = Client(enforce_csrf_checks=True).post(LOGIN, {"login": "a", "password": "b"}).content.decode()

    assert "sent no cookie" in page
    assert "open too long" not in page


def test_form_whose_cookie_is_for_tls_alone_tells_of_the_proxy(settings: Any) -> None:
    settings.CSRF_COOKIE_SECURE = True
    page = Client(enforce_csrf_checks=True).post(LOGIN, {"login": "a", "password": "b"}).content.decode()

    assert "TRUST_PROXY" in page


def test_form_with_an_old_token_tells_of_time() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.get(LOGIN)
    page = browser.post(LOGIN, {"login": "a", "csrfmiddlewaretoken": "b" * 64}).content.decode()

    assert "open too long" in page


def test_form_over_tls_without_origin_and_referer_tells_of_them() -> None:
    request = RequestFactory().post(LOGIN, secure=True)
    page = error_pages.csrf_failure(request, csrf.REASON_NO_REFERER).content.decode()

    assert "<code>Referer</code>" in page


def test_what_the_sender_wrote_is_shown_as_text() -> None:
    assert "<script>alert" not in refused(Origin="https://<script>alert(1)</script>")


SECRET = "sk-ant-cAnArYq7Zx2Wv9Tb4Nm6Lp1Kd8Rj3Hs5Gf0"
SENT = {
    "Origin": "https://olivia:{0}@evil.test:8443",
    "Referer": "https://evil.test:8443/reset/{0}/?token={0}#{0}",
}


@pytest.mark.parametrize("header", SENT)
def test_of_the_senders_address_scheme_host_and_port_are_shown(header: str) -> None:
    page = refused(**{header: SENT[header].format(SECRET)})

    assert "https://evil.test:8443</dd>" in page
    assert [word for word in (SECRET[7:], "olivia", "token", "/reset/") if word in page] == []


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "not an address",
        f"ftp://{SECRET}",
        f"https://{'x' * 300}.test",
        "https://[evil.test",
        "https://evil.test:port",
        "https://" + "x" * 60_000,
        "https://a b.test",
    ],
    ids=["null", "words", "ftp", "long name", "bracket", "port", "long", "blank"],
)
def test_what_is_no_address_is_not_shown(origin: str) -> None:
    page = refused(Origin=origin)

    assert "an address that your browser does not tell</dd>" in page
    assert [word for word in ("ftp", SECRET[7:], "xxxx", "a b.test") if word in page] == []


def test_key_in_the_place_of_a_host_is_cut_out() -> None:
    page = refused(Origin=f"https://{SECRET}.test")

    assert "https://sk-ant-[redacted]" in page
    assert SECRET[7:].lower() not in page.lower()


@pytest.mark.django_db(transaction=True)
def test_chat_path_tells_the_same_causes(live: Server, cast: Cast, visit: Visit) -> None:
    visitor, agent = visit(cast.edith), make_agent(cast.acme)
    path = f"/w/acme/agents/{agent.pk}/messages/"
    headers = {"accept": "application/json", "origin": "https://127.0.0.1:8443"}
    error = visitor.post(path, data={"text": "Hello"}, headers=headers).json()["error"]

    assert error["code"] == "csrf_failed"
    assert "opened at https://127.0.0.1:8443" in error["message"]


# --- NUL -----------------------------------------------------------------------------------------

ADMIN_LISTS = (
    "workspaces/user", "workspaces/workspace", "workspaces/auditevent", "billing/account", "billing/transfer",
    "billing/plan", "llm/chatmodel", "llm/platformkey", "account/emailaddress",
)  # fmt: skip
WITH_NUL = [
    "/%00",
    "/w/ac%00me/",
    "/help/%00/",
    "/accounts/login/?next=%00",
    "/static/css/%00.css",
    "/w/acme/audit/?action=%00",
    "/w/acme/audit/?actor=a%00b",
    "/w/acme/credits/?days=%00",
    "/w/acme/members/?q=%00",
    *(f"/admin/{name}/?q=%00" for name in ADMIN_LISTS),
    *(f"/admin/{name}/%00/change/" for name in ADMIN_LISTS),
    "/admin/workspaces/user/?is_staff__exact=%00",
    "/admin/autocomplete/?term=%00",
]


def test_nul_in_an_address_is_malformed() -> None:
    operator = make_user(is_staff=True, is_superuser=True)
    make_workspace(operator, slug="acme")
    browser = browser_of(operator, raise_request_exception=False)
    answers = {
        (method, path): browser.generic(method, path).status_code
        for path in WITH_NUL
        for method in ("GET", "POST")
    }

    assert {asked: status for asked, status in answers.items() if status != 400} == {}


@pytest.mark.django_db(transaction=True)
def test_nul_on_the_chat_path_is_malformed(live: Server, cast: Cast, visit: Visit) -> None:
    visitor, agent = visit(cast.edith), make_agent(cast.acme)
    headers = {"accept": "application/json"}
    stream = visitor.get(f"/w/acme/replies/{agent.pk}/stream/?x=%00", headers=headers)
    message = visitor.post(f"/w/acme/agents/{agent.pk}/messages/?x=%00", headers=headers)

    assert (stream.status_code, message.status_code) == (400, 400)
    assert stream.json()["error"]["code"] == "malformed"
