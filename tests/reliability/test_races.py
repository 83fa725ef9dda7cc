"""Two calls at the same moment: sweep and late settle, two sweeps, two settles. Exactly one of them wins.

Threads on the functions themselves, each with a connection of its own, so that a thousand races take minutes.
"""

import random
from collections import Counter
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.utils import timezone

from agents.models import Agent, Reply
from agents.running import accepting, heartbeat, outcomes, settlement, sweeper
from agents.running.heartbeat import Beat
from agents.running.outcomes import Cause
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Submission
from billing import ledger
from billing.models import Hold, Transfer
from tests.agents.scenes import give_plenty
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import platform_key
from tests.harness.figures import Figure
from tests.harness.money import broken_laws
from tests.harness.threads import at_once
from tests.harness.visitor import session_cookie

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

PRICE = 5


def accept(session: str, agent: Agent, key: str = "") -> AcceptedReply:
    accepted = accepting.accept(
        Submission(session, agent.workspace.slug, agent.pk, "Hello", key or uuid4().hex)
    )
    assert isinstance(accepted, AcceptedReply)
    return accepted


def finished(text: str = "Late but whole.") -> Result:
    outcome = outcomes.decide(Cause.FINISHED, has_text=True)
    return Result(outcome, text, attempts=1, first_text_at=timezone.now())


def lose_lease(accepted: AcceptedReply) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Reply.objects.filter(pk=accepted.reply_id).update(renewed_at=long_ago)
    Hold.objects.filter(reply_id=accepted.reply_id).update(renewed_at=long_ago)


# --- The sweep and a late settle -------------------------------------------------------------------


def race_for_a_hold(session: str, agent: Agent, chance: random.Random) -> str:
    """A late settle, a heartbeat, two sweeps and a refresh reach for one lapsed hold; returns how it was resolved."""
    accepted = accept(session, agent)
    lose_lease(accepted)
    account = agent.workspace.account

    ended = at_once(
        lambda: settlement.settle(accepted, finished()),
        sweeper.sweep,
        sweeper.sweep,
        lambda: ledger.refresh(account),
        lambda: heartbeat.store([Beat(accepted, "Late", 1, renews=True)]),
        chance=chance,
    )

    assert [error for error in ended if isinstance(error, Exception)] == []
    hold, reply = Hold.objects.get(reply_id=accepted.reply_id), Reply.objects.get(pk=accepted.reply_id)
    charges = Transfer.objects.filter(reply_id=reply.pk).count()
    assert (reply.state, reply.text) == ("completed", "Late but whole.")
    assert (hold.state, reply.charged, charges, ended[0]) in (
        ("captured", PRICE, 1, PRICE),
        ("expired", 0, 0, 0),
    )
    return hold.state


def run_races(cast: Cast, chance: random.Random, count: int) -> Counter[str]:
    platform_key()
    give_plenty(cast)
    agent, session = make_agent(cast.acme, "gpt-4o"), session_cookie(cast.edith)
    won = Counter(race_for_a_hold(session, agent, chance) for _ in range(count))
    balance = ledger.balance(cast.acme)
    assert (balance.posted, balance.held) == (100_100 - PRICE * won["captured"], 0)
    return won


def test_late_settle_and_sweep_resolve_a_hold_once(cast: Cast, chance: random.Random, figure: Figure) -> None:
    won = run_races(cast, chance, 50)

    figure("50 races of a late settle against sweeps, by who won", dict(won))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_late_settle_and_sweep_resolve_each_of_a_thousand_holds_once(
    cast: Cast, chance: random.Random, figure: Figure
) -> None:
    won = run_races(cast, chance, 1000)

    assert set(won) == {"captured", "expired"}
    figure("1,000 races of a late settle against sweeps, by who won", dict(won))


def test_two_sweeps_end_each_reply_once(cast: Cast, chance: random.Random) -> None:
    platform_key()
    agent, session = make_agent(cast.acme, "gpt-4o"), session_cookie(cast.edith)
    for _ in range(10):
        lapsed = [accept(session, agent) for _ in range(4)]
        for accepted in lapsed:
            lose_lease(accepted)

        ended = at_once(*[sweeper.sweep] * 4, chance=chance)

        assert sum(ended) == len(lapsed)
        assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


def test_settle_twice_at_once_charges_once(cast: Cast, chance: random.Random) -> None:
    platform_key()
    agent, session = make_agent(cast.acme, "gpt-4o"), session_cookie(cast.edith)
    for spent in range(1, 11):
        accepted = accept(session, agent)

        charged = at_once(*[partial(settlement.settle, accepted, finished())] * 3, chance=chance)

        assert charged == [PRICE] * 3
        assert ledger.balance(cast.acme) == ledger.Balance(100 - PRICE * spent, 0)


def test_grants_reversals_and_expiries_among_charges_add_up(cast: Cast, chance: random.Random) -> None:
    platform_key()
    agent, session = make_agent(cast.acme, "gpt-4o"), session_cookie(cast.edith)
    account, expected = cast.acme.account, 100
    for number in range(15):
        running = [accept(session, agent), accept(session, agent)]
        soon = timezone.now() + timedelta(days=chance.randint(1, 40))

        ended = at_once(
            partial(settlement.settle, running[0], finished()),
            partial(settlement.settle, running[1], finished()),
            partial(
                ledger.grant,
                account,
                amount=20,
                kind="purchase",
                external_id=f"g{number}",
                reason="r",
                actor=None,
                expires_at=soon,
            ),
            lambda: ledger.refresh(account),
            chance=chance,
        )

        assert [error for error in ended if isinstance(error, Exception)] == []
        expected += 20 - 2 * PRICE
        assert ledger.balance(cast.acme) == ledger.Balance(expected, 0)
        assert broken_laws() == []
