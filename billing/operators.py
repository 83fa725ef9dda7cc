"""Operators' acts on an account, from the admin and the command line, each with a reason.

Each calls the ledger and writes its audit event in one transaction.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest

from billing import ledger
from billing.errors import PlanChangedMeanwhile
from billing.models import Account, Plan, Transfer
from workspaces import audit
from workspaces.models import User


@transaction.atomic
def grant_credits(
    account: Account,
    *,
    amount: int,
    reason: str,
    request_id: UUID,
    actor: User | None,
    expires_at: datetime | None = None,
    request: HttpRequest | None = None,
) -> Transfer:
    """Give credits. Repeating a `request_id` (a form sent twice) grants and audits once.

    Raises AmountRefused, or ExternalIdTaken when the same id was used with other content.
    """
    ledger.lock(account)
    external_id = f"operator:{request_id}"
    is_new = not Transfer.objects.filter(external_id=external_id).exists()
    transfer = ledger.grant(
        account,
        amount=amount,
        kind=Transfer.Kind.GRANT_OPERATOR,
        external_id=external_id,
        reason=reason,
        actor=actor,
        expires_at=expires_at,
    )
    if is_new:
        audit.record(
            account.workspace,
            "credits.granted",
            actor=actor,
            request=request,
            amount=amount,
            reason=reason,
            expires_at=expires_at.isoformat() if expires_at else None,
            transfer=transfer.pk,
        )
    return transfer


@transaction.atomic
def reverse_transfer(
    transfer: Transfer,
    *,
    reason: str,
    actor: User | None,
    amount: int | None = None,
    request: HttpRequest | None = None,
) -> Transfer:
    """Undo a transfer once. Raises what `ledger.reverse` raises."""
    reversal = ledger.reverse(transfer, actor=actor, reason=reason, amount=amount)
    audit.record(
        transfer.account.workspace,
        "credits.reversed",
        actor=actor,
        request=request,
        amount=reversal.amount,
        reason=reason,
        reverses=transfer.pk,
        transfer=reversal.pk,
    )
    return reversal


@transaction.atomic
def change_plan(
    account: Account,
    *,
    plan: Plan,
    reason: str,
    actor: User | None,
    opened_on: Plan | None = None,
    request: HttpRequest | None = None,
) -> Account:
    """Move an account to another plan: its limits at once, its allotment from the next period on.

    `opened_on`: the plan that the operator saw; raises PlanChangedMeanwhile unless the account is still on it.
    """
    account = ledger.lock(account)
    before = account.plan
    if opened_on is not None and opened_on != before:
        raise PlanChangedMeanwhile(plan=before.name)
    if before != plan:
        account = ledger.change_plan(account, plan=plan)
        audit.record(
            account.workspace,
            "plan.changed",
            actor=actor,
            request=request,
            before=before.slug,
            after=plan.slug,
            reason=reason,
        )
    return account
