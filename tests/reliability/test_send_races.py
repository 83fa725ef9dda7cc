"""Sends at the same moment as other sends, or as a change of switch or key: the result is always consistent."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from agents.errors import NotRunnable
from agents.running import accepting, outcomes, settlement
from agents.running.outcomes import Cause
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Existing, Submission
from billing import ledger
from llm import byo, keys
from llm.models import ProviderKey
from llm.vault import Secret
from tests.agents.scenes import give_plenty
from tests.canary import planted
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import PLATFORM_SECRETS, platform_key
from tests.harness.figures import Figure
from tests.harness.threads import at_once
from tests.harness.visitor import session_cookie

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

PRICE = 5


# --- Sends at once ---------------------------------------------------------------------------------


def try_accept(send: Submission) -> AcceptedReply | Existing | str:
    try:
        return accepting.accept(send)
    except NotRunnable as refusal:
        return refusal.code


def test_one_press_in_many_threads_is_one_reply(cast: Cast, chance: random.Random) -> None:
    platform_key()
    agent, session = make_agent(cast.acme, "gpt-4o"), session_cookie(cast.edith)
    for spent in range(1, 11):
        send = Submission(session, "acme", agent.pk, "Hello", uuid4().hex)

        ended = at_once(*[partial(try_accept, send)] * 6, chance=chance)

        assert Counter(type(one) for one in ended) == {AcceptedReply: 1, Existing: 5}
        assert len({one.reply_id for one in ended}) == 1
        assert ledger.balance(cast.acme).held == PRICE * spent


def test_last_credits_go_to_one_of_many(cast: Cast, chance: random.Random) -> None:
    platform_key()
    agent, session = make_agent(cast.acme, "gpt-4o"), session_cookie(cast.edith)
    grant = cast.acme.account.transfers.get(kind="grant_plan")
    ledger.reverse(grant, amount=95, actor=cast.oscar, reason="a test")
    for _ in range(10):
        sends = [Submission(session, "acme", agent.pk, "Hello", uuid4().hex) for _ in range(6)]

        ended = at_once(*[partial(try_accept, send) for send in sends], chance=chance)

        (winner,) = [one for one in ended if isinstance(one, AcceptedReply)]
        assert [one for one in ended if one is not winner] == ["credits_exhausted"] * 5
        settlement.settle(winner, Result(outcomes.decide(Cause.STOPPED, has_text=False), "", attempts=1))
        assert ledger.balance(cast.acme) == ledger.Balance(PRICE, 0)


# --- A change of switch or key, and a send ---------------------------------------------------------


def consistent(ended: AcceptedReply | str, secrets: dict[object, str]) -> None:
    """Whatever the moment, the route, the credential and the secret belong together."""
    if isinstance(ended, str):
        assert ended == "byo_key_missing"
        return
    assert ended.secret is not None
    assert ended.credential_id is not None
    owner = ProviderKey.objects.get(pk=ended.credential_id).workspace_id
    assert ended.secret.reveal() == secrets[ended.credential_id]
    assert (ended.route.billing.value, ended.route.price) == (
        ("credits", PRICE) if owner is None else ("byo", 0)
    )


def race_for_a_route(cast: Cast, chance: random.Random, count: int) -> Counter[str]:
    platform_key()
    give_plenty(cast)
    agent, session = make_agent(cast.acme, "gpt-4o"), session_cookie(cast.edith)
    secrets: dict[object, str] = {ProviderKey.objects.get(workspace=None).pk: PLATFORM_SECRETS["openai"]}
    seen: Counter[str] = Counter()

    def bring(secret: str) -> None:
        secrets[keys.replace(cast.acme, provider="openai", secret=Secret(secret)).pk] = secret

    def take_away() -> None:
        if keys.active(cast.acme, "openai"):
            keys.delete(cast.acme, provider="openai", by=None)

    bring("sk-FIRSTofAcmeQ7w8E9r0T1y2U3i4O5p6")
    for _ in range(count):
        secret = planted.new_secret("sk-")
        changes: list[Callable[[], Any]] = [
            partial(bring, secret),
            take_away,
            partial(byo.set_byo, cast.acme, enabled=True, by=None),
            partial(byo.set_byo, cast.acme, enabled=False, by=None),
        ]
        sends = [Submission(session, "acme", agent.pk, "Hello", uuid4().hex) for _ in range(3)]

        ended = at_once(chance.choice(changes), *[partial(try_accept, send) for send in sends], chance=chance)

        assert [error for error in ended if isinstance(error, Exception)] == []
        for one in ended[1:]:
            consistent(one, secrets)
            seen[one if isinstance(one, str) else one.route.billing.value] += 1
    return seen


def test_switch_or_key_changed_at_the_moment_of_a_send(
    cast: Cast, chance: random.Random, figure: Figure
) -> None:
    figure("25 changes of switch or key against 75 sends", dict(race_for_a_route(cast, chance, 25)))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_switch_or_key_changed_at_the_moment_of_many_sends(
    cast: Cast, chance: random.Random, figure: Figure
) -> None:
    figure("200 changes of switch or key against 600 sends", dict(race_for_a_route(cast, chance, 200)))
