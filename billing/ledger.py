"""One of the ledger's two interfaces: every act that moves credits, each in one short transaction.

The other is billing/holds.py, for running replies, whose statements join the transaction that stores the reply. An
account's lock is the lock on its row. Grants, expiries and reversals take it, and take the draw out of the buckets
before they change them; holds and captures lock it only by updating it. Every function may run inside an outer
transaction.

`now` is for tests that cover months; without it the clock decides.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from billing import buckets, free, holds, plans
from billing.errors import AmountRefused, BillingError, CreditsExhausted, ExternalIdTaken, NotReversible
from billing.models import MOST_CREDITS, Account, Bucket, Plan, Transfer
from workspaces.models import User, Workspace

logger = logging.getLogger(__name__)

# How long to wait before an allotment that could not be granted is tried again.
RETRY_ALLOTMENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Balance:
    """An account's figures in credits at one moment."""

    posted: int
    held: int

    @property
    def available(self) -> int:
        return self.posted - self.held


def lock(account: Account) -> Account:
    """The account, freshly read and locked until the transaction ends.

    SQLite needs no lock: it has one writer at a time.
    """
    return (
        Account.objects.select_for_update(of=("self",), no_key=True).select_related("plan").get(pk=account.pk)
    )


def balance(workspace: Workspace) -> Balance:
    """The workspace's balance. Raises Account.DoesNotExist when no account was opened."""
    posted, held = Account.objects.values_list("posted", "held").get(workspace=workspace)
    return Balance(posted, held)


def balance_now(workspace_id: int) -> Balance:
    """Like `balance`, in raw SQL for the path of a reply, since Django takes longer to build the query than to run it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT posted, held FROM billing_account WHERE workspace_id = %s", [workspace_id])
        row = cursor.fetchone()
    if row is None:
        raise Account.DoesNotExist
    return Balance(*row)


def open_account(workspace: Workspace, *, plan: Plan, now: datetime | None = None) -> Account:
    """The workspace's account, with the plan's first allotment in it."""
    now = now or timezone.now()
    with transaction.atomic():
        account = Account.objects.create(workspace=workspace, plan=plan, created_at=now)
        return refresh(account, now=now)


def grant(
    account: Account,
    *,
    amount: int,
    kind: str,
    external_id: str,
    reason: str,
    actor: User | None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> Transfer:
    """Put credits into the account. The same `external_id` again returns the first transfer.

    Raises AmountRefused, or ExternalIdTaken when that id was used with other content.
    """
    _require_amount(amount, at_most=MOST_CREDITS)
    if kind not in Transfer.INWARD:
        raise ValueError(f"{kind} is no kind of grant")
    with transaction.atomic():
        account = lock(account)
        earlier = Transfer.objects.select_related("bucket").filter(external_id=external_id).first()
        if earlier is not None:
            asked = (account.pk, kind, amount, reason, actor.pk if actor else None, expires_at)
            return _the_same(earlier, asked)
        now = now or timezone.now()
        buckets.apply_draw(account)
        transfer = _insert(
            account,
            kind=kind,
            amount=amount,
            external_id=external_id,
            reason=reason,
            actor=actor,
            created_at=now,
        )
        Bucket.objects.create(account=account, transfer=transfer, remaining=amount, expires_at=expires_at)
        _plan_next_event(account, now)
    return transfer


def reverse(
    transfer: Transfer,
    *,
    actor: User | None,
    reason: str,
    amount: int | None = None,
    now: datetime | None = None,
) -> Transfer:
    """Undo a transfer by another one, once, in whole or by `amount` credits.

    A charge or an expiry is given back as credits that do not expire. Of a grant at most what is
    available is taken back. Raises NotReversible, AmountRefused or CreditsExhausted.
    """
    with transaction.atomic():
        account = lock(transfer.account)
        if transfer.kind == Transfer.Kind.REVERSAL:
            raise NotReversible(transfer.pk)
        if Transfer.objects.filter(reverses=transfer).exists():
            raise NotReversible(transfer.pk, reversed_already=True)
        if amount is not None:
            _require_amount(amount, at_most=abs(transfer.amount))
        back = _give_back if transfer.amount < 0 else _take_back
        return back(account, transfer, amount, actor=actor, reason=reason, now=now or timezone.now())


def given_back(workspace_id: int, reply_ids: Iterable[UUID]) -> dict[UUID, int]:
    """The credits that reversals gave back for these replies of a workspace; replies without a reversal are left out."""
    found = _reversals_of_charges(workspace_id).filter(reply_id__in=list(reply_ids))
    return {reply_id: amount for reply_id, amount in found.values_list("reply_id", "amount") if reply_id}


def given_back_whole(workspace_id: int) -> QuerySet[Any]:
    """The ids of all replies of a workspace whose whole charge was given back, for use inside another query."""
    whole = _reversals_of_charges(workspace_id).filter(amount=-F("reverses__amount"))
    return whole.values_list("reply_id", flat=True)


def _reversals_of_charges(workspace_id: int) -> QuerySet[Transfer]:
    """The reversals, found by account and kind: operators make them one by one, so an account has few."""
    reversals = Transfer.objects.filter(account__workspace=workspace_id, kind=Transfer.Kind.REVERSAL)
    return reversals.filter(reply_id__isnull=False)


def change_plan(account: Account, *, plan: Plan, now: datetime | None = None) -> Account:
    """Move the account to `plan`: its limits at once, its allotment from the next period on.

    If the old plan's allotment for the running period is not granted yet, it is granted first.
    """
    now = now or timezone.now()
    with transaction.atomic():
        account = refresh(account, now=now)
        account.plan, account.allots_from = plan, plans.period(account.created_at, now).end
        account.save(update_fields=["plan", "allots_from"])
    return account


def refresh(account: Account, *, now: datetime | None = None) -> Account:
    """Bring the account up to date and return it: lapsed holds, expired credits, the month's allotment.

    Run when `next_event_at` has come, and before a reply is refused for lack of credits. Safe to repeat. An
    allotment that cannot be granted is logged as an error, which is mailed to ADMINS; the account is returned all
    the same.
    """
    account, failure = bring_up_to_date(account, now=now)
    if failure is not None:
        logger.error("Account %s could not be given its allotment: %s.", account.pk, type(failure).__name__)
    return account


def bring_up_to_date(
    account: Account, *, now: datetime | None = None
) -> tuple[Account, BillingError | DatabaseError | None]:
    """Like `refresh`, without the log line: the account, and why its allotment could not be granted, if so."""
    with transaction.atomic():
        holds.expire_due(account.pk)
        account = lock(account)
        now = now or timezone.now()
        buckets.expire(account, now)
        failure = _try_to_allot(account, now)
        _plan_next_event(account, now, retry_overdue=settings.LEASE_SECONDS)
        if failure is not None:
            Account.objects.filter(pk=account.pk).update(next_event_at=now + RETRY_ALLOTMENT)
        account.refresh_from_db(fields=["posted", "held", "next_event_at"])
    return account, failure


def refresh_if_due(account: Account) -> Account:
    """`account`, brought up to date if anything has fallen due since it was read."""
    due = account.next_event_at is None or account.next_event_at <= timezone.now()
    return refresh(account) if due else account


def refresh_with_free_allotment(account: Account) -> Account:
    """Like `refresh_if_due`, and also when a free allotment is due.

    One is due after its person has confirmed an address, if granting it right after that has failed.
    """
    account = refresh_if_due(account)
    due = free.standing(account) == free.Standing.DUE and plans.allots(account, timezone.now())
    return refresh(account) if due else account


def _require_amount(amount: int, *, at_most: int) -> None:
    if type(amount) is not int or not 1 <= amount <= at_most:
        raise AmountRefused(amount, at_most=at_most)


def _insert(account: Account, **fields: object) -> Transfer:
    try:
        with transaction.atomic():
            return Transfer.objects.create(account=account, **fields)
    except IntegrityError:
        # Another account used the id between our query and our insert; our lock is on our account only.
        if Transfer.objects.filter(external_id=fields["external_id"]).exists():
            raise ExternalIdTaken(str(fields["external_id"])) from None
        raise


def _the_same(earlier: Transfer, asked: tuple[object, ...]) -> Transfer:
    bucket = getattr(earlier, "bucket", None)
    stored = (
        earlier.account_id,
        earlier.kind,
        earlier.amount,
        earlier.reason,
        earlier.actor_id,
        bucket and bucket.expires_at,
    )
    if stored != asked:
        raise ExternalIdTaken(earlier.external_id)
    return earlier


def _give_back(
    account: Account,
    transfer: Transfer,
    amount: int | None,
    *,
    actor: User | None,
    reason: str,
    now: datetime,
) -> Transfer:
    amount = amount or -transfer.amount
    buckets.apply_draw(account)
    reversal = _insert_reversal(account, transfer, amount, actor=actor, reason=reason, now=now)
    Bucket.objects.create(account=account, transfer=reversal, remaining=amount, expires_at=None)
    return reversal


def _take_back(
    account: Account,
    transfer: Transfer,
    amount: int | None,
    *,
    actor: User | None,
    reason: str,
    now: datetime,
) -> Transfer:
    if amount is None:
        amount = min(transfer.amount, account.available)
        if amount == 0:
            raise NotReversible(transfer.pk)
    if amount > account.available:
        raise CreditsExhausted(needed=amount, available=account.available)
    left = buckets.apply_draw(account)
    # Take from the grant's own bucket first, then from the others in the order of spending.
    own_first = sorted(left, key=lambda bucket: bucket.transfer_id != transfer.pk)
    Bucket.objects.bulk_update(buckets.take(own_first, amount), ["remaining"])
    return _insert_reversal(account, transfer, -amount, actor=actor, reason=reason, now=now)


def _insert_reversal(
    account: Account, transfer: Transfer, amount: int, *, actor: User | None, reason: str, now: datetime
) -> Transfer:
    return _insert(
        account,
        kind=Transfer.Kind.REVERSAL,
        amount=amount,
        external_id=f"reversal:{transfer.pk}",
        reason=reason,
        actor=actor,
        reply_id=transfer.reply_id,
        reverses=transfer,
        created_at=now,
    )


def _try_to_allot(account: Account, now: datetime) -> BillingError | DatabaseError | None:
    """Run `_allot`. If it fails, roll back its changes, and only those, and return the error."""
    try:
        with transaction.atomic():
            _allot(account, now)
    except (BillingError, DatabaseError) as failure:
        return failure
    return None


def _allot(account: Account, now: datetime) -> None:
    """Grant the allotment of the period that `now` is in, unless it was granted already. Missed periods get none.

    An allotment given once per person goes only to the account that the person's free allotment belongs to.
    """
    period = plans.period(account.created_at, now)
    external_id = plans.allotment_id(account, period)
    credits = account.plan.monthly_credits if plans.allots(account, now) else 0
    if not credits or Transfer.objects.filter(external_id=external_id).exists():
        return
    if not account.plan.once_per_person or free.claim(account):
        grant(
            account,
            amount=credits,
            kind=Transfer.Kind.GRANT_PLAN,
            external_id=external_id,
            reason=f"{account.plan.name} plan, {period.start:%-d %B} to {period.end:%-d %B %Y}",
            actor=None,
            expires_at=period.end,
            now=now,
        )


def _plan_next_event(account: Account, now: datetime, *, retry_overdue: float = 0) -> None:
    """Set `next_event_at`: to the period's end or the soonest expiry.

    An expired bucket that is not empty is kept for an open hold: look again in `retry_overdue` seconds.
    """
    moments = [plans.period(account.created_at, now).end]
    for bucket in buckets.in_order(account):
        if bucket.expires_at is not None:
            overdue = bucket.expires_at <= now
            moments.append(now + timedelta(seconds=retry_overdue) if overdue else bucket.expires_at)
    Account.objects.filter(pk=account.pk).update(next_event_at=min(moments))
