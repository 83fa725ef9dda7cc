"""Who may make an account, and how many of them from one place in a day."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from tests.billing.test_concurrency import at_once
from tests.factories import PASSWORD, make_user
from tests.harness.live import StartServer
from tests.harness.visitor import Visitor
from workspaces import signup
from workspaces.addresses import network_of
from workspaces.errors import TooManySignUps
from workspaces.models import AuditEvent, SignUpCount, User

pytestmark = pytest.mark.django_db
PAGE = "/accounts/signup/"


def sign_up(email: str, *, address: str = "192.0.2.7", browser: Client | None = None) -> Any:
    fields = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    return (browser or Client()).post(PAGE, fields, REMOTE_ADDR=address)


# --- SIGNUP ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["closed", "invited"])
def test_closed_sign_up_makes_nobody_and_says_so(mode: str, settings: Any) -> None:
    settings.SIGNUP = mode
    page = sign_up("new@acme.test").content.decode()

    assert "Sign-up is closed" in page
    assert "Sign-up is closed" in Client().get(PAGE).content.decode()
    assert not User.objects.exists()


def invited(oscar: Client, email: str) -> str:
    """The path of the link that an operator has mailed to `email`."""
    assert oscar.post("/admin/workspaces/user/invite/", {"email": email}).status_code == 302
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[-1].body))
    assert mail.outbox[-1].to == [email]
    assert link is not None
    return link.group(1)


def test_invited_person_signs_up_with_the_invited_address(settings: Any, oscar: Client) -> None:
    settings.SIGNUP = "invited"
    browser = Client()
    page = browser.get(invited(oscar, "new@acme.test")).content.decode()

    assert "Create an account" in page
    assert sign_up("New@Acme.test", browser=browser).status_code == 302
    assert User.objects.filter(email="new@acme.test").exists()
    event = AuditEvent.objects.get(action="person.invited")
    assert (event.actor_email, event.data) == ("oscar@bookbag.test", {"person": "new@acme.test"})


def test_invitation_admits_no_other_address(settings: Any, oscar: Client) -> None:
    settings.SIGNUP = "invited"
    browser = Client()
    browser.get(invited(oscar, "new@acme.test"))
    page = sign_up("other@acme.test", browser=browser).content.decode()

    assert "Use the address that your invitation was sent to." in page
    assert User.objects.count() == 1


@pytest.mark.parametrize("token", ["", "x", "x:y:z", "a" * 5000])
def test_made_up_invitation_opens_nothing(token: str, settings: Any) -> None:
    settings.SIGNUP = "invited"

    assert "Sign-up is closed" in Client().get(PAGE, {"invitation": token}).content.decode()


def test_invitation_ends_after_a_week(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIGNUP = "invited"
    token = signup.invitation("new@acme.test")
    monkeypatch.setattr(signup, "INVITATION_LIFE", timedelta(seconds=-1))

    assert "Sign-up is closed" in Client().get(PAGE, {"invitation": token}).content.decode()


def test_invitation_opens_nothing_once_sign_up_is_closed(settings: Any) -> None:
    settings.SIGNUP = "closed"
    token = signup.invitation("new@acme.test")

    assert "Sign-up is closed" in Client().get(PAGE, {"invitation": token}).content.decode()


def test_somebody_with_an_account_is_not_invited(oscar: Client) -> None:
    make_user("olivia@acme.test")
    page = oscar.post("/admin/workspaces/user/invite/", {"email": "Olivia@acme.test"}).content.decode()

    assert "There is an account with this address already." in page
    assert mail.outbox == []


# --- So many a day ---------------------------------------------------------------------------------


def test_eleventh_account_of_a_day_from_one_address_is_refused() -> None:
    answers = [sign_up(f"person{number}@acme.test").status_code for number in range(11)]
    refused = sign_up("one-more@acme.test")

    assert answers == [302] * 10 + [429]
    assert "No more new accounts today" in refused.content.decode()
    assert 0 < int(refused["Retry-After"]) <= 86_400
    assert User.objects.count() == 10
    row = SignUpCount.objects.get()
    assert (row.network, row.day, row.made, row.refused) == ("192.0.2.7", timezone.now().date(), 10, 2)


def test_other_addresses_and_other_days_are_counted_apart(settings: Any) -> None:
    settings.SIGNUPS_PER_ADDRESS = 1
    SignUpCount.objects.create(network="192.0.2.7", day=date(2026, 1, 1), made=1)

    assert sign_up("a@acme.test").status_code == 302
    assert sign_up("b@acme.test").status_code == 429
    assert sign_up("c@acme.test", address="192.0.2.8").status_code == 302


def test_counts_are_kept_for_ninety_days() -> None:
    today = timezone.now().date()
    for days in (0, 90, 91, 400):
        SignUpCount.objects.create(network="192.0.2.8", day=today - timedelta(days=days), made=1)
    sign_up("new@acme.test")

    kept = SignUpCount.objects.filter(network="192.0.2.8").values_list("day", flat=True)
    assert set(kept) == {today, today - timedelta(days=90)}


def test_form_that_is_filled_in_wrongly_counts_nothing() -> None:
    Client().post(PAGE, {"email": "new@acme.test", "password1": "x", "password2": "y"})

    assert not SignUpCount.objects.exists()


def test_no_limit_still_counts(settings: Any) -> None:
    settings.SIGNUPS_PER_ADDRESS = 0
    for number in range(3):
        assert sign_up(f"person{number}@acme.test").status_code == 302

    assert SignUpCount.objects.get().made == 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("", "unknown"),
        (None, "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_network_is_what_one_customer_has(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_addresses_of_one_ipv6_customer_are_counted_together(settings: Any) -> None:
    settings.SIGNUPS_PER_ADDRESS = 2
    answers = [
        sign_up(f"person{number}@acme.test", address=f"2001:db8::{number + 1}").status_code
        for number in range(3)
    ]

    assert answers == [302, 302, 429]


def test_day_begins_anew_at_midnight_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    late = datetime(2026, 11, 25, 23, 59, 30, tzinfo=UTC)
    monkeypatch.setattr(signup.timezone, "now", lambda: late)

    assert signup.seconds_left_today() == 30


def try_to_count() -> bool:
    try:
        signup.count(RequestFactory().post(PAGE, REMOTE_ADDR="192.0.2.7"))
    except TooManySignUps:
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_do_not_pass_the_limit_together(settings: Any) -> None:
    settings.SIGNUPS_PER_ADDRESS = 5
    admitted = at_once([partial(try_to_count)] * 24)

    assert sum(admitted) == 5
    assert SignUpCount.objects.values_list("made", "refused").get() == (5, 19)


def test_two_servers_count_together(start_server: StartServer) -> None:
    servers = [start_server(SIGNUPS_PER_ADDRESS="3") for _ in range(2)]
    answers = []
    for number in range(5):
        with Visitor(servers[number % 2].url) as visitor:
            fields = {"email": f"person{number}@acme.test", "password1": PASSWORD, "password2": PASSWORD}
            answers.append(visitor.submit(PAGE, **fields).status_code)

    assert answers == [302, 302, 302, 429, 429]
