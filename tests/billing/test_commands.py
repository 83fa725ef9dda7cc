"""`grant_credits` and `run_billing_cycle`, as an operator types them."""

from datetime import date, timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.forms import end_of
from billing.models import Account
from tests.billing import moves
from workspaces.models import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound_ledger")]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def test_grant_says_what_remains(account: Account) -> None:
    slug = account.workspace.slug

    assert run("grant_credits", slug, "500", "--reason", "A gift") == (
        f"500 credits granted; 600 remain in {slug}."
    )

    transfer = account.transfers.get(kind="grant_operator")
    assert (transfer.amount, transfer.reason, transfer.actor) == (500, "A gift", None)
    assert AuditEvent.objects.get(action="credits.granted").data["reason"] == "A gift"


def test_grant_may_end_with_a_day(account: Account) -> None:
    run("grant_credits", account.workspace.slug, "5", "--reason", "r", "--expires", "2099-12-31")

    assert account.transfers.get(kind="grant_operator").bucket.expires_at == end_of(date(2099, 12, 31))


def test_same_request_id_grants_once(account: Account) -> None:
    arguments = ["grant_credits", account.workspace.slug, "5", "--reason", "r", "--request-id", str(uuid4())]

    run(*arguments)
    run(*arguments)

    assert moves.figures(account) == (105, 0)
    with pytest.raises(CommandError, match="names another transfer"):
        run(*arguments[:2], "6", *arguments[3:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere", "5", "--reason", "r"],
        ["SLUG", "0", "--reason", "r"],
        ["SLUG", "-5", "--reason", "r"],
        ["SLUG", "many", "--reason", "r"],
        ["SLUG", "5"],
        ["SLUG", "5", "--reason", " "],
        ["SLUG", "5", "--reason", "r", "--expires", "2020-01-01"],
        ["SLUG", "5", "--reason", "r", "--expires", "soon"],
    ],
)
def test_impossible_grant_is_refused(account: Account, arguments: list[str]) -> None:
    given = [argument.replace("SLUG", account.workspace.slug) for argument in arguments]

    with pytest.raises(CommandError):
        run("grant_credits", *given)

    assert moves.figures(account) == (100, 0)


def test_cycle_looks_at_what_is_due_alone(account: Account, neighbour: Account) -> None:
    moves.grant(account, 50, expires_at=timezone.now() - timedelta(seconds=1))

    assert run("run_billing_cycle") == "1 account(s) brought up to date."
    assert run("run_billing_cycle") == "0 account(s) brought up to date."

    assert moves.figures(account) == (100, 0)
    assert moves.figures(neighbour) == (2_000, 0)
