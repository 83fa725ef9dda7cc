"""Guessing passwords: it ends soon, everywhere at once, and it locks out nobody but those who guess."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail, signing
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import PASSWORD, make_user
from tests.harness.cast import Cast
from tests.harness.live import StartServer
from tests.harness.visitor import Visit
from workspaces import devices, sign_in_limits
from workspaces.models import SignInCount

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
OLIVIA = "olivia@acme.test"
ELSEWHERE = "198.51.100.7"


def sign_in(
    browser: Client, email: str = OLIVIA, password: str = PASSWORD, address: str = "127.0.0.1"
) -> int:
    response = browser.post(LOGIN, {"login": email, "password": password}, REMOTE_ADDR=address)
    return int(response.status_code)


def guess(times: int, email: str = OLIVIA, address: str = "127.0.0.1") -> list[int]:
    """What unknown browsers get for wrong passwords, a new one for each."""
    return [sign_in(Client(), email, f"guess-{number}", address) for number in range(times)]


@pytest.fixture
def owner() -> Client:
    """Olivia's own browser, in which she has signed in before, and out again."""
    make_user(OLIVIA)
    browser = Client()
    assert sign_in(browser) == 302
    browser.post(reverse("account_logout"))
    return browser


def test_unknown_browser_is_refused_after_ten_wrong_passwords_with_the_right_one_too(owner: Client) -> None:
    assert guess(11) == [200] * 10 + [429]
    assert sign_in(Client()) == 429
    assert sign_in(Client(), OLIVIA.upper()) == 429
    assert sign_in(Client(), address=ELSEWHERE) == 429


def test_owner_gets_in_where_she_has_signed_in_before(owner: Client) -> None:
    guess(30)

    assert sign_in(owner) == 302
    assert owner.get("/").status_code == 200


def test_owner_gets_in_from_another_address_in_the_same_browser(owner: Client) -> None:
    guess(30)

    assert sign_in(owner, address=ELSEWHERE) == 302


def test_lock_survives_its_own_traffic(owner: Client) -> None:
    guess(10)
    for number in range(180):
        guess(1, f"person{number}@elsewhere.test", f"203.0.113.{number}")

    assert sign_in(Client()) == 429


def test_crowd_behind_the_same_address_gets_in_where_it_has_been_before(owner: Client) -> None:
    assert [status for number in range(6) for status in guess(10, f"person{number}@acme.test")][50:] == [
        429
    ] * 10
    assert sign_in(Client(), address=ELSEWHERE) == 302
    assert sign_in(owner) == 302


def test_many_sign_ins_of_unknown_browsers_in_a_minute_are_too_many_whatever_their_end() -> None:
    count = sign_in_limits.Count("sign-ins", "127.0.0.1", 120, timedelta(minutes=1), keeps_successes=True)
    assert [count.take() for _ in range(121)] == [True] * 120 + [False]

    make_user(OLIVIA)
    assert sign_in(Client()) == 429
    assert sign_in(Client(), address=ELSEWHERE) == 302


def test_known_browser_may_not_guess_for_ever_either(owner: Client) -> None:
    assert [sign_in(owner, password=f"guess-{number}") for number in range(11)] == [200] * 10 + [429]
    assert sign_in(owner) == 429
    # It has used up its own tries, and nobody else's.
    assert sign_in(Client()) == 302


def test_known_browsers_of_one_account_may_not_be_collected(owner: Client) -> None:
    count = sign_in_limits.Count("devices", OLIVIA, 100)
    for _ in range(100):
        count.take()

    assert sign_in(owner) == 429


def test_browser_is_known_for_those_who_signed_in_with_it_and_for_nobody_else(owner: Client) -> None:
    make_user("adam@acme.test")
    guess(10, "adam@acme.test")
    assert sign_in(owner, "adam@acme.test") == 429


def test_browser_that_is_shared_is_known_for_all_who_share_it(owner: Client) -> None:
    make_user("adam@acme.test")
    sign_in(owner, "adam@acme.test")
    owner.post(reverse("account_logout"))
    guess(10)
    guess(10, "adam@acme.test")

    assert (sign_in(owner), sign_in(owner, "adam@acme.test")) == (302, 302)


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "x:y:z", signing.dumps({"id": "x", "users": ["1"]}), "\x00"],
    ids=["empty", "word", "words", "signed for another use", "NUL"],
)
def test_cookie_of_somebodys_own_making_is_worth_nothing(owner: Client, cookie: str) -> None:
    guess(10)
    browser = Client()
    browser.cookies[devices.cookie_name()] = cookie

    assert sign_in(browser) == 429


def test_new_password_by_mail_makes_its_browser_known(owner: Client) -> None:
    guess(10)
    browser = Client()
    browser.post(reverse("account_reset_password"), {"email": OLIVIA})
    link = str(mail.outbox[0].body).partition("http://testserver")[2].split()[0]
    form = browser.get(link, follow=True)
    new = "another-horse-8-battery"
    browser.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    assert sign_in(browser, password=new) == 302
    assert sign_in(Client(), password=new) == 429


def test_somebody_signed_in_is_asked_for_the_password_whoever_guesses(owner: Client) -> None:
    sign_in(owner)
    del owner.cookies[devices.cookie_name()]  # as one who signed in before there were such cookies
    guess(11)
    response = owner.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    assert response.status_code == 302


def test_cookie_is_for_this_host_and_out_of_reach_of_scripts(client: Client, settings: Any) -> None:
    settings.HTTPS = True
    make_user(OLIVIA)
    sign_in(client)
    cookie = client.cookies["__Host-device"]

    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "Lax",
        "/",
    )
    assert cookie["domain"] == ""
    assert OLIVIA not in signing.loads(cookie.value, salt=devices.SALT)["users"]


def test_lock_ends_a_quarter_of_an_hour_after_the_first_guess(owner: Client) -> None:
    guess(11)
    SignInCount.objects.update(since=timezone.now() - timedelta(minutes=15))

    assert sign_in(Client()) == 302


def test_refused_guess_does_not_prolong_the_lock(owner: Client) -> None:
    guess(10)
    before = dict(SignInCount.objects.values_list("name", "since"))
    guess(5)

    assert dict(SignInCount.objects.values_list("name", "since")) == before


def test_neighbours_in_one_ipv6_network_are_one_address() -> None:
    statuses = [guess(10, f"person{number}@acme.test", f"2001:db8::{number + 1}")[-1] for number in range(6)]

    assert statuses == [200] * 5 + [429]
    assert guess(1, "person9@acme.test", "2001:db8:0:1::1") == [200]


def test_counts_that_are_over_are_cleared_away(owner: Client) -> None:
    guess(3)
    SignInCount.objects.update(since=timezone.now() - timedelta(minutes=16))
    guess(1, "new@acme.test", ELSEWHERE)

    assert SignInCount.objects.filter(since__lt=timezone.now() - timedelta(minutes=15)).count() == 0


def test_counts_tell_nobody_who_was_guessed_at(owner: Client) -> None:
    guess(1)
    kept = str(list(SignInCount.objects.values()))

    assert "olivia" not in kept
    assert "127.0.0.1" not in kept


# --- Several processes ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_all_processes_count_together(start_server: StartServer, cast: Cast, visit: Visit) -> None:
    """Sign-ins in their own table, the other limits in the cache that a deployment has when none is named."""
    servers = [start_server(CACHE_URL=""), start_server(CACHE_URL="")]
    browsers = [visit(server=server) for server in servers]
    fields = {"login": cast.adam.email}
    statuses = [
        browsers[number % 2].submit(LOGIN, **fields, password=f"guess-{number}").status_code
        for number in range(11)
    ]
    resets = [
        browsers[number % 2]
        .submit("/accounts/password/reset/", email=f"person{number}@acme.test")
        .status_code
        for number in range(21)
    ]

    assert statuses == [200] * 10 + [429]
    assert [browser.submit(LOGIN, **fields, password=cast.password).status_code for browser in browsers] == [
        429,
        429,
    ]
    assert resets == [302] * 20 + [429]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_guesses_at_the_same_moment_are_counted_one_by_one() -> None:
    from concurrent.futures import ThreadPoolExecutor

    def take(_: int) -> bool:
        try:
            return sign_in_limits.Count("account", OLIVIA, 10).take()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(40))) == 10
