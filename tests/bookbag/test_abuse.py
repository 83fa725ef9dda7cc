"""What abuse looks like, on the operators' pages."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from billing import ledger
from billing.models import Plan
from bookbag import onboarding
from bookbag.operations import abuse
from tests.billing import moves
from tests.factories import browser_of, make_user
from workspaces.models import SignUpCount

pytestmark = pytest.mark.django_db
PAGE = "/admin/abuse/"


def count(network: str, made: int, refused: int = 0, *, days_ago: int = 0) -> None:
    day = (timezone.now() - timedelta(days=days_ago)).date()
    SignUpCount.objects.create(network=network, day=day, made=made, refused=refused)


def test_networks_with_many_sign_ups_come_first() -> None:
    count("192.0.2.1", 2)
    count("192.0.2.2", 10, 30)
    count("192.0.2.2", 10, 5, days_ago=1)
    count("192.0.2.3", 50, days_ago=30)

    found = [(row["network"], row["all_made"], row["all_refused"], row["days"]) for row in abuse.networks()]
    assert found == [("192.0.2.2", 20, 35, 2), ("192.0.2.1", 2, 0, 1)]


def test_mail_domains_are_counted_with_who_confirmed() -> None:
    make_user("a@acme.test")
    for number in range(3):
        make_user(f"bot{number}@bots.test", confirmed=number == 0)
    make_user("old@acme.test", date_joined=timezone.now() - timedelta(days=8))

    assert abuse.domains() == [abuse.Domain("bots.test", 3, 1), abuse.Domain("acme.test", 1, 1)]


def test_people_with_many_workspaces_come_first() -> None:
    one, two, three = (
        make_user("one@acme.test"),
        make_user("two@acme.test"),
        make_user("three@acme.test", confirmed=False),
    )
    for person, number in ((one, 1), (two, 2), (three, 3)):
        for place in range(number):
            onboarding.create_workspace(name=f"{person} {place}", owner=person)

    assert [(person.email, person.made, person.confirmed) for person in abuse.makers()] == [  # type: ignore[attr-defined]
        ("three@acme.test", 3, False),
        ("two@acme.test", 2, True),
    ]


def test_credits_used_by_unconfirmed_people_are_shown() -> None:
    confirmed = onboarding.create_workspace(name="Confirmed", owner=make_user())
    unconfirmed = onboarding.create_workspace(
        name="Unconfirmed", owner=make_user(confirmed=False), plan="hobby"
    )
    idle = onboarding.create_workspace(name="Idle", owner=make_user(confirmed=False), plan="hobby")
    for workspace in (confirmed, unconfirmed):
        moves.charge(workspace.account, 5)
        moves.charge(workspace.account, 2)

    assert [(account.workspace, account.used) for account in abuse.spenders()] == [(unconfirmed, 7)]  # type: ignore[attr-defined]
    assert ledger.balance(idle).available == 2_000


def test_page_shows_it_all_and_is_linked(oscar: Client, settings: Any) -> None:
    settings.SIGNUP = "invited"
    count("192.0.2.2", 10, 30)
    person = make_user("bot@bots.test", confirmed=False)
    for number in range(2):
        onboarding.create_workspace(name=f"Bot {number}", owner=person, plan="hobby", slug=f"bot-{number}")
    moves.charge(person.workspaces_made.earliest("pk").account, 5)
    page = oscar.get(PAGE).content.decode()

    assert "Sign-up is invited." in page
    for shown in ("192.0.2.2", "bots.test", "bot@bots.test", "bot-0"):
        assert shown in page
    assert PAGE in oscar.get("/admin/").content.decode()


def test_page_costs_the_same_whatever_is_on_it(oscar: Client, django_assert_max_num_queries: Any) -> None:
    hobby = Plan.objects.get(slug="hobby").slug
    for number in range(8):
        person = make_user(confirmed=False)
        count(f"192.0.2.{number}", 1)
        for _ in range(2):
            moves.charge(onboarding.create_workspace(name="Acme", owner=person, plan=hobby).account, 1)

    with django_assert_max_num_queries(8):
        assert oscar.get(PAGE).status_code == 200


def test_page_takes_the_right_to_see_people_and_accounts() -> None:
    clerk = make_user(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_user"))

    assert browser_of(clerk).get(PAGE).status_code == 403
    assert PAGE not in browser_of(clerk).get("/admin/").content.decode()
    assert browser_of(make_user()).get(PAGE).status_code == 404
