"""A message is accepted on the credits available at that moment by the clock, not on those last computed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.errors import NotRunnable
from agents.models import Reply
from billing import ledger
from billing.models import Transfer
from tests.agents.test_sweeper import accept
from tests.harness.cast import Cast
from tests.harness.chat import platform_key

pytestmark = [pytest.mark.django_db, pytest.mark.money]


def leave_only(cast: Cast, credits: int, *, expire_in: timedelta) -> None:
    """Take the month's credits back and grant `credits` in their place."""
    account = cast.acme.account
    ledger.reverse(account.transfers.get(kind="grant_plan"), actor=cast.oscar, reason="a test")
    ledger.grant(
        account,
        amount=credits,
        kind=Transfer.Kind.GRANT_OPERATOR,
        external_id="short-lived",
        reason="a test",
        actor=cast.oscar,
        expires_at=timezone.now() + expire_in,
    )


def test_credits_are_spent_until_they_expire(cast: Cast) -> None:
    platform_key()
    leave_only(cast, 5, expire_in=timedelta(minutes=5))

    accept(cast)

    assert ledger.balance(cast.acme) == ledger.Balance(posted=5, held=5)


def test_expired_credits_are_not_spent_though_nobody_has_taken_them_out_yet(cast: Cast) -> None:
    platform_key()
    leave_only(cast, 5, expire_in=timedelta(seconds=-1))
    assert ledger.balance(cast.acme).available == 5

    with pytest.raises(NotRunnable) as refused:
        accept(cast)

    assert refused.value.code == "credits_exhausted"
    assert not Reply.objects.exists()
    assert ledger.balance(cast.acme) == ledger.Balance(posted=0, held=0)
