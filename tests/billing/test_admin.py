"""The operators' pages: credits are granted and reversed with a reason, and nothing is rewritten."""

import re
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing import ledger
from billing.forms import end_of
from billing.models import Account, Bucket, Hold, Plan, Transfer
from tests.billing import moves
from tests.factories import add_member, make_user
from workspaces.models import AuditEvent, Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound_ledger")]

LEDGER = [Account, Transfer, Hold, Bucket]


def signed_in(**fields: object) -> Client:
    client = Client()
    client.force_login(make_user(**fields))  # type: ignore[arg-type]
    return client


@pytest.fixture
def operator() -> Client:
    return signed_in(email="oscar@bookbag.test", is_staff=True, is_superuser=True)


def granting(account: Account) -> str:
    return reverse("admin:billing_account_grant", args=[account.pk])


def reversing(transfer: Transfer) -> str:
    return reverse("admin:billing_transfer_reverse", args=[transfer.pk])


def grant_form(**fields: object) -> dict[str, object]:
    return {"amount": 500, "reason": "Sorry for the outage", "request_id": uuid4(), **fields}


def errors_of(client: Client, address: str, form: dict[str, object]) -> str:
    response = client.post(address, form)
    assert response.status_code == 200
    return " ".join(re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', response.content.decode(), re.DOTALL))


# --- Granting -----------------------------------------------------------------------------------


def test_operator_grants_credits_with_a_reason(
    operator: Client, account: Account, neighbour: Account
) -> None:
    response = operator.post(granting(account), grant_form())

    transfer = account.transfers.get(kind="grant_operator")
    assert response["Location"] == reverse("admin:billing_account_change", args=[account.pk])
    assert (transfer.amount, transfer.reason) == (500, "Sorry for the outage")
    assert transfer.actor is not None
    assert transfer.actor.email == "oscar@bookbag.test"
    assert transfer.bucket.expires_at is None
    assert moves.figures(account) == (600, 0)
    assert moves.figures(neighbour) == (2_000, 0)


def test_grant_may_end_with_a_day(operator: Client, account: Account) -> None:
    day = timezone.now().date().replace(year=2099)

    operator.post(granting(account), grant_form(expires_on=day.isoformat()))

    assert account.transfers.get(kind="grant_operator").bucket.expires_at == end_of(day)


def test_form_sent_twice_grants_and_tells_once(operator: Client, account: Account) -> None:
    form = grant_form()

    first, second = operator.post(granting(account), form), operator.post(granting(account), form)

    assert (first.status_code, second.status_code) == (302, 302)
    assert moves.figures(account) == (600, 0)
    assert AuditEvent.objects.filter(action="credits.granted").count() == 1


def test_form_sent_again_with_other_figures_is_refused(operator: Client, account: Account) -> None:
    form = grant_form()
    operator.post(granting(account), form)

    assert "sent before with other figures" in errors_of(operator, granting(account), {**form, "amount": 501})
    assert moves.figures(account) == (600, 0)


def test_each_opening_of_the_form_has_its_own_request_id(operator: Client, account: Account) -> None:
    ids = {
        re.search(r'name="request_id" value="([^"]+)"', operator.get(granting(account)).content.decode())[1]  # type: ignore[index]
        for _ in range(3)
    }

    assert len(ids) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": ""},
        {"amount": 0},
        {"amount": -5},
        {"amount": "1.5"},
        {"amount": ledger.MOST_CREDITS + 1},
        {"reason": ""},
        {"reason": "x" * 201},
        {"expires_on": "2020-01-01"},
        {"expires_on": "tomorrow"},
        {"request_id": "x"},
    ],
)
def test_incomplete_or_impossible_grant_is_refused(
    operator: Client, account: Account, fields: dict[str, object]
) -> None:
    response = operator.post(granting(account), grant_form(**fields))

    assert response.status_code == 200
    assert moves.figures(account) == (100, 0)


def test_grant_is_in_the_audit_log_and_in_the_history(operator: Client, account: Account) -> None:
    operator.post(granting(account), grant_form())

    event = AuditEvent.objects.get(action="credits.granted")
    assert (event.workspace, event.actor_email) == (account.workspace, "oscar@bookbag.test")
    assert (event.data["amount"], event.data["reason"]) == (500, "Sorry for the outage")
    assert LogEntry.objects.get().object_id == str(account.pk)


# --- Reversing ----------------------------------------------------------------------------------


def test_operator_reverses_a_charge(operator: Client, account: Account) -> None:
    charge = moves.charge(account, 5)

    response = operator.post(reversing(charge), {"amount": "", "reason": "Wrong answer"})

    assert response.status_code == 302
    assert moves.figures(account) == (100, 0)
    event = AuditEvent.objects.get(action="credits.reversed")
    assert (event.data["amount"], event.data["reverses"], event.data["reason"]) == (
        5,
        charge.pk,
        "Wrong answer",
    )


def test_reversal_sent_twice_reverses_once(operator: Client, account: Account) -> None:
    charge = moves.charge(account, 5)
    operator.post(reversing(charge), {"reason": "Wrong answer"})

    assert "has been reversed already" in errors_of(operator, reversing(charge), {"reason": "Wrong answer"})
    assert moves.figures(account) == (100, 0)
    assert AuditEvent.objects.filter(action="credits.reversed").count() == 1


def test_reversal_beyond_the_charge_is_refused(operator: Client, account: Account) -> None:
    charge = moves.charge(account, 5)

    assert "from 1 to 5" in errors_of(operator, reversing(charge), {"amount": 6, "reason": "More"})
    assert moves.figures(account) == (95, 0)


def test_spent_grant_is_not_taken_back(operator: Client, account: Account) -> None:
    grant = moves.grant(account, 50)
    moves.charge(account, 140)

    assert "Only 10 credits are available" in errors_of(
        operator, reversing(grant), {"amount": 50, "reason": "Fraud"}
    )
    assert moves.figures(account) == (10, 0)


def test_reversal_needs_a_reason(operator: Client, account: Account) -> None:
    charge = moves.charge(account, 5)

    assert "required" in errors_of(operator, reversing(charge), {"amount": 5})


def test_reversed_transfer_does_not_offer_it_again(operator: Client, account: Account) -> None:
    charge = moves.charge(account, 5)
    page = reverse("admin:billing_transfer_change", args=[charge.pk])
    assert reversing(charge) in operator.get(page).content.decode()

    operator.post(reversing(charge), {"reason": "Wrong answer"})

    assert reversing(charge) not in operator.get(page).content.decode()


# --- Plans --------------------------------------------------------------------------------------


def test_operator_changes_a_plan_with_a_reason(operator: Client, account: Account) -> None:
    pro = Plan.objects.get(slug="pro")
    address = reverse("admin:billing_account_plan", args=[account.pk])

    operator.post(address, {"plan": pro.pk, "reason": "Contract of 1 March"})

    account.refresh_from_db()
    assert account.plan == pro
    event = AuditEvent.objects.get(action="plan.changed")
    assert event.data == {"before": "free", "after": "pro", "reason": "Contract of 1 March"}
    page = operator.get(reverse("admin:billing_account_change", args=[account.pk])).content.decode()
    assert f"100 in this period, 40,000 from {account.next_event_at:%-d %B %Y} on" in page


def test_plan_that_stays_leaves_no_event(operator: Client, account: Account) -> None:
    address = reverse("admin:billing_account_plan", args=[account.pk])

    operator.post(address, {"plan": account.plan_id, "reason": "None"})

    assert not AuditEvent.objects.filter(action="plan.changed").exists()


def test_operator_edits_what_a_plan_grants(operator: Client) -> None:
    hobby = Plan.objects.get(slug="hobby")
    form = {"slug": "hobby", "name": "Hobby", "monthly_credits": 2_500, "agent_limit": 2, "seat_limit": 1}

    response = operator.post(
        reverse("admin:billing_plan_change", args=[hobby.pk]), {**form, "source_limit": 50, "position": 2}
    )

    assert response.status_code == 302
    hobby.refresh_from_db()
    assert hobby.monthly_credits == 2_500
    event = AuditEvent.objects.get(action="plan.edited")
    assert event.data == {"plan": "Hobby", "changes": {"monthly_credits": [2_000, 2_500]}}


def test_plan_in_use_is_not_deleted(operator: Client, account: Account) -> None:
    operator.post(reverse("admin:billing_plan_delete", args=[account.plan_id]), {"post": "yes"})

    assert Plan.objects.filter(pk=account.plan_id).exists()


# --- What cannot be done ------------------------------------------------------------------------


@pytest.mark.parametrize("model", LEDGER)
def test_ledger_pages_are_read(operator: Client, account: Account, model: type) -> None:
    moves.charge(account, 5)
    row = model.objects.first()  # type: ignore[attr-defined]

    assert operator.get(reverse(f"admin:billing_{model.__name__.lower()}_changelist")).status_code == 200
    page = operator.get(reverse(f"admin:billing_{model.__name__.lower()}_change", args=[row.pk]))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()


@pytest.mark.parametrize("model", LEDGER)
def test_ledger_is_neither_added_to_nor_changed_nor_deleted(
    operator: Client, account: Account, model: type
) -> None:
    moves.charge(account, 5)
    row = model.objects.first()  # type: ignore[attr-defined]
    name = model.__name__.lower()
    fields = {field.attname: getattr(row, field.attname) or "" for field in row._meta.concrete_fields}

    answers = [
        operator.post(reverse(f"admin:billing_{name}_add"), fields),
        operator.post(reverse(f"admin:billing_{name}_change", args=[row.pk]), {**fields, "amount": 1}),
        operator.post(reverse(f"admin:billing_{name}_delete", args=[row.pk]), {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert moves.figures(account) == (95, 0)


@pytest.mark.parametrize("model", LEDGER)
def test_ledger_has_no_bulk_actions(operator: Client, account: Account, model: type) -> None:
    moves.charge(account, 5)
    address = reverse(f"admin:billing_{model.__name__.lower()}_changelist")
    pks = [str(pk) for pk in model.objects.values_list("pk", flat=True)]  # type: ignore[attr-defined]

    assert 'name="action"' not in operator.get(address).content.decode()
    operator.post(address, {"action": "delete_selected", "_selected_action": pks, "post": "yes"})

    assert model.objects.count() == len(pks)  # type: ignore[attr-defined]


def test_every_ledger_model_is_registered() -> None:
    ours = {model for model in admin.site._registry if model._meta.app_label == "billing"}

    assert ours == {Plan, *LEDGER}


def test_operator_without_the_right_may_look_and_not_grant(account: Account) -> None:
    looker = make_user(is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__in=["view_account", "view_transfer"]))
    client = Client()
    client.force_login(looker)
    charge = moves.charge(account, 5)

    page = client.get(reverse("admin:billing_account_change", args=[account.pk]))
    assert page.status_code == 200
    assert granting(account) not in page.content.decode()
    assert client.get(granting(account)).status_code == 403
    assert client.post(granting(account), grant_form()).status_code == 403
    assert client.post(reversing(charge), {"reason": "r"}).status_code == 403
    assert moves.figures(account) == (95, 0)


def test_owner_of_a_workspace_is_no_operator(account: Account) -> None:
    owner = add_member(account.workspace, Role.OWNER).user
    client = Client()
    client.force_login(owner)

    assert client.post(granting(account), grant_form()).status_code == 404
    assert moves.figures(account) == (100, 0)


# --- Finding ------------------------------------------------------------------------------------


def test_charge_is_found_by_its_replys_id(operator: Client, account: Account) -> None:
    charge, other = moves.charge(account, 5, "the one"), moves.charge(account, 6, "the other")

    page = operator.get(
        reverse("admin:billing_transfer_changelist"), {"q": str(charge.reply_id)}
    ).content.decode()

    assert "the one" in page
    assert "the other" not in page
    assert other.reason == "the other"


def test_reply_without_a_charge_finds_nothing(operator: Client, account: Account) -> None:
    moves.charge(account, 5, "the one")

    page = operator.get(reverse("admin:billing_transfer_changelist"), {"q": str(uuid4())}).content.decode()

    assert "the one" not in page


def test_transfers_are_found_by_workspace(operator: Client, account: Account, neighbour: Account) -> None:
    moves.charge(account, 5, "ours")
    moves.charge(neighbour, 5, "theirs")

    page = operator.get(
        reverse("admin:billing_transfer_changelist"), {"q": account.workspace.slug}
    ).content.decode()

    assert "ours" in page
    assert "theirs" not in page


def test_line_of_a_deleted_operator_is_still_shown(operator: Client, account: Account) -> None:
    leaver = make_user(is_staff=True)
    transfer = ledger.grant(
        account, amount=5, kind="grant_operator", external_id="x", reason="by a leaver", actor=leaver
    )
    leaver.delete()

    page = operator.get(reverse("admin:billing_transfer_changelist")).content.decode()
    detail = operator.get(reverse("admin:billing_transfer_change", args=[transfer.pk]))

    assert "by a leaver" in page
    assert detail.status_code == 200
