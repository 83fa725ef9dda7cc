"""A person at the live server, without a browser: keeps cookies, sends CSRF tokens, can stream.

`visit(user)` arrives signed in, by a session made in the database; `visitor.sign_in(...)` goes
through the login page as a person would.
"""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import httpx
import pytest
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest

from tests.harness.live import LendLive, Server
from workspaces.models import User

CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

Visit = Callable[..., "Visitor"]


class SignInFailed(AssertionError):
    """The login page came back instead of letting the person in."""


class Visitor(httpx.Client):
    """An HTTP client on one server; redirects are not followed, so that tests see them."""

    def __init__(self, base_url: str, *, verify: bool = True) -> None:
        super().__init__(base_url=base_url, timeout=60, trust_env=False, verify=verify)

    def sign_in(self, email: str, password: str) -> "Visitor":
        """Through the real login form. Raises SignInFailed."""
        response = self.submit("/accounts/login/", login=email, password=password)
        if response.status_code != 302:
            raise SignInFailed(f"{email} was not let in: {response.status_code}")
        return self

    def submit(self, path: str, *, page: str = "", **fields: Any) -> httpx.Response:
        """POST a form with the token that `page` (else `path`) shows or the cookie holds."""
        return self.post(path, data={**fields, "csrfmiddlewaretoken": self.csrf_token(page or path)})

    def csrf_token(self, page: str) -> str:
        """The token to send; fetches `page` only when no cookie is there yet."""
        if settings.CSRF_COOKIE_NAME not in self.cookies:
            shown = CSRF_FIELD.search(self.get(page, follow_redirects=True).text)
            if shown:
                return shown.group(1)
        return str(self.cookies[settings.CSRF_COOKIE_NAME])


def session_cookie(user: User) -> str:
    """A new signed-in session of `user`, as its cookie value."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    # As the sign-in page leaves it, so that acts on keys do not ask for the password again.
    request = HttpRequest()
    request.session = session
    record_authentication(request, user, method="password")
    session.save()
    return str(session.session_key)


@pytest.fixture
def visit(lend_live: LendLive) -> Iterator[Visit]:
    """`visit(user)` for someone signed in, `visit()` for nobody; `server=` for another than `live`."""
    visitors: list[Visitor] = []

    def arrive(user: User | None = None, *, server: Server | None = None) -> Visitor:
        visitor = Visitor((server or lend_live()).url)
        if user is not None:
            visitor.cookies.set(settings.SESSION_COOKIE_NAME, session_cookie(user), domain="127.0.0.1")
        visitors.append(visitor)
        return visitor

    yield arrive
    for visitor in visitors:
        visitor.close()
