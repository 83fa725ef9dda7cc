"""Sweeping ends replies that lost their lease, whichever process freed the hold, and leaves the others alone."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from agents.models import Conversation, Reply
from agents.running import accepting, outcomes, settlement, sweeper
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Submission
from billing import ledger
from billing.models import Hold
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import platform_key
from tests.harness.visitor import session_cookie

pytestmark = [pytest.mark.django_db, pytest.mark.money]


def accept(cast: Cast, model_id: str = "gpt-4o") -> AcceptedReply:
    agent = make_agent(cast.acme, model_id)
    accepted = accepting.accept(
        Submission(session_cookie(cast.edith), "acme", agent.pk, "Hello", uuid4().hex)
    )
    assert isinstance(accepted, AcceptedReply)
    return accepted


def lose_lease(reply_id: UUID) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Reply.objects.filter(pk=reply_id).update(renewed_at=long_ago)
    Hold.objects.filter(reply_id=reply_id).update(renewed_at=long_ago)


def state_of(accepted: AcceptedReply) -> tuple[str, str, int]:
    return Reply.objects.values_list("state", "error_code", "charged").get(pk=accepted.reply_id)


def test_a_lapsed_reply_ends_uncharged_and_its_hold_is_free(cast: Cast) -> None:
    platform_key()
    accepted = accept(cast)
    assert ledger.balance(cast.acme).held == 5
    lose_lease(accepted.reply_id)

    assert sweeper.sweep() == 1

    assert state_of(accepted) == ("failed", "interrupted", 0)
    assert ledger.balance(cast.acme) == ledger.Balance(posted=100, held=0)


def test_a_hold_freed_before_a_refusal_still_ends_its_reply(cast: Cast) -> None:
    platform_key()
    accepted = accept(cast)
    lose_lease(accepted.reply_id)
    ledger.refresh(cast.acme.account)  # what happens before a refusal for want of credits

    assert sweeper.sweep() == 1
    assert state_of(accepted) == ("failed", "interrupted", 0)


def test_a_lapsed_local_reply_ends_too(cast: Cast) -> None:
    accepted = accept(cast, "")
    lose_lease(accepted.reply_id)

    assert sweeper.sweep() == 1
    assert state_of(accepted) == ("failed", "interrupted", 0)


@pytest.mark.parametrize("model_id", ["gpt-4o", ""], ids=["on credits", "without a hold"])
def test_a_reply_within_its_lease_is_left_alone(cast: Cast, model_id: str) -> None:
    platform_key()
    accepted = accept(cast, model_id)

    assert sweeper.sweep() == 0
    assert state_of(accepted) == ("reserved", "", 0)


def test_a_late_settle_stores_the_text_free_of_charge(cast: Cast) -> None:
    platform_key()
    accepted = accept(cast)
    lose_lease(accepted.reply_id)
    sweeper.sweep()

    outcome = outcomes.decide(outcomes.Cause.FINISHED, has_text=True)
    charged = settlement.settle(
        accepted, Result(outcome, "Late but whole.", attempts=1, first_text_at=timezone.now())
    )

    assert charged == 0
    assert state_of(accepted) == ("completed", "", 0)
    assert Reply.objects.get(pk=accepted.reply_id).text == "Late but whole."
    assert ledger.balance(cast.acme) == ledger.Balance(posted=100, held=0)
    assert Conversation.objects.count() == 1


def test_settling_twice_charges_once_and_says_so_both_times(cast: Cast) -> None:
    """A connection may break after the commit and before its answer: the run then settles again."""
    platform_key()
    accepted = accept(cast)
    result = Result(
        outcomes.decide(outcomes.Cause.FINISHED, has_text=True),
        "Whole.",
        attempts=1,
        first_text_at=timezone.now(),
    )

    assert [settlement.settle(accepted, result) for _ in range(2)] == [5, 5]

    assert state_of(accepted) == ("completed", "", 5)
    assert ledger.balance(cast.acme) == ledger.Balance(posted=95, held=0)


def test_one_of_many_processes_sweeps_in_each_round(cast: Cast) -> None:
    platform_key()
    lose_lease(accept(cast).reply_id)
    sweeper.sweep_if_my_turn()
    second = accept(cast)
    lose_lease(second.reply_id)

    sweeper.sweep_if_my_turn()

    assert state_of(second) == ("reserved", "", 0)
    sweeper.sweep()
