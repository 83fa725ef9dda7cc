"""Every figure that an operator's form accepts is accepted by every layer behind it."""

import logging
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing import ledger, plans
from billing.models import LAST_EXPIRY, MOST_CREDITS, Account, Bucket, Plan
from bookbag import onboarding
from llm.models import ChatModel
from tests.billing import moves
from tests.factories import browser_of, make_user, make_workspace
from workspaces import database_guards

pytestmark = [pytest.mark.django_db]

HUGE = [2_000_000_000, 2**31, 2**63, 10**30, -1]
PLAN_FIGURES = ["monthly_credits", "agent_limit", "seat_limit", "source_limit", "position"]
MODEL_FIGURES = ["price", "input_price", "output_price", "context_tokens", "position"]


def plan_form(plan: Plan, **changes: Any) -> dict[str, Any]:
    names = ["name", *PLAN_FIGURES]
    return (
        {name: getattr(plan, name) or "" for name in names}
        | {"monthly_credits": plan.monthly_credits}
        | changes
    )


def model_form(model: ChatModel, **changes: Any) -> dict[str, Any]:
    names = ["name", "provider", "model_id", "note", *MODEL_FIGURES]
    return {name: getattr(model, name) or "" for name in names} | {"enabled": "on"} | changes


def most_of(model: Any, name: str) -> int:
    """The bound that the model itself states."""
    return int(model._meta.get_field(name).validators[0].limit_value)


# --- Forms and database ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAN_FIGURES)
@pytest.mark.parametrize("figure", HUGE)
def test_plan_takes_no_figure_out_of_bounds(oscar: Client, name: str, figure: int) -> None:
    plan = Plan.objects.get(slug="pro")
    page = oscar.post(reverse("admin:billing_plan_change", args=[plan.pk]), plan_form(plan, **{name: figure}))

    assert (page.status_code, name in page.context["adminform"].form.errors) == (200, True)


@pytest.mark.parametrize(("name", "most"), [(name, most_of(Plan, name)) for name in PLAN_FIGURES])
def test_every_layer_takes_what_a_plan_may_have(oscar: Client, name: str, most: int) -> None:
    plan = plans.default()
    fields = plan_form(plan, **{name: most}) | {"once_per_person": "on"}
    assert oscar.post(reverse("admin:billing_plan_change", args=[plan.pk]), fields).status_code == 302

    owner = make_user()
    workspace = onboarding.create_workspace(name="Acme", slug="acme", owner=owner)
    for path in ("/", "/w/acme/", "/w/acme/credits/", "/w/acme/members/", "/w/acme/agents/"):
        assert browser_of(owner).get(path).status_code == 200
    assert oscar.get(reverse("admin:billing_account_change", args=[workspace.account.pk])).status_code == 200


def test_largest_allotments_and_grants_add_up(oscar: Client) -> None:
    Plan.objects.filter(is_default=True).update(monthly_credits=MOST_CREDITS)
    account = ledger.open_account(make_workspace(), plan=plans.default())
    for _ in range(3):
        moves.grant(account, MOST_CREDITS, expires_at=LAST_EXPIRY)
    account = ledger.refresh(account, now=account.created_at + timedelta(days=40))

    assert account.available == 4 * MOST_CREDITS


@pytest.mark.parametrize("name", PLAN_FIGURES)
def test_database_takes_no_plan_out_of_bounds(name: str) -> None:
    most = most_of(Plan, name)
    Plan.objects.filter(slug="pro").update(**{name: most})
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.filter(slug="pro").update(**{name: most + 1})


@pytest.mark.parametrize("day", ["9999-12-31", "2200-01-01", "0001-01-01", "99999-01-01"])
def test_grant_takes_no_day_out_of_bounds(oscar: Client, account: Account, day: str) -> None:
    fields = {
        "amount": 5,
        "reason": "r",
        "expires_on": day,
        "request_id": "5d9e3c3e-8f0c-4c59-9a1c-0d2f3a7b6c11",
    }
    answer = oscar.post(reverse("admin:billing_account_grant", args=[account.pk]), fields)

    assert answer.status_code == 200
    assert moves.figures(account) == (100, 0)


def test_command_takes_no_day_out_of_bounds(account: Account) -> None:
    with pytest.raises(CommandError, match="Choose a day before 2200"):
        call_command("grant_credits", account.workspace.slug, "5", "--reason", "r", "--expires", "9999-12-31")


def test_last_day_that_a_grant_takes_is_shown(oscar: Client, account: Account) -> None:
    fields = {
        "amount": 5,
        "reason": "r",
        "expires_on": "2199-12-31",
        "request_id": "5d9e3c3e-8f0c-4c59-9a1c-0d2f3a7b6c11",
    }
    assert oscar.post(reverse("admin:billing_account_grant", args=[account.pk]), fields).status_code == 302

    owner = account.workspace.created_by
    assert "2200" in oscar.get(reverse("admin:billing_bucket_changelist")).content.decode()
    assert "2200" in browser_of(owner).get(f"/w/{account.workspace.slug}/credits/").content.decode()


def test_database_takes_no_expiry_out_of_bounds(account: Account) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Bucket.objects.update(expires_at=LAST_EXPIRY + timedelta(seconds=1))
    Bucket.objects.update(expires_at=LAST_EXPIRY)


@pytest.mark.parametrize("amount", [2**63, 10**30, 0, -1])
def test_reversal_takes_no_amount_out_of_bounds(oscar: Client, account: Account, amount: int) -> None:
    charge = moves.charge(account, 5)
    answer = oscar.post(
        reverse("admin:billing_transfer_reverse", args=[charge.pk]), {"amount": amount, "reason": "r"}
    )

    assert (answer.status_code, moves.figures(account)) == (200, (95, 0))


@pytest.mark.parametrize("name", MODEL_FIGURES)
@pytest.mark.parametrize("figure", [10**11, 2**63, 10**30, -1])
def test_catalogue_takes_no_figure_out_of_bounds(oscar: Client, name: str, figure: int) -> None:
    model = ChatModel.objects.get(model_id="gpt-4o")
    page = oscar.post(
        reverse("admin:llm_chatmodel_change", args=[model.pk]), model_form(model, **{name: figure})
    )

    assert (page.status_code, name in page.context["adminform"].form.errors) == (200, True)


@pytest.mark.parametrize("day", ["9999-12-31", "1999-12-31", "0001-01-01", "2200-01-02"])
def test_catalogue_takes_no_date_out_of_bounds(oscar: Client, day: str) -> None:
    model = ChatModel.objects.get(model_id="gpt-4o")
    fields = model_form(model, retired_at_0=day, retired_at_1="23:59:59")
    page = oscar.post(reverse("admin:llm_chatmodel_change", args=[model.pk]), fields)

    assert (page.status_code, "retired_at" in page.context["adminform"].form.errors) == (200, True)


@pytest.mark.parametrize("name", MODEL_FIGURES)
def test_database_takes_no_chat_model_out_of_bounds(name: str) -> None:
    most = most_of(ChatModel, name)
    ChatModel.objects.filter(model_id="gpt-4o").update(**{name: most})
    with pytest.raises(IntegrityError), transaction.atomic():
        ChatModel.objects.filter(model_id="gpt-4o").update(**{name: most + 1})


@pytest.mark.parametrize("moment", [datetime(9999, 12, 31, tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC)])
def test_database_takes_no_chat_model_retired_out_of_time(moment: datetime) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ChatModel.objects.filter(model_id="gpt-4o").update(retired_at=moment)


@pytest.mark.parametrize("number", ["9" * 30, "-1", "1e9"])
@pytest.mark.parametrize(
    "path",
    [
        "/admin/billing/plan/{}/change/",
        "/admin/billing/account/{}/grant/",
        "/admin/billing/transfer/{}/reverse/",
        "/admin/billing/transfer/?p={}",
        "/admin/billing/transfer/?q={}",
        "/admin/billing/account/?plan__id__exact={}",
        "/admin/workspaces/user/{}/password/",
        "/admin/workspaces/user/?o={}",
        "/admin/r/{}/{}/",
    ],
)
def test_number_in_an_address_is_answered(oscar: Client, path: str, number: str) -> None:
    assert oscar.get(path.replace("{}", number)).status_code < 500


# --- Names and marks -------------------------------------------------------------------------------


def test_slug_of_a_plan_is_fixed_once_it_is_made(oscar: Client) -> None:
    plan = plans.default()
    fields = plan_form(plan, slug="gratis") | {"once_per_person": "on"}
    assert oscar.post(reverse("admin:billing_plan_change", args=[plan.pk]), fields).status_code == 302

    plan.refresh_from_db()
    assert plan.slug == "free"
    with pytest.raises(DatabaseError, match="the slug of a plan is never changed"), transaction.atomic():
        Plan.objects.filter(pk=plan.pk).update(slug="gratis")


def test_renamed_plan_stays_the_one_of_new_workspaces(oscar: Client) -> None:
    plan = plans.default()
    fields = plan_form(plan, name="Gratis") | {"once_per_person": "on"}
    oscar.post(reverse("admin:billing_plan_change", args=[plan.pk]), fields)
    browser = browser_of(make_user())

    assert browser.post("/workspaces/new/", {"name": "Acme"}).status_code == 302
    assert Account.objects.get().plan.name == "Gratis"


def test_mark_moves_to_another_plan(oscar: Client) -> None:
    hobby = Plan.objects.get(slug="hobby")
    fields = plan_form(hobby) | {"is_default": "on", "once_per_person": "on"}
    assert oscar.post(reverse("admin:billing_plan_change", args=[hobby.pk]), fields).status_code == 302

    assert list(Plan.objects.filter(is_default=True)) == [hobby]
    # What was given once per person still is.
    assert Plan.objects.get(slug="free").once_per_person


def test_mark_goes_to_no_plan_that_everybody_gets_again(oscar: Client) -> None:
    hobby = Plan.objects.get(slug="hobby")
    page = oscar.post(
        reverse("admin:billing_plan_change", args=[hobby.pk]), plan_form(hobby) | {"is_default": "on"}
    )

    assert "once_per_person" in page.context["adminform"].form.errors
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.filter(is_default=True).update(once_per_person=False)


def test_mark_is_not_taken_away_but_given_elsewhere(oscar: Client) -> None:
    plan = plans.default()
    fields = plan_form(plan) | {"once_per_person": "on"}
    oscar.post(reverse("admin:billing_plan_change", args=[plan.pk]), fields)

    assert plans.default() == plan


@pytest.mark.parametrize("in_bulk", [False, True])
def test_plan_of_new_workspaces_is_not_deleted(oscar: Client, in_bulk: bool) -> None:
    plan = plans.default()
    if in_bulk:
        chosen = {"action": "delete_selected", "_selected_action": [plan.pk], "post": "yes"}
        oscar.post(reverse("admin:billing_plan_changelist"), chosen)
    else:
        oscar.post(reverse("admin:billing_plan_delete", args=[plan.pk]), {"post": "yes"})

    assert plans.default() == plan


def test_database_knows_one_default() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.filter(slug="hobby").update(is_default=True, once_per_person=True)


def test_upgrade_marks_the_first_plan_where_free_was_renamed() -> None:
    from importlib import import_module

    from django.apps import apps
    from django.db import connection

    database_guards.remove(connection)
    Plan.objects.update(is_default=False)
    Plan.objects.filter(slug="free").update(slug="gratis", monthly_credits=MOST_CREDITS)
    import_module("billing.migrations.0007_marks_and_bounds").mark_default(apps, None)
    database_guards.install(connection)

    assert plans.default().slug == "gratis"


# --- An allotment that cannot be granted -----------------------------------------------------------


@pytest.fixture
def broken(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose next allotment is more than the ledger takes, which no form lets through."""
    monkeypatch.setattr(ledger, "MOST_CREDITS", 99)
    period = plans.period(account.created_at, timezone.now())
    Account.objects.filter(pk=account.pk).update(
        created_at=account.created_at - timedelta(days=45), next_event_at=period.start
    )
    return Account.objects.get(pk=account.pk)


def test_page_shows_the_balance_and_operators_are_told(
    broken: Account, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    logging.getLogger("billing").addHandler(caplog.handler)
    browser = browser_of(broken.workspace.created_by)
    try:
        pages = [browser.get(f"/w/{broken.workspace.slug}/{page}") for page in ("", "credits/")]
    finally:
        logging.getLogger("billing").removeHandler(caplog.handler)

    assert [page.status_code for page in pages] == [200, 200]
    remaining = '<span class="stat__label">Credits remaining</span><span class="stat__value">100</span>'
    assert remaining in re.sub(r">\s+<", "><", pages[0].content.decode())
    assert [record.getMessage() for record in caplog.records if record.name == "billing.ledger"] == [
        f"Account {broken.pk} could not be given its allotment: AmountRefused."
    ]


def test_failed_allotment_is_mailed(broken: Account, settings: Any) -> None:
    settings.ADMINS = [("Olive", "olive@bookbag.test")]
    ledger.refresh(broken)
    handlers = [one for one in logging.getLogger("billing").handlers if hasattr(one, "postman")]
    handlers[0].flush()

    assert [message.to for message in mail.outbox] == [["olive@bookbag.test"]]
    assert "could not be given its allotment" in mail.outbox[0].subject


def test_failed_allotment_is_tried_again_soon(broken: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account = ledger.refresh(broken)
    assert account.next_event_at is not None
    assert account.next_event_at - timezone.now() < timedelta(minutes=11)
    monkeypatch.setattr(ledger, "MOST_CREDITS", MOST_CREDITS)

    assert ledger.refresh(account, now=account.next_event_at).available == 200


def test_billing_cycle_names_the_account_and_does_the_others(neighbour: Account, broken: Account) -> None:
    Account.objects.update(next_event_at=None)
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match=r"1 account\(s\) were not"):
        call_command("run_billing_cycle", stdout=out, stderr=err)

    assert err.getvalue() == f"Account {broken.pk}: AmountRefused\n"
    assert out.getvalue() == "1 account(s) brought up to date.\n"
