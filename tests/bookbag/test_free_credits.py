"""Free credits: once to a person who has confirmed an address, to one workspace, whatever strangers make at will."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from billing import free, laws, ledger, plans
from billing.models import Account, FreeAllotment, Plan, Transfer
from bookbag import onboarding
from tests.billing import moves
from tests.billing.test_concurrency import at_once
from tests.factories import PASSWORD, add_member, browser_of, make_user, make_workspace
from workspaces import members, people
from workspaces.errors import TooManyWorkspaces
from workspaces.models import Role, User, Workspace

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def sound_ledger(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "live" not in request.fixturenames:
        assert laws.broken_laws() == []


def sign_up(email: str = "new@acme.test") -> Client:
    """Somebody of whom only this address is known: an operator has let them in, so that they need not confirm it first."""
    browser = browser_of(make_user(email, confirmed=False))
    assert browser.post("/accounts/email/", {"email": email, "action_send": ""}).status_code == 302
    return browser


def create(browser: Client, name: str) -> Workspace | None:
    """A workspace made on its page, or None where the page refuses it."""
    response = browser.post("/workspaces/new/", {"name": name})
    return Workspace.objects.get(name=name) if response.status_code == 302 else None


def confirm(browser: Client, email: str = "new@acme.test") -> Any:
    """Follow the link of the latest mail to `email` and press the button."""
    texts = [str(message.body) for message in mail.outbox if message.to == [email]]
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", texts[-1])
    assert link is not None
    return browser.post(link.group(1))


def credits(workspace: Workspace | None) -> int:
    assert workspace is not None
    return ledger.balance(workspace).available


def granted(person: User) -> int:
    """What was ever given as a monthly allotment to workspaces that `person` has made."""
    allotments = Transfer.objects.filter(kind=Transfer.Kind.GRANT_PLAN, account__workspace__created_by=person)
    return sum(allotments.values_list("amount", flat=True))


def page(browser: Client, workspace: Workspace | None) -> str:
    assert workspace is not None
    return browser.get(f"/w/{workspace.slug}/credits/").content.decode()


def months_later(count: int) -> None:
    """Brings every account up to date as `run_billing_cycle` would have, month after month."""
    for month in range(1, count + 1):
        for account in Account.objects.all():
            ledger.refresh(account, now=plans.add_months(timezone.now(), month) + timedelta(minutes=1))


# --- Before and after an address is confirmed ------------------------------------------------------


def test_unconfirmed_persons_workspace_begins_with_nothing_and_says_why() -> None:
    browser = sign_up()
    workspace = create(browser, "Acme")

    assert credits(workspace) == 0
    shown = page(browser, workspace)
    assert "Confirm your e-mail address, and this workspace gets 100 free credits a month." in shown
    assert 'href="/accounts/email/"' in shown
    assert "No free credits here" in browser.get("/w/acme/").content.decode()


def test_confirming_the_address_brings_the_allotment_once() -> None:
    browser = sign_up()
    workspace = create(browser, "Acme")
    assert confirm(browser).status_code == 302

    assert credits(workspace) == 100
    assert "No free credits here" not in page(browser, workspace)
    confirm(browser)
    onboarding.give_free_allotment(User.objects.get())
    assert credits(workspace) == 100


def test_workspace_of_a_confirmed_person_begins_with_the_allotment() -> None:
    browser = sign_up()
    confirm(browser)

    assert credits(create(browser, "Acme")) == 100


def test_address_confirmed_meanwhile_counts_with_the_next_look() -> None:
    browser = sign_up()
    workspace = create(browser, "Acme")
    # As if what follows a confirmation had failed.
    EmailAddress.objects.update(verified=True)
    page(browser, workspace)

    assert credits(workspace) == 100


def test_forty_workspaces_of_one_sign_up_carry_nothing() -> None:
    browser = sign_up()
    made = [create(browser, f"Acme {number}") for number in range(40)]

    assert len([one for one in made if one]) == 10
    assert sum(Account.objects.values_list("posted", flat=True)) == 0
    confirm(browser)
    assert sum(Account.objects.values_list("posted", flat=True)) == 100
    assert credits(made[0]) == 100


def test_second_workspace_begins_with_nothing_and_says_why() -> None:
    browser = sign_up()
    confirm(browser)
    first, second = create(browser, "Acme"), create(browser, "Another")

    assert (credits(first), credits(second)) == (100, 0)
    shown = page(browser, second)
    assert (
        "Free credits are given once to a person, to one workspace. Yours have gone to another one" in shown
    )
    assert "Confirm my address" not in shown


def test_support_sees_why_a_workspace_has_no_free_credits() -> None:
    oscar = browser_of(make_user("oscar@bookbag.test", is_staff=True, is_superuser=True))
    workspace = create(sign_up(), "Acme")
    assert workspace is not None
    shown = oscar.get(f"/admin/billing/account/{workspace.account.pk}/change/").content.decode()

    assert "Whoever made the workspace has not confirmed an e-mail address" in shown


def test_other_members_are_told_whose_address_it_takes() -> None:
    workspace = create(sign_up(), "Acme")
    assert workspace is not None
    adam = browser_of(add_member(workspace, Role.ADMIN).user)

    shown = page(adam, workspace)
    assert "because whoever made it has not confirmed their e-mail address yet" in shown
    assert "Confirm my address" not in shown


def test_page_shows_no_allotment_where_there_is_none() -> None:
    browser = sign_up()
    confirm(browser)
    create(browser, "Acme")
    shown = page(browser, create(browser, "Another"))

    assert re.search(r'Monthly allotment</span>\s*<span class="stat__value">0</span>', shown)


def test_disabled_person_claims_nothing() -> None:
    workspace = make_workspace(make_user(is_active=False))
    account = ledger.open_account(workspace, plan=plans.default())

    assert account.posted == 0


def test_plan_that_is_not_given_to_everybody_allots_as_ever() -> None:
    person = make_user(confirmed=False)
    onboarding.create_workspace(name="Acme", owner=person)
    hobby = onboarding.create_workspace(name="Another", owner=person, plan="hobby")

    assert credits(hobby) == 2_000
    assert free.standing(hobby.account) is None


# --- Month after month, and whoever owns it --------------------------------------------------------


def test_each_month_brings_one_allotment_per_person() -> None:
    person = make_user()
    made = [onboarding.create_workspace(name=f"Acme {number}", owner=person) for number in range(3)]
    months_later(3)

    assert granted(person) == 400
    assert [credits(workspace) for workspace in made] == [100, 0, 0]


def test_billing_cycle_gives_a_second_workspace_nothing() -> None:
    person = make_user()
    for number in range(2):
        onboarding.create_workspace(name=f"Acme {number}", owner=person)
    Account.objects.update(next_event_at=None)
    call_command("run_billing_cycle", stdout=StringIO())

    assert granted(person) == 100


def test_passing_a_workspace_on_frees_no_second_allotment() -> None:
    alice, bob = make_user(), make_user()
    first = onboarding.create_workspace(name="First", owner=alice)
    add_member(first, Role.OWNER, bob)
    members.leave(first.memberships.get(user=alice))
    second = onboarding.create_workspace(name="Second", owner=alice)
    months_later(2)

    assert (credits(first), credits(second), granted(alice)) == (100, 0, 300)
    # Bob's own is still his.
    assert credits(onboarding.create_workspace(name="Third", owner=bob)) == 100


def test_becoming_an_owner_brings_a_waiting_workspace_nothing() -> None:
    stranger, bob = make_user(confirmed=False), make_user()
    workspace = onboarding.create_workspace(name="First", owner=stranger)
    add_member(workspace, Role.OWNER, bob)
    months_later(1)

    assert credits(workspace) == 0
    assert credits(onboarding.create_workspace(name="Second", owner=bob)) == 100


def test_moving_between_plans_keeps_the_allotment_where_it_is() -> None:
    person = make_user()
    first = onboarding.create_workspace(name="First", owner=person)
    ledger.change_plan(first.account, plan=Plan.objects.get(slug="hobby"))
    second = onboarding.create_workspace(name="Second", owner=person)
    ledger.change_plan(first.account, plan=plans.default())
    months_later(1)

    assert (credits(first), credits(second)) == (100, 0)


# --- One person, by whatever address ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("olive@acme.test", "olive+2@acme.test"),
        ("olive+a@acme.test", "olive+b@acme.test"),
        ("o.live@gmail.com", "olive@gmail.com"),
        ("olive@gmail.com", "O.Live+x@googlemail.com"),
    ],
)
def test_one_mailbox_is_one_person(first: str, second: str) -> None:
    workspaces = [onboarding.create_workspace(name="Acme", owner=make_user(one)) for one in (first, second)]

    assert [credits(workspace) for workspace in workspaces] == [100, 0]
    standings = [free.standing(Account.objects.get(workspace=workspace)) for workspace in workspaces]
    assert standings == [free.Standing.GIVEN, free.Standing.ELSEWHERE]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("olive@acme.test", "olive@globex.test"),
        ("o.live@acme.test", "olive@acme.test"),
        ("+olive@acme.test", "+oscar@acme.test"),
    ],
)
def test_other_mailboxes_are_other_people(first: str, second: str) -> None:
    assert people.mailbox(first) != people.mailbox(second)


def test_signing_up_anew_brings_no_second_allotment() -> None:
    olive = make_user("olive@acme.test")
    workspace = onboarding.create_workspace(name="First", owner=olive)
    add_member(workspace, Role.OWNER)
    olive.delete()
    again = onboarding.create_workspace(name="Second", owner=make_user("olive@acme.test"))

    assert (credits(workspace), credits(again)) == (100, 0)
    assert FreeAllotment.objects.count() == 1


def test_another_address_makes_nobody_another_person() -> None:
    olive = make_user("olive@acme.test")
    onboarding.create_workspace(name="First", owner=olive)
    EmailAddress.objects.filter(user=olive).delete()
    EmailAddress.objects.create(user=olive, email="other@acme.test", verified=True, primary=True)

    assert credits(onboarding.create_workspace(name="Second", owner=olive)) == 0


def test_database_refuses_a_second_row_of_a_person_or_mailbox() -> None:
    olive, oscar = make_user(), make_user()
    account = ledger.open_account(make_workspace(olive), plan=plans.default())
    other = ledger.open_account(make_workspace(oscar), plan=Plan.objects.get(slug="hobby"))
    taken = account.free_allotment

    for person, mailbox in ((olive, "another"), (oscar, taken.mailbox)):
        with pytest.raises(IntegrityError), transaction.atomic():
            FreeAllotment.objects.create(account=other, person=person, mailbox=mailbox)


# --- At once ---------------------------------------------------------------------------------------


def make_one(person: User, number: int) -> Workspace | None:
    try:
        return onboarding.create_workspace(name=f"Acme {number}", owner=person)
    except TooManyWorkspaces:
        return None


@pytest.mark.django_db(transaction=True)
def test_twelve_workspaces_made_at_once_get_one_allotment_and_stop_at_ten() -> None:
    person = make_user()
    made = at_once([partial(make_one, person, number) for number in range(12)])

    assert len([one for one in made if one]) == 10
    assert sorted(Account.objects.values_list("posted", flat=True)) == [0] * 9 + [100]


@pytest.mark.django_db(transaction=True)
def test_twelve_confirmations_at_once_bring_one_allotment() -> None:
    person = make_user(confirmed=False)
    for number in range(3):
        make_one(person, number)
    EmailAddress.objects.update(verified=True)
    accounts = list(Account.objects.all())
    at_once([partial(ledger.refresh, account) for account in accounts * 4])

    assert sorted(Account.objects.values_list("posted", flat=True)) == [0, 0, 100]


# --- Limits ----------------------------------------------------------------------------------------


def test_refused_workspace_says_how_many_one_may_make(settings: Any) -> None:
    settings.WORKSPACES_PER_OWNER = 2
    browser = browser_of(make_user())
    for number in range(2):
        create(browser, f"Acme {number}")
    shown = browser.post("/workspaces/new/", {"name": "One more"}).content.decode()

    assert "You have made 2 workspaces, which is the most that one person may." in shown
    assert "One more" in shown


def test_passing_a_workspace_on_makes_no_room_for_another(settings: Any) -> None:
    settings.WORKSPACES_PER_OWNER = 1
    alice = make_user()
    first = onboarding.create_workspace(name="First", owner=alice)
    add_member(first, Role.OWNER)
    members.leave(first.memberships.get(user=alice))

    with pytest.raises(TooManyWorkspaces):
        onboarding.create_workspace(name="Second", owner=alice)


def test_no_limit_is_none(settings: Any) -> None:
    settings.WORKSPACES_PER_OWNER = 0
    alice = make_user()

    assert all(make_one(alice, number) for number in range(12))


# --- What was there before -------------------------------------------------------------------------


def test_upgrade_fills_in_who_made_each_workspace() -> None:
    alice, bob = make_user(), make_user()
    logged, unlogged = make_workspace(alice), Workspace.objects.create(name="Old", slug="old")
    add_member(logged, Role.OWNER)
    add_member(unlogged, Role.VIEWER)
    add_member(unlogged, Role.OWNER, bob)
    add_member(unlogged, Role.OWNER)
    Workspace.objects.update(created_by=None)
    import_module("workspaces.migrations.0005_fill_who_made_it").fill_created_by(apps, None)

    for workspace, maker in ((logged, alice), (unlogged, bob)):
        workspace.refresh_from_db()
        assert workspace.created_by == maker


def test_charges_of_a_waiting_workspace_need_credits_of_another_kind() -> None:
    account = ledger.open_account(make_workspace(make_user(confirmed=False)), plan=plans.default())
    moves.grant(account, 5)
    moves.charge(account, 5)

    assert ledger.refresh(account).available == 0


def test_person_whom_an_operator_added_can_confirm_their_address() -> None:
    """Somebody without a row of addresses, as the operators' pages and commands make them."""
    person = User.objects.create_user("new@acme.test", PASSWORD)
    browser = browser_of(person)
    workspace = create(browser, "Acme")
    assert "new@acme.test" in browser.get("/accounts/email/").content.decode()
    browser.post("/accounts/email/", {"email": "new@acme.test", "action_send": ""})
    confirm(browser)

    assert credits(workspace) == 100
